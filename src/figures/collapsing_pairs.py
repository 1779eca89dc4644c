"""How correlated pairs collapse as they become denser: the best models in the plane, and the pairs that collapsed."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from figures.features_in_2d import choose_models, is_plane, stack
from figures.sets_in_2d import draw_model
from scripts.draw_figure import draw_figure
from superposition.plotting import (
    INK,
    SPARSITY,
    color_values,
    limit_of_planes,
    make_figure,
    set_title,
    style,
    title_of,
    write_note,
)
from superposition.seeding import numpy_generator
from superposition.statistics import summarise

COLLAPSED_COSINE = 0.97
BUBBLE = 120  # square points, the area of a circle that stands for all restarts of a point


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = choose_models(tables["features"])
        shown = [stack(model.features["direction"]) for model in models]
        figure = make_figure(height=3.4)
        set_title(figure, title_of(experiments))
        upper, lower = figure.subfigures(2, 1, height_ratios=(1, 2.2))
        limit = limit_of_planes(*(directions for directions in shown if is_plane(directions)))
        for ax, model in zip(upper.subplots(1, len(models), squeeze=False)[0], models, strict=True):
            draw_model(ax, model, limit)
        draw_counts(lower.subplots(), count_collapsed(tables["sets"]))
        return figure


def count_collapsed(sets: pd.DataFrame) -> pd.DataFrame:
    """A row per model: how many of its pairs have collapsed."""
    collapsed = sets.assign(n_collapsed=sets["min_cosine"] > COLLAPSED_COSINE)
    keys = ["experiment", "seed", "point", "instance", "feature_probability", "lowest_loss"]
    return collapsed.groupby(keys)["n_collapsed"].sum().reset_index()


def draw_counts(ax: Axes, counts: pd.DataFrame) -> None:
    counts = counts[counts["feature_probability"] > 0]
    if counts.empty:
        write_note(ax, "no feature is ever present")
        return
    shares = counts.groupby(["feature_probability", "n_collapsed"]).size().rename("count").reset_index()
    share = shares["count"] / shares.groupby("feature_probability")["count"].transform("sum")
    colors = color_values(1 / shares["feature_probability"], SPARSITY, log=True)
    colors = colors.to_rgba(-np.log(shares["feature_probability"]))
    ax.scatter(shares["feature_probability"], shares["n_collapsed"], s=BUBBLE * share, c=colors, linewidths=0, zorder=1)
    best = counts[counts["lowest_loss"]].groupby(["feature_probability", "seed"])["n_collapsed"].first()
    rng = numpy_generator(0, "collapsing_pairs")
    summaries = {p: summarise(values.astype(float), rng=rng) for p, values in best.groupby("feature_probability")}
    estimate = [summary.estimate for summary in summaries.values()]
    errors = [[s.estimate - s.low, s.high - s.estimate] for s in summaries.values()]
    ax.errorbar(
        list(summaries), estimate, np.transpose(errors), color=INK, fmt="-o", markersize=2.6, elinewidth=1, capsize=2
    )
    ax.set(xscale="log", xlabel="probability $p$ of a pair   (denser →)", ylabel="collapsed pairs")
    ax.set_xticks(sorted(summaries))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.margins(0.05, 0.12)


if __name__ == "__main__":
    draw_figure(draw)
