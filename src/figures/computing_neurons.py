"""Every neuron of the best models as a stack of its weights, by sparsity; shaded by how many features it stands for."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.neurons import Model, choose_best, stack_weights
from scripts.draw_figure import draw_figure
from superposition.plotting import GREY, SMALL, make_figure, set_title, style, title_of, write_note

MOST_PANELS = 8
ROW = 0.86  # inches
SHADES = {1: "#dbe7f3", 2: "#f8e3d2"}  # one feature, several; a dead neuron has a white background


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = choose_best(tables["neurons"])[:MOST_PANELS]
        figure = make_figure(height=0.6 + ROW * max(len(models), 1))
        set_title(figure, title_of(experiments))
        if not models:
            write_note(figure.subplots(), "no model with neurons")
            return figure
        axes = figure.subplots(len(models), 1, squeeze=False)[:, 0]
        n_colors = max(model.neurons["largest_feature"].max() for model in models) + 1
        for ax, model in zip(axes, models, strict=True):
            draw_model(ax, model, n_colors)
        axes[-1].set_xlabel("neurons, those of the most important features first")
        figure.supylabel("$|W_{1,ki}|$, stacked", fontsize=SMALL)
        return figure


def sort_neurons(neurons: pd.DataFrame) -> np.ndarray:
    """Their order by the importance of the feature with the largest weight; dead neurons last."""
    keys = (neurons["neuron"], neurons["largest_feature"], neurons["n_dominant"] == 0)
    return np.lexsort(keys)


def draw_model(ax: Axes, model: Model, n_colors: int) -> None:
    order, positions = sort_neurons(model.neurons), np.arange(len(model.W_in))
    dominant = model.neurons["n_dominant"].to_numpy()[order]
    for x, count in zip(positions, dominant, strict=True):
        if count:
            ax.axvspan(x - 0.5, x + 0.5, color=SHADES[min(count, 2)], linewidth=0, zorder=0)
    stack_weights(ax, model.W_in[order], positions, n_colors=n_colors)
    ax.set_xlim(-0.5, len(positions) - 0.5)
    ax.set_ylim(0, 1.08 * max(np.abs(model.W_in).sum(1).max(), 1e-9))
    ax.set_xticks([])
    ax.locator_params(axis="y", nbins=3)
    ax.set_title(model.title, pad=2, fontsize=SMALL)
    counted = f"{(dominant == 1).sum()} for one feature, {(dominant > 1).sum()} for several"
    dead = (dominant == 0).sum()
    ax.set_title(counted + (f", {dead} dead" if dead else ""), loc="right", pad=2, fontsize=SMALL, color=GREY)


if __name__ == "__main__":
    draw_figure(draw)
