"""Hidden dimensions per feature learned, D* = m / |W|_F^2, as features become sparse."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.represented_features import format_rarity
from scripts.draw_figure import draw_figure
from superposition.plotting import (
    DASHES,
    GREY,
    SMALL,
    color_sweeps,
    make_figure,
    mark_level,
    set_title,
    style,
    title_of,
)
from superposition.seeding import numpy_generator
from superposition.statistics import summarise


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = tables["models"].assign(rarity=lambda rows: 1 / rows["feature_probability"])
        figure = make_figure(height=2.9)
        ax, crowd = figure.subplots(1, 2)
        set_title(figure, title_of(experiments))
        for name, color in color_sweeps(experiments).items():
            draw_means(ax, models[models["experiment"] == name], "dimensions_per_feature", color)
            rows = models[models["experiment"] == name]
            draw_means(crowd, rows.assign(crowd=rows["n_represented"] / rows["n_hidden"]), "crowd", color)
        mark_level(ax, 0.5, "1/2: antipodal pairs")
        draw_bound(crowd, models)
        name_models(ax, models, experiments)
        ax.set(ylabel="dimensions per feature, $D^* = m\\,/\\,|W|_F^2$", ylim=(0, None))
        crowd.set(ylabel="features represented per dimension", ylim=(0, 1.15 * highest(models)))
        for panel in (ax, crowd):
            format_rarity(panel, models["rarity"])
        return figure


def highest(models: pd.DataFrame) -> float:
    return max(1.0, float((models["n_represented"] / models["n_hidden"]).max()))


def draw_means(ax: Axes, models: pd.DataFrame, column: str, color: str) -> None:
    """The mean over restarts of each seed, its mean over seeds and the bootstrap interval of that mean."""
    means = models.groupby(["rarity", "seed"])[column].mean()
    rng = numpy_generator(0, "dimensions_per_feature", column)
    found = {rarity: summarise(values, rng=rng) for rarity, values in means.groupby("rarity")}
    estimates = np.array([summary.estimate for summary in found.values()])
    errors = np.array([[s.estimate - s.low, s.high - s.estimate] for s in found.values()]).T
    ax.errorbar(
        list(found), estimates, errors, color=color, fmt="o-", markersize=2.6, linewidth=1, elinewidth=0.8, capsize=1.5
    )


def draw_bound(ax: Axes, models: pd.DataFrame) -> None:
    """1 / (p log 1/p), how many sparse features per dimension compressed sensing can tell apart, up to a constant."""
    low, high = models["feature_probability"].min(), models["feature_probability"].max()
    p = np.geomspace(low, min(high, 0.98), 300) if low < 0.98 else np.array([])
    ax.plot(1 / p, 1 / (p * np.log(1 / p)), color=GREY, linewidth=0.9, linestyle=DASHES, zorder=0)
    text = "$1\\,/\\,(p\\,\\log\\,1/p)$: the bound of\ncompressed sensing, without its constant"
    ax.text(0.98, 0.03, text, transform=ax.transAxes, ha="right", va="bottom", fontsize=SMALL, color=GREY)


def name_models(ax: Axes, models: pd.DataFrame, experiments: dict[str, dict]) -> None:
    """Each experiment's numbers of features and dimensions, in its colour."""
    for row, (name, color) in enumerate(color_sweeps(experiments).items()):
        shapes = models.loc[models["experiment"] == name, ["n_features", "n_hidden"]]
        if shapes.empty:
            continue
        n, m = shapes.iloc[0]
        place = {"transform": ax.transAxes, "ha": "right", "va": "top"}
        ax.text(0.98, 0.97 - 0.09 * row, f"{n} features in {m} dimensions", color=color, **place)


if __name__ == "__main__":
    draw_figure(draw)
