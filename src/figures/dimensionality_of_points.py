"""How much of a hidden dimension each feature and each training sample has, against the number of samples."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.finite_data_elements import (
    FEATURE,
    POINT,
    best_at_first_seed,
    format_sizes,
    mean_regimes,
    name_regimes,
    shade_regimes,
)
from scripts.draw_figure import draw_figure
from superposition.plotting import BASE, DASHES, GREY, SMALL, make_figure, set_title, spread_points, style, title_of

APART = 0.035  # of the natural logarithm of T, by which features and samples stand beside their T
WIDTH = 0.05


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        figure = make_figure(height=2.9)
        set_title(figure, title_of(experiments))
        ax = figure.subplots()
        draw_dimensionality(ax, tables)
        regimes = mean_regimes(tables["finite_models"])
        shade_regimes([ax], regimes)
        name_regimes(ax, regimes)
        return figure


def draw_dimensionality(ax: Axes, tables: dict[str, pd.DataFrame]) -> None:
    """The first seed's best fits; m / T as a dashed line."""
    models, highest = tables["finite_models"], 0.0
    for table, color, side in (("finite_features", FEATURE, -1), ("training_points", POINT, 1)):
        for size, rows in best_at_first_seed(tables[table]).items():
            values = np.sort(rows["dimensionality"].to_numpy())
            highest = max(highest, values[-1])
            places = size * np.exp(side * APART + spread_points(len(values), WIDTH))
            ax.plot(places, values, "o", color=color, markersize=1.7, markeredgewidth=0, alpha=0.6)
    sizes = np.array(sorted(models["n_samples"].unique()))
    format_sizes(ax, sizes)
    n_hidden = int(models["n_hidden"].iloc[0])
    line = np.geomspace(*ax.get_xlim(), 100)
    ax.plot(line, n_hidden / line, color=GREY, linewidth=0.9, linestyle=DASHES, zorder=0)
    ax.set(ylim=(-0.02, max(1.02 * n_hidden / sizes[0] + 0.12, 1.04 * highest)), ylabel="dimensionality $D$")
    place = (sizes[0] / 0.9, 0.9 * n_hidden / sizes[0])
    ax.annotate("$m/T$", place, (5, 2), textcoords="offset points", color=GREY, fontsize=SMALL)
    for height, name, color in ((0.86, "features", FEATURE), (0.76, "training samples", POINT)):
        ax.text(0.995, height, name, color=color, transform=ax.transAxes, ha="right", va="top", fontsize=BASE)


if __name__ == "__main__":
    draw_figure(draw)
