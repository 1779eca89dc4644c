"""Whether features lie along hidden units: the weights with and without a hidden ReLU, and their alignment."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.neurons import show_matrix
from figures.represented_features import format_rarity
from scripts.draw_figure import draw_figure
from superposition.plotting import (
    DASHES,
    GREY,
    SMALL,
    color_sweeps,
    format_probability,
    make_figure,
    set_title,
    style,
    title_of,
    write_note,
)

NAMES = {"hidden_relu": "ReLU hidden units", "relu_output": "linear hidden units", "linear": "linear model"}


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = tables["models"]
        best = models[models["lowest_loss"] & (models["feature_probability"] > 0)]
        best = best.assign(rarity=1 / best["feature_probability"])
        names = list(experiments)
        figure = make_figure(height=2.8)
        set_title(figure, title_of(experiments))
        axes = figure.subplots(1, 1 + len(names), width_ratios=[2.4] + [0.9] * len(names), squeeze=False)[0]
        if best.empty:
            write_note(axes[0], "no feature is ever present")
            for ax in axes[1:]:
                ax.set_axis_off()
            return figure
        colors = color_sweeps(names)
        draw_alignment(axes[0], best, colors)
        matrices = {name: densest_matrix(tables["features"], name) for name in names}
        limit = max(np.abs(matrix).max() for matrix, _ in matrices.values())
        for ax, name in zip(axes[1:], names, strict=True):
            matrix, probability = matrices[name]
            show_matrix(ax, matrix, limit)
            kind = best.loc[best["experiment"] == name, "kind"].iloc[0]
            title = f"{NAMES.get(kind, kind)}\n{format_probability(probability)}"
            ax.set_title(title, loc="center", color=colors[name], fontsize=SMALL)
            ax.set(xlabel="hidden unit", ylabel="feature ↓" if ax is axes[1] else "")
        return figure


def draw_alignment(ax: Axes, best: pd.DataFrame, colors: dict[str, str]) -> None:
    """The best model of each seed and probability, and what a random rotation of it hardly ever exceeds."""
    for name, rows in best.groupby("experiment", sort=False):
        mean = rows.groupby("rarity")[["basis_alignment", "rotated_alignment"]].mean()
        ax.plot(rows["rarity"], rows["basis_alignment"], ".", color=colors[name], markersize=4, alpha=0.6)
        ax.plot(mean.index, mean["basis_alignment"], color=colors[name])
        ax.plot(mean.index, mean["rotated_alignment"], color=colors[name], linewidth=0.8, linestyle=DASHES)
    note = {"color": GREY, "fontsize": SMALL, "ha": "left", "va": "bottom", "transform": ax.transAxes}
    ax.text(0.02, 0.02, "dashed: 99 % of rotations lie below", **note)
    ax.set(ylabel="alignment, mean of $\\max_k |W_{ki}|\\,/\\,|W_i|$")
    ax.set_ylim(top=1.02)
    ax.margins(y=0.12)
    format_rarity(ax, best["rarity"])


def densest_matrix(features: pd.DataFrame, experiment: str) -> tuple[np.ndarray, float]:
    """W (n_hidden, n_features) of the best model at the largest probability and lowest seed, and that probability."""
    rows = features[(features["experiment"] == experiment) & features["lowest_loss"]]
    rows = rows[rows["seed"] == rows["seed"].min()]
    rows = rows[rows["feature_probability"] == rows["feature_probability"].max()]
    rows = rows[rows["instance"] == rows["instance"].min()].sort_values("feature")
    return np.stack(rows["direction"].to_list()).T.astype(float), rows["feature_probability"].iloc[0]


if __name__ == "__main__":
    draw_figure(draw)
