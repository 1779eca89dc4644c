"""How many features the models represent as these become sparse, and how many share a hidden dimension."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from scripts.draw_figure import draw_figure
from superposition.plotting import (
    INK,
    SPARSITY,
    color_values,
    make_figure,
    mark_level,
    set_title,
    spread_points,
    style,
    title_of,
    write_note,
)
from superposition.seeding import numpy_generator
from superposition.statistics import summarise

BUBBLE = 120  # square points, the area of a circle that stands for all restarts of a point


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = tables["models"]
        models = models[models["feature_probability"] > 0].assign(
            rarity=lambda rows: 1 / rows["feature_probability"],
            per_dimension=lambda rows: rows["frobenius_norm_squared"] / rows["n_hidden"],
        )
        figure = make_figure(height=2.6)
        left, right = figure.subplots(1, 2)
        set_title(figure, title_of(experiments))
        if models.empty:
            write_note(left, "no feature is ever present")
            right.set_axis_off()
            return figure
        draw_shares(left, models)
        draw_medians(left, models, "n_represented")
        left.set(ylabel="features represented, $|W_i| > 0.5$")
        left.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        draw_restarts(right, models)
        draw_medians(right, models, "per_dimension")
        mark_level(right, 1, "one feature per dimension")
        right.set(ylabel="features per dimension, $|W|_F^2\\,/\\,m$")
        for ax in (left, right):
            format_rarity(ax, models["rarity"])
        return figure


def draw_shares(ax: Axes, models: pd.DataFrame) -> None:
    """At each probability a circle for each number of features, its area the share of restarts of all seeds."""
    counts = models.groupby(["rarity", "n_represented"]).size().rename("count").reset_index()
    share = counts["count"] / counts.groupby("rarity")["count"].transform("sum")
    colors = color_values(counts["rarity"], SPARSITY, log=True).to_rgba(np.log(counts["rarity"]))
    ax.scatter(counts["rarity"], counts["n_represented"], s=BUBBLE * share, c=colors, linewidths=0, zorder=1)
    ax.margins(0.08, 0.12)


def draw_restarts(ax: Axes, models: pd.DataFrame) -> None:
    """A faint point for every restart of every seed, beside its neighbours."""
    offset = models.groupby("rarity")["seed"].transform(lambda rows: spread_points(len(rows), 0.22))
    colors = color_values(models["rarity"], SPARSITY, log=True).to_rgba(np.log(models["rarity"]))
    ax.scatter(
        models["rarity"] * np.exp(offset), models["per_dimension"], s=5, c=colors, alpha=0.5, linewidths=0, zorder=1
    )
    ax.margins(0.08, 0.12)


def draw_medians(ax: Axes, models: pd.DataFrame, column: str) -> None:
    """The median over restarts of each seed, its mean over seeds and the bootstrap interval of that mean."""
    medians = models.groupby(["rarity", "seed"])[column].median()
    rng = numpy_generator(0, "represented_features", column)
    summaries = {rarity: summarise(values, rng=rng) for rarity, values in medians.groupby("rarity")}
    rarity, estimate = list(summaries), np.array([summary.estimate for summary in summaries.values()])
    errors = [[s.estimate - s.low, s.high - s.estimate] for s in summaries.values()]
    ax.plot(rarity, estimate, color=INK, linewidth=1, zorder=2)
    ax.errorbar(
        rarity, estimate, np.transpose(errors), color=INK, fmt="o", markersize=2.6, elinewidth=1, capsize=2, zorder=3
    )


def format_rarity(ax: Axes, rarity: pd.Series) -> None:
    ax.set(xscale="log", xlabel="1/$p$   (sparser →)")
    if rarity.nunique() == 1:  # a logarithmic axis has no room of its own around a single value
        ax.set_xlim(rarity.iloc[0] / 2, rarity.iloc[0] * 2)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


if __name__ == "__main__":
    draw_figure(draw)
