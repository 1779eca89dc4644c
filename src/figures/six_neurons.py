"""A whole model as a circuit: features above, neurons between, outputs below, weights as lines."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.neurons import NEGATIVE, POSITIVE, choose_best
from scripts.draw_figure import draw_figure
from superposition.plotting import INK, SMALL, make_figure, set_title, style, title_of, write_note

MOST_NEURONS = 16
LEVELS = (2.0, 1.0, 0.0)  # heights of inputs, neurons, outputs
WIDEST = 5.0  # points, the line of the largest weight
BOX = {"boxstyle": "round,pad=0.35", "facecolor": "#f2f2f2", "edgecolor": INK, "linewidth": 0.8}
THINNEST = 0.02  # of the largest weight: thinner lines are left out


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = choose_best(tables["neurons"])
        figure = make_figure(height=2.9)
        ax = figure.subplots()
        set_title(figure, title_of(experiments))
        if not models or len(models[0].W_in) > MOST_NEURONS:
            write_note(ax, f"no model with up to {MOST_NEURONS} neurons")
            return figure
        model = models[0]
        features = list(range(model.W_in.shape[1]))
        neurons = sorted(range(len(model.W_in)), key=lambda k: place_of(model.W_in[k]))
        scale = np.abs(model.W_in).max(1, keepdims=True).clip(min=1e-9)
        draw_circuit(ax, model.W_in / scale, model.W_out * scale, features, neurons, target="|x_{%d}|", away=0.5)
        return figure


def place_of(weights: np.ndarray) -> tuple[int, bool]:
    """Neurons in the order of their features, the positive before the negative."""
    feature = int(np.abs(weights).argmax())
    return feature, weights[feature] < 0


def draw_circuit(
    ax: Axes,
    W_1: np.ndarray,
    W_2: np.ndarray,
    features: list[int],
    neurons: list[int],
    target: str,
    most: float = THINNEST,
    away: float = 0.3,
) -> None:
    """The weights between some features and some neurons, of W_1 and W_2^T (n_hidden, n_features).

    Args:
        target: what the outputs are called, with a place for the feature's number
        most: the share of the largest weight that a line needs to get its number as well
        away: from its feature, where on a line that is; where lines cross, they are apart near the features
    """
    above, middle, below = LEVELS
    at = dict(zip(features, spread(len(features)), strict=True))
    of = dict(zip(neurons, spread(len(neurons)), strict=True))
    largest = max(np.abs(W[np.ix_(neurons, features)]).max() for W in (W_1, W_2)) or 1.0
    for k in neurons:
        for i in features:
            draw_weight(ax, (at[i], above), (of[k], middle), W_1[k, i], largest, most, away)
            draw_weight(ax, (of[k], middle), (at[i], below), W_2[k, i], largest, most, 1 - away)
    circle = {"ha": "center", "va": "center", "fontsize": SMALL, "zorder": 4}
    for i in features:
        for height, name in ((above, f"$x_{{{i + 1}}}$"), (below, f"${target % (i + 1)}$")):
            ax.text(at[i], height, name, bbox=BOX | {"facecolor": "white"}, **circle)
    for k in neurons:
        ax.text(of[k], middle, "ReLU", bbox=BOX, **circle)
    ax.set(xlim=(-0.08, 1.08), ylim=(below - 0.2, above + 0.2))
    ax.set_axis_off()


def spread(count: int) -> np.ndarray:
    """(count,) places in [0, 1]: the middles of equal parts."""
    return (np.arange(count) + 0.5) / count


def draw_weight(ax: Axes, start: tuple, end: tuple, weight: float, largest: float, most: float, away: float) -> None:
    share = abs(weight) / largest
    if share < THINNEST:
        return
    color = POSITIVE if weight > 0 else NEGATIVE
    xs, ys = zip(start, end, strict=True)
    ax.plot(xs, ys, color=color, linewidth=max(0.4, WIDEST * share), alpha=0.85, zorder=1 + share)
    if share >= most:
        x, y = (a + (b - a) * away for a, b in ((xs[0], xs[1]), (ys[0], ys[1])))
        box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
        ax.text(
            x, y, f"{weight:+.2f}".replace("-", "−"), fontsize=SMALL - 1, ha="center", va="center", bbox=box, zorder=5
        )


if __name__ == "__main__":
    draw_figure(draw)
