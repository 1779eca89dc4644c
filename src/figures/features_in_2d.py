"""The features of the best models, as vectors in the plane of two hidden dimensions."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scripts.draw_figure import draw_figure
from superposition.plotting import (
    IMPORTANCE,
    TEXT_WIDTH,
    add_colorbar,
    arrange_panels,
    color_values,
    format_probability,
    limit_of_planes,
    make_figure,
    prepare_plane,
    set_title,
    style,
    title_of,
    write_note,
)

MOST_PANELS = 15
MOST_TICKS = 8
LARGEST_PANEL = 1.7  # inches
BAR = 0.85  # inches that the colour bar takes, with its label
HEAD = 0.3  # inches above the panels


class Model(NamedTuple):
    title: str
    features: pd.DataFrame  # its rows of the table `features`, in the order of the features


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = choose_models(tables["features"])
        directions = [stack(model.features["direction"]) for model in models]
        figure, axes = make_planes(models, directions, experiments)
        values = np.unique(np.concatenate([model.features["importance"] for model in models]))
        importance = color_values(values, IMPORTANCE)
        for ax, model, vectors in zip(axes, models, directions, strict=True):
            if is_plane(vectors):
                draw_features(ax, vectors, importance.to_rgba(model.features["importance"]))
        if len(values) > 1:
            add_colorbar(figure, importance, "importance $I_i$", values if len(values) <= MOST_TICKS else MaxNLocator())
        return figure


def choose_models(features: pd.DataFrame) -> list[Model]:
    """The lowest-loss model of each point at the lowest seed; without a sweep, of each seed.

    Of models with equal loss it is the first; more than MOST_PANELS are thinned out evenly.
    """
    models = []
    for _, best in features[features["lowest_loss"]].groupby("experiment", sort=False):
        swept = best["point"].nunique() > 1
        rows = best[best["seed"] == best["seed"].min()] if swept else best
        for key, tied in rows.groupby("point" if swept else "seed"):
            model = tied[tied["instance"] == tied["instance"].min()].sort_values("feature")
            title = format_probability(model["feature_probability"].iloc[0])
            models.append(Model(title if swept else f"seed {key}", model))
    chosen = np.linspace(0, len(models) - 1, min(len(models), MOST_PANELS)).round().astype(int)
    return [models[index] for index in chosen]


def make_planes(
    models: list[Model], vectors: list[np.ndarray], experiments: dict[str, dict]
) -> tuple[Figure, list[Axes]]:
    """A figure with one plane per model, all at the scale that the largest of `vectors` (one array per model) needs."""
    rows, columns = arrange_panels(len(models))
    side = min(LARGEST_PANEL, (TEXT_WIDTH - BAR) / columns)
    figure = make_figure(height=rows * (side + 0.2) + HEAD, layout="compressed")
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    set_title(figure, title_of(experiments))
    limit = limit_of_planes(*(array for array in vectors if is_plane(array)))
    for ax, model, array in zip(axes, models, vectors, strict=False):
        ax.set_title(model.title, loc="center", pad=2)
        if is_plane(array):
            prepare_plane(ax, limit)
        else:
            write_note(ax, f"{array.shape[-1]} hidden dimensions:\nnot a plane")
    for ax in axes[len(models) :]:
        ax.set_axis_off()
    return figure, list(axes[: len(models)])


def draw_features(ax: Axes, directions: np.ndarray, colors: np.ndarray) -> None:
    """Directions (n_features, 2) as lines from the origin that end in dots, the first feature on top."""
    for index, ((x, y), color) in enumerate(zip(directions, colors, strict=True)):
        height = 3 + (len(directions) - index) / len(directions)
        ax.plot([0, x], [0, y], color=color, linewidth=1.7, zorder=height)
        ax.plot([x], [y], "o", color=color, markersize=4.5, zorder=height, clip_on=False)


def stack(vectors: pd.Series) -> np.ndarray:
    """(count, length) of a column of equally long lists."""
    return np.stack(vectors.to_list()).astype(float)


def is_plane(vectors: np.ndarray) -> bool:
    return vectors.shape[-1] == 2


if __name__ == "__main__":
    draw_figure(draw)
