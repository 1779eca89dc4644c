"""What the figures of experiments on finite data share: which models they show, their colours, their axes."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from superposition.plotting import FAINT, GREY, SMALL, SWEEPS
from superposition.regimes import Regimes, find_regimes

POINT, FEATURE = SWEEPS[:2]  # red and blue, as in the source
NARROW = 0.15  # share of an axis that is too short for the name of a regime
EXCESS_LINEAR = 0.02  # where the axis of a test loss turns from linear to logarithmic, on either side of 1


def best_at_first_seed(table: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Number of samples -> the rows of one model, that of the lowest seed; the tables hold best fits alone."""
    chosen = {}
    for size, rows in table.groupby("n_samples"):
        first = rows[rows["seed"] == rows["seed"].min()]
        chosen[int(size)] = first[first["instance"] == first["instance"].min()]
    return chosen


def spread(sizes: list[int], most: int) -> list[int]:
    """At most so many of the sizes, evenly from the first to the last."""
    return [sizes[index] for index in np.linspace(0, len(sizes) - 1, min(len(sizes), most)).round().astype(int)]


def format_sizes(ax: Axes, sizes: Iterable[int], label: bool = True) -> None:
    """A logarithmic axis of numbers of samples."""
    sizes = sorted(sizes)
    ax.set_xscale("log")
    ax.set_xlim(sizes[0] / 1.3, sizes[-1] * 1.3)
    ax.xaxis.set_major_locator(LogLocator(subs=(1,)) if sizes[-1] >= 10 * sizes[0] else FixedLocator(sizes))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.xaxis.set_minor_locator(LogLocator(subs=range(2, 10)) if sizes[-1] >= 10 * sizes[0] else NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    if label:
        ax.set_xlabel("training samples $T$")


def format_excess(ax: Axes) -> None:
    """An axis of test losses (values are less 1): linear near 1, what predicting 0 costs, and logarithmic beyond."""
    ax.set_yscale("symlog", linthresh=EXCESS_LINEAR, linscale=0.8)
    ax.axhline(0, color=GREY, linewidth=0.8, zorder=0)
    ax.autoscale(axis="y")  # margins as they are on this scale
    low, high = ax.get_ylim()
    losses = [0.9, 0.99, 1, 1.01, 1.1, 2, 10, 100, 1_000, 10_000, 100_000]
    ticks = [loss - 1 for loss in losses if low <= loss - 1 <= high]
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{1 + value:,.6g}"))
    ax.yaxis.set_minor_locator(NullLocator())


def draw_seeds(ax: Axes, curves: pd.DataFrame, color: str, name: str | None = None, at: int = -1) -> None:
    """A faint line for each seed and a strong one for their mean, named at the `at`-th point.

    Args:
        curves: seeds x values of the horizontal axis
    """
    curves = curves.sort_index(axis=1)
    for _, curve in curves.iterrows():
        ax.plot(curve.dropna(), color=color, linewidth=0.6, alpha=0.45, zorder=2)
    means = curves.mean()
    ax.plot(means, "o-", color=color, markersize=2.6, linewidth=1.3, zorder=3)
    if name:
        place = (means.index[at], means.iloc[at])
        ax.annotate(name, place, (4, 4), textcoords="offset points", color=color, fontsize=SMALL)


def mean_regimes(models: pd.DataFrame) -> Regimes:
    """Geometric means over seeds of where the regimes of the best fits end and begin; NaN where no seed has them."""
    best = models[models["lowest_training_loss"]]
    found = np.array([find_regimes(rows) for _, rows in best.groupby("seed")])
    logs = np.log(found)
    means = [column[~np.isnan(column)].mean() if (~np.isnan(column)).any() else np.nan for column in logs.T]
    return Regimes(*np.exp(means))


def shade_regimes(axes: Iterable[Axes], regimes: Regimes) -> None:
    """Grey between memorisation and generalisation, where both were found."""
    if not np.isnan(regimes).any():
        for ax in axes:
            ax.axvspan(*regimes, color=FAINT, alpha=0.5, linewidth=0, zorder=-1)


def name_regimes(ax: Axes, regimes: Regimes) -> None:
    """Names at the top of a panel whose horizontal limits are set."""
    if np.isnan(regimes).any():
        return
    low, high = ax.get_xlim()
    edges = [low, *regimes, high]
    for name, left, right in zip(("memorised", "in between", "generalised"), edges[:-1], edges[1:], strict=True):
        narrow = right == high and np.log(right / left) < NARROW * np.log(high / low)
        ax.annotate(
            name,
            (high if narrow else np.sqrt(left * right), 1),
            (0, -2),
            xycoords=ax.get_xaxis_transform(),
            textcoords="offset points",
            ha="right" if narrow else "center",
            va="top",
            color=GREY,
            fontsize=SMALL,
        )
