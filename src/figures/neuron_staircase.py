"""How many neurons stand for one feature and for several, and how many features there are for them, by sparsity."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from figures.represented_features import format_rarity
from scripts.draw_figure import draw_figure
from superposition.plotting import GREY, SMALL, SWEEPS, make_figure, mark_level, set_title, style, title_of, write_note
from superposition.seeding import numpy_generator
from superposition.statistics import summarise

MONO, POLY, DEAD = SWEEPS[1], SWEEPS[0], GREY
RESPONSE = 0.5  # of |x| that makes a feature count as computed


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        best = {
            name: (rows := tables[name])[rows["lowest_loss"] & (rows["feature_probability"] > 0)].assign(
                rarity=lambda rows: 1 / rows["feature_probability"]
            )
            for name in ("neurons", "features")
        }
        figure = make_figure(height=2.6)
        left, right = figure.subplots(1, 2)
        set_title(figure, title_of(experiments))
        if best["neurons"].empty:
            write_note(left, "no model with neurons")
            right.set_axis_off()
            return figure
        draw_neurons(left, best["neurons"])
        draw_features(right, best["features"], best["neurons"]["neuron"].nunique())
        for ax in (left, right):
            format_rarity(ax, best["neurons"]["rarity"])
            ax.set_ylim(bottom=-0.04 * ax.get_ylim()[1])
            ax.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        return figure


def draw_neurons(ax: Axes, neurons: pd.DataFrame) -> None:
    kinds = neurons.assign(dead=neurons["n_dominant"] == 0)
    counts = kinds.groupby(["rarity", "seed"])[["monosemantic", "polysemantic", "dead"]].sum()
    names = {"monosemantic": ("one feature", MONO), "polysemantic": ("several", POLY)}
    names |= {"dead": ("none (dead)", DEAD)} if counts["dead"].any() else {}
    for column, (label, color) in names.items():
        draw_curve(ax, counts[column], label, color)
    ax.set(ylabel="neurons that stand for …")
    ax.legend(loc="best", labelcolor="linecolor")


def draw_features(ax: Axes, features: pd.DataFrame, n_neurons: int) -> None:
    computed = (features["positive_response"] > RESPONSE) & (features["negative_response"] > RESPONSE)
    counts = features.assign(computed=computed).groupby(["rarity", "seed"])[["represented", "computed"]].sum()
    draw_curve(ax, counts["represented"], "$|W_i| > 0.5$", MONO)
    if computed.any():
        draw_curve(ax, counts["computed"], "$|x_i|$ comes out, both signs", POLY)
        mark_level(ax, n_neurons / 2, "$m/2$", "beside")
    mark_level(ax, n_neurons, "$m$", "beside")
    ax.set(ylabel="features, best model")
    ax.legend(loc="best", labelcolor="linecolor", fontsize=SMALL)


def draw_curve(ax: Axes, counts: pd.Series, label: str, color: str) -> None:
    """The mean over seeds of counts (index: rarity, seed), with its bootstrap interval where the seeds differ."""
    summaries = {}
    for rarity, values in counts.groupby("rarity"):
        rng = numpy_generator(0, "neuron_staircase", label, str(rarity))
        summaries[rarity] = summarise(values.to_numpy(float), rng=rng)
    estimates = [summary.estimate for summary in summaries.values()]
    lows, highs = ([getattr(s, end) for s in summaries.values()] for end in ("low", "high"))
    errors = [
        [e - x for e, x in zip(estimates, lows, strict=True)],
        [x - e for e, x in zip(estimates, highs, strict=True)],
    ]
    marks = {"fmt": "o-", "markersize": 3.2, "linewidth": 1.1, "elinewidth": 0.9, "capsize": 2}
    ax.errorbar(list(summaries), estimates, errors, color=color, label=label, **marks)


if __name__ == "__main__":
    draw_figure(draw)
