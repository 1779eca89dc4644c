"""What a sweep asks for: the importance of every feature, and the probabilities at which models are trained."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from scripts.draw_figure import draw_figure
from superposition.plotting import (
    FAINT,
    IMPORTANCE,
    SMALL,
    SPARSITY,
    color_values,
    make_figure,
    set_title,
    style,
    title_of,
)

MOST_LABELS = 12  # values that fit in a panel as text


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        features = tables["features"]
        figure = make_figure(height=2.0)
        left, right = figure.subplots(1, 2)
        set_title(figure, title_of(experiments))
        draw_importance(left, list_values(features, "feature", "importance"))
        draw_probability(right, list_values(features, "point", "feature_probability"))
        for ax in (left, right):
            ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        return figure


def list_values(features: pd.DataFrame, index: str, column: str) -> pd.Series:
    """The values of a column, counted from one."""
    values = features.groupby(index)[column].first()
    return values.set_axis(values.index + 1)


def draw_importance(ax: Axes, importance: pd.Series) -> None:
    colors = color_values(importance, IMPORTANCE).to_rgba(importance)
    ax.bar(importance.index, importance, width=0.62, color=colors)
    ax.set(xlabel="feature $i$", ylabel="importance $I_i$", ylim=(0, 1.15 * importance.max()))
    label_values(ax, importance, offset=(0, 3), ha="center")


def draw_probability(ax: Axes, probability: pd.Series) -> None:
    log = probability.min() > 0
    sparsity = -np.log(probability) if log else -probability
    ax.plot(probability.index, probability, color=FAINT, zorder=1)
    ax.scatter(probability.index, probability, c=color_values(sparsity, SPARSITY).to_rgba(sparsity), s=26, zorder=2)
    ax.set(xlabel="point of the sweep", ylabel="feature probability $p$")
    ax.set_xlim(probability.index.min() - 0.5, probability.index.max() + 0.9)
    if log:
        ax.set(yscale="log", ylim=(probability.min() / 1.6, probability.max() * 2))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    label_values(ax, probability, offset=(4, 2), ha="left")


def label_values(ax: Axes, values: pd.Series, offset: tuple[float, float], ha: str) -> None:
    """Each value as text beside its mark, `offset` points away, unless there are too many."""
    if len(values) <= MOST_LABELS:
        for place in values.items():
            ax.annotate(f"{place[1]:.2g}", place, xytext=offset, textcoords="offset points", ha=ha, fontsize=SMALL)


if __name__ == "__main__":
    draw_figure(draw)
