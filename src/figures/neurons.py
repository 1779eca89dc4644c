"""What the figures of neurons share: whose weights they show, and how a neuron's weights are stacked."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from superposition.plotting import IMPORTANCE, INK, format_probability

WEIGHTS = sns.color_palette("vlag", as_cmap=True)  # negative blue, positive red
POSITIVE, NEGATIVE = WEIGHTS(0.95), WEIGHTS(0.05)
LABELLED = 0.25  # of the tallest stack: a part that has room for its feature's number


class Model(NamedTuple):
    experiment: str
    seed: int
    probability: float
    neurons: pd.DataFrame  # its rows of the table `neurons`, in their order
    W_in: np.ndarray  # (n_hidden, n_features)
    W_out: np.ndarray  # the same shape: row k is what neuron k writes

    @property
    def title(self) -> str:
        return format_probability(self.probability)


def as_model(neurons: pd.DataFrame) -> Model:
    """One model from its rows, in any order."""
    rows = neurons.sort_values("neuron")
    W_in, W_out = (np.stack(rows[column].to_list()).astype(float) for column in ("W_in", "W_out"))
    first = rows.iloc[0]
    return Model(first["experiment"], first["seed"], first["feature_probability"], rows, W_in, W_out)


def choose_best(neurons: pd.DataFrame) -> list[Model]:
    """The lowest-loss model of each point of each experiment, at its lowest seed."""
    models = []
    for _, best in neurons[neurons["lowest_loss"]].groupby("experiment", sort=False):
        for _, tied in best[best["seed"] == best["seed"].min()].groupby("point"):
            models.append(as_model(tied[tied["instance"] == tied["instance"].min()]))
    return models


def color_features(n_features: int, n_colors: int | None = None) -> np.ndarray:
    """(n_features, 4): the more important, the darker; all from number `n_colors` on have the lightest colour."""
    return IMPORTANCE(1 - np.arange(n_features) / max((n_colors or n_features) - 1, 1))


def choose_ink(color: np.ndarray) -> str:
    """Black or white, whichever reads better on a colour."""
    return "white" if np.dot(to_rgb(color), (0.299, 0.587, 0.114)) < 0.55 else INK


def stack_weights(
    ax: Axes, weights: np.ndarray, positions: np.ndarray, fontsize: float = 0, n_colors: int | None = None
) -> None:
    """The weights (neurons, n_features) of each neuron as a stack of |weight|, the largest at the bottom.

    Args:
        positions: (neurons,) of the stacks on the horizontal axis
        n_colors: as for `color_features`
        fontsize: of the features' numbers in the parts that have room for one; 0 leaves them out
    """
    colors, tallest = color_features(weights.shape[1], n_colors), np.abs(weights).sum(1).max(initial=1e-9)
    for x, row in zip(positions, np.abs(weights), strict=True):
        bottom = 0.0
        for feature in np.argsort(-row, kind="stable"):
            height = row[feature]
            if height < 0.004 * tallest:  # thinner than a line
                break
            edge = {"edgecolor": "white", "linewidth": 0.3} if height > 0.03 * tallest else {"linewidth": 0}
            face = {"facecolor": colors[feature]} | edge
            ax.add_patch(Rectangle((x - 0.4, bottom), 0.8, height, **face))
            if fontsize and height > LABELLED * tallest / 2:
                style = {"color": choose_ink(colors[feature]), "fontsize": fontsize, "ha": "center", "va": "center"}
                ax.text(x, bottom + height / 2, str(feature + 1), **style)
            bottom += height
    ax.set_xlim(positions.min(initial=0) - 0.6, positions.max(initial=0) + 0.6)


def show_matrix(ax: Axes, weights: np.ndarray, limit: float) -> None:
    """W (n_hidden, n_features) as a heat map, features downwards."""
    ax.imshow(weights.T, cmap=WEIGHTS, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)
