"""Which features of a model interfere: nodes are features, edges are large |W_i . W_j|, at several sparsities."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from scripts.draw_figure import draw_figure
from superposition.components import EDGE_COSINE
from superposition.plotting import (
    INK,
    SMALL,
    add_colorbar,
    format_probability,
    make_figure,
    set_title,
    style,
    title_of,
    write_note,
)

CHOSEN = (0.6, 0.5, 0.4, 0.25, 0.2, 0.15)  # densities at which the source's kinds of polytopes are found
COLORS = "viridis"


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        features = tables["features"]
        features = features[(features["seed"] == features["seed"].min()) & features["lowest_loss"].astype(bool)]
        chosen = choose_densities(features["feature_probability"].unique())
        rows = -(-len(chosen) // 3)
        figure = make_figure(height=2.35 * rows + 0.35)
        panels = figure.subplots(rows, min(3, len(chosen)), squeeze=False).flatten()
        set_title(figure, title_of(experiments))
        colors = ScalarMappable(Normalize(0, 1), COLORS)
        for ax, p in zip(panels, chosen, strict=False):
            ax.set_title(format_probability(p), loc="center", pad=2)
            model = features[features["feature_probability"] == p]
            draw_graph(ax, model[model["represented"].astype(bool)], colors)
        for ax in panels[len(chosen) :]:
            ax.set_axis_off()
        add_colorbar(figure, colors, "dimensionality $D_i$", [0, 0.25, 0.5, 0.75, 1])
        return figure


def choose_densities(probabilities: np.ndarray) -> list[float]:
    """The probability nearest to each of CHOSEN, once each, dense to sparse."""
    nearest = {float(min(probabilities, key=lambda p, c=c: abs(math.log(p / c)))) for c in CHOSEN}
    return sorted(nearest, reverse=True)


def draw_graph(ax: Axes, features: pd.DataFrame, colors: ScalarMappable) -> None:
    """Components in a grid, largest first; within one, features on a circle in the order of an angle."""
    if features.empty:
        write_note(ax, "no feature is represented")
        return
    directions = np.stack(features["direction"].to_list()).astype(float)
    places = place_components(features["component"].to_numpy(), directions)
    products = directions @ directions.T
    lengths = np.linalg.norm(directions, axis=1)
    i, j = np.nonzero(np.triu(np.abs(products / np.outer(lengths, lengths)) > EDGE_COSINE, 1))
    width = np.clip(np.abs(products[i, j]), 0, 1)
    if len(i) > 0:  # no edges have no limits, which the axes ask for
        edges = LineCollection(np.stack([places[i], places[j]], axis=1), colors=INK, linewidths=0.9 * width, zorder=1)
        edges.set_alpha(np.clip(width, 0.05, 1))
        ax.add_collection(edges)
    shades = colors.to_rgba(np.clip(features["dimensionality"], 0, 1))
    ax.scatter(*places.T, s=7, c=shades, linewidths=0, zorder=2)
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.autoscale_view()
    sizes = features["component"].value_counts()
    text = f"{len(features)} features in {len(sizes)} component{'s' if len(sizes) > 1 else ''}"
    ax.text(0.5, 0.0, text, transform=ax.transAxes, ha="center", va="top", fontsize=SMALL)


def place_components(component: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(features, 2) places: components on rows of a square, the largest first; each takes a disc of its size."""
    labels, counts = np.unique(component, return_counts=True)
    radii = {label: 0.28 * math.sqrt(count) for label, count in zip(labels, counts, strict=True)}
    order = sorted(labels, key=lambda label: (-radii[label], label))
    side = math.sqrt(sum((2.4 * radius + 0.3) ** 2 for radius in radii.values()))
    places, x, y, height = np.zeros((len(component), 2)), 0.0, 0.0, 0.0
    for label in order:
        radius = radii[label] + 0.15
        if x > 0 and x + 2 * radius > side:
            x, y, height = 0.0, y - height, 0.0
        height = max(height, 2.2 * radius)
        members = np.flatnonzero(component == label)
        angles = 2 * np.pi * np.arange(len(members)) / len(members) + np.pi / 4
        ordered = members[order_around(directions[members])]
        places[ordered] = np.array([x + radius, y - radius]) + radii[label] * np.stack(
            [np.cos(angles), np.sin(angles)], axis=1
        )
        x += 2.2 * radius
    return places


def order_around(directions: np.ndarray) -> np.ndarray:
    """The order of the directions' angles in the plane that fits them best, so that polygons look like polygons."""
    if len(directions) < 3:
        return np.arange(len(directions))
    plane = np.linalg.svd(directions, full_matrices=False)[0][:, :2]
    return np.argsort(np.arctan2(plane[:, 1], plane[:, 0]))


if __name__ == "__main__":
    draw_figure(draw)
