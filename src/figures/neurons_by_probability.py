"""The neurons of the best models: their weights as a heat map and, below it, as stacks."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from figures.neurons import WEIGHTS, Model, choose_best, show_matrix, stack_weights
from scripts.draw_figure import draw_figure
from superposition.plotting import (
    INK,
    SMALL,
    add_colorbar,
    arrange_panels,
    make_figure,
    set_title,
    style,
    title_of,
    write_note,
)

MOST_PANELS = 15
LABEL = 5.0  # points, the numbers of features in the stacks
SATURATED = 0.97  # share of the weights that the scale of colours tells apart: a few are far larger than the rest
ROW = 2.15  # inches, a heat map and the stacks below it


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = choose_best(tables["neurons"])[:MOST_PANELS]
        rows, columns = arrange_panels(max(len(models), 1))
        figure = make_figure(height=0.35 + rows * ROW)
        set_title(figure, title_of(experiments))
        if not models:
            write_note(figure.subplots(), "no model with neurons")
            return figure
        ratios = [1.0, 0.9] * rows
        axes = figure.subplots(2 * rows, columns, squeeze=False, gridspec_kw={"height_ratios": ratios})
        limit = np.quantile(np.concatenate([np.abs(model.W_in).flatten() for model in models]), SATURATED) or 1.0
        tallest = max(np.abs(model.W_in).sum(1).max() for model in models)
        swept = len(models) > len(experiments)
        for index in range(rows * columns):
            above, below = axes[2 * (index // columns) : 2 * (index // columns) + 2, index % columns]
            if index >= len(models):
                above.set_axis_off()
                below.set_axis_off()
                continue
            model = models[index]
            title = model.title if swept else f"$n$ = {model.W_in.shape[1]} features"
            above.set_title(title, loc="center", pad=2)
            show_matrix(above, model.W_in, limit)
            draw_stacks(below, model, tallest)
            if index % columns == 0:
                above.set_ylabel("feature ↓")
                below.set_ylabel("$|W_{ki}|$, stacked")
            else:
                below.set_yticklabels([])
        colors = ScalarMappable(Normalize(-limit, limit), WEIGHTS.copy())
        colors.cmap.colorbar_extend = "both"
        tick = np.floor(10 * limit) / 10
        add_colorbar(figure, colors, "weight $W_{ki}$", [-tick, 0, tick])
        return figure


def draw_stacks(ax: Axes, model: Model, tallest: float) -> None:
    """The stacks of a model's neurons, and its hidden biases where it has any."""
    positions, bias = np.arange(len(model.W_in)), model.neurons["bias"].to_numpy()
    stack_weights(ax, model.W_in, positions, LABEL)
    if bias.any():  # at the edge of the stack, beside the numbers
        edge = {"color": INK, "markeredgecolor": "white", "markersize": 4, "markeredgewidth": 0.6}
        ax.plot(positions + 0.36, bias, "D", zorder=3, **edge)
    ax.set_ylim(min(0, bias.min() * 1.2), 1.05 * max(tallest, bias.max(), 1e-9))
    ax.set_xticks([])
    ax.set_xlabel("neuron", fontsize=SMALL, labelpad=2)


if __name__ == "__main__":
    draw_figure(draw)
