"""What each neuron of a dense and a sparse model reads and writes, the large weights with their feature's number."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.computing_neurons import sort_neurons
from figures.neurons import choose_best, color_features
from scripts.draw_figure import draw_figure
from superposition.plotting import FAINT, INK, make_figure, set_title, style, title_of, write_note

LABELLED = 0.25  # of a neuron's largest weight
CLOSE = 0.07  # of the height of the panel: labels nearer than that move to the other side
LABEL = 5.5  # points


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = choose_best(tables["neurons"])
        figure = make_figure(height=3.9)
        title = title_of(experiments)
        if not models:
            set_title(figure, title)
            write_note(figure.subplots(), "no model with neurons")
            return figure
        set_title(figure, title)
        shown = models if len(models) < 2 else [models[0], models[-1]]
        axes = figure.subplots(2, len(shown), squeeze=False)
        for (above, below), model in zip(axes.T, shown, strict=True):
            order = sort_neurons(model.neurons)
            scale = np.abs(model.W_in[order]).max(1, keepdims=True).clip(min=1e-9)
            draw_weights(above, model.W_in[order] / scale)
            draw_weights(below, model.W_out[order] * scale)
            above.set_title(model.title)
            below.set_xlabel("neuron")
        axes[0, 0].set_ylabel("reads: $W_{1,ki}$, scaled")
        axes[1, 0].set_ylabel("writes: $W_{2,ik}$, scaled")
        return figure


def draw_weights(ax: Axes, weights: np.ndarray) -> None:
    """weights (neurons, n_features)."""
    colors, limit = color_features(weights.shape[1]), 1.15 * max(np.abs(weights).max(), 1e-9)
    ax.axhline(0, color=FAINT, linewidth=0.6, zorder=0)
    for x, row in enumerate(weights):
        ax.axvline(x, color=FAINT, linewidth=0.6, zorder=0)
        ax.scatter(np.full(len(row), x), row, s=9, c=colors, linewidths=0, zorder=2)
        label_weights(ax, x, row, limit)
    ax.set_xlim(-0.6, len(weights) - 0.4)
    ax.set_ylim(-limit, limit)
    ax.set_xticks([])


def label_weights(ax: Axes, x: int, row: np.ndarray, limit: float) -> None:
    """The numbers of the large weights of one neuron, beside their dots; neighbours on opposite sides."""
    large = [i for i in np.argsort(-row) if abs(row[i]) > LABELLED * np.abs(row).max()]
    side, last = 1, np.inf
    for feature in large:
        side = -side if last - row[feature] < 2 * limit * CLOSE else 1
        last = row[feature]
        place = {"xytext": (4 * side, 0), "textcoords": "offset points", "ha": "left" if side > 0 else "right"}
        ax.annotate(str(feature + 1), (x, row[feature]), **place, va="center", fontsize=LABEL, color=INK)


if __name__ == "__main__":
    draw_figure(draw)
