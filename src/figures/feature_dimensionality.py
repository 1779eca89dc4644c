"""The dimensionality D_i of every feature against sparsity: features gather on the lines of regular polytopes."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.represented_features import format_rarity
from scripts.draw_figure import draw_figure
from superposition.plotting import (
    DASHES,
    GREY,
    INK,
    SMALL,
    SWEEPS,
    make_figure,
    set_title,
    spread_points,
    style,
    title_of,
)

# D_i of a feature in each polytope, whose vertices are features of equal length.
POLYTOPES = {
    "one": (1, "1  own dimension"),
    "3/4": (3 / 4, "3/4  tetrahedron"),
    "2/3": (2 / 3, "2/3  triangle"),
    "1/2": (1 / 2, "1/2  digon"),
    "2/5": (2 / 5, "2/5  pentagon"),
    "3/8": (3 / 8, "3/8  square antiprism"),
}
JITTER = 0.45  # of the distance between neighbouring densities
BESIDE = 0.8  # height at which the curve has its name: it falls steeply there, and few features are near


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        features, models = tables["features"], tables["models"]
        seed = features["seed"].min()
        features = features[features["seed"] == seed].assign(rarity=lambda rows: 1 / rows["feature_probability"])
        models = models[models["seed"] == seed].assign(rarity=lambda rows: 1 / rows["feature_probability"])
        figure = make_figure(height=3.7)
        ax = figure.subplots()
        set_title(figure, title_of(experiments) + f", seed {seed}")
        draw_lines(ax)
        draw_features(ax, features)
        curve = models.groupby("rarity")["dimensions_per_feature"].mean()
        ax.plot(curve.index, curve, color=SWEEPS[0], linewidth=1.2, zorder=3)
        steep = (curve - BESIDE).abs().idxmin()
        ax.annotate("$D^*$", (steep, curve[steep]), (8, 4), textcoords="offset points", color=SWEEPS[0])
        format_rarity(ax, features["rarity"])
        ax.set(ylabel="dimensionality of a feature, $D_i$", ylim=(-0.03, 1.08))
        return figure


def draw_lines(ax: Axes) -> None:
    """A line for each polytope, its name beside the panel; names of near neighbours are moved apart."""
    for key, (level, name) in POLYTOPES.items():
        ax.axhline(level, color=GREY, linewidth=0.6, linestyle=DASHES, zorder=0)
        lift = {"2/5": 4, "3/8": -4, "3/4": 2, "2/3": -2}.get(key, 0)
        style = {"va": "center", "fontsize": SMALL, "color": GREY, "annotation_clip": False}
        ax.annotate(
            name, (1, level), (4, lift), xycoords=("axes fraction", "data"), textcoords="offset points", **style
        )


def draw_features(ax: Axes, features: pd.DataFrame) -> None:
    """Represented features in ink, the others pale, each model's spread out sideways."""
    rarities = np.sort(features["rarity"].unique())
    widths = dict(zip(rarities, spacing(np.log(rarities)), strict=True))
    offset = features.groupby(["rarity", "instance"])["feature"].transform(lambda rows: spread_points(len(rows), 1))
    x = features["rarity"] * np.exp(JITTER * offset * features["rarity"].map(widths))
    shown = features["represented"].astype(bool)
    for rows, color, size in ((~shown, GREY, 0.8), (shown, INK, 2.2)):
        ax.scatter(
            x[rows], features.loc[rows, "dimensionality"], s=size, color=color, linewidths=0, alpha=0.7, zorder=2
        )


def spacing(positions: np.ndarray) -> np.ndarray:
    """The distance of each of the sorted positions to its nearest neighbour; 1 for a single one."""
    if len(positions) == 1:
        return np.ones(1)
    gaps = np.diff(positions)
    return np.minimum(np.append(gaps, np.inf), np.insert(gaps, 0, np.inf))


if __name__ == "__main__":
    draw_figure(draw)
