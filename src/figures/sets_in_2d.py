"""The features of the best models in the plane, a row of panels per experiment; members of a set share a hue."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from figures.features_in_2d import Model, choose_models, draw_features, is_plane, stack
from scripts.draw_figure import draw_figure
from superposition.plotting import (
    INK,
    SWEEPS,
    TEXT_WIDTH,
    limit_of_planes,
    make_figure,
    prepare_plane,
    split_rows,
    style,
    write_note,
)

MOST_COLUMNS = 5
HEAD = 0.45  # inches above a row, for its title and those of its panels


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        features = tables["features"]
        rows = [choose_row(features[features["experiment"] == name]) for name in experiments]
        side = TEXT_WIDTH / MOST_COLUMNS
        figure = make_figure(height=len(rows) * (side + HEAD))
        shown = [stack(model.features["direction"]) for models in rows for model in models]
        limit = limit_of_planes(*(directions for directions in shown if is_plane(directions)))
        parts = split_rows(figure, (block["title"] for block in experiments.values()), MOST_COLUMNS)
        for (_, axes), models in zip(parts, rows, strict=True):
            for ax in axes[len(models) :]:
                ax.set_axis_off()
            for ax, model in zip(axes, models, strict=False):
                draw_model(ax, model, limit)
        return figure


def choose_row(features: pd.DataFrame) -> list[Model]:
    """The best model of each point at the lowest seed, or of each seed; of more than fit, evenly chosen ones."""
    models = choose_models(features)
    chosen = np.linspace(0, len(models) - 1, min(len(models), MOST_COLUMNS)).round().astype(int)
    return [models[index] for index in chosen]


def draw_model(ax: Axes, model: Model, limit: float) -> None:
    directions = stack(model.features["direction"])
    ax.set_title(model.title, loc="center", pad=2)
    if is_plane(directions):
        prepare_plane(ax, limit)
        draw_features(ax, directions, color_sets(model.features["set"].to_numpy()))
    else:
        write_note(ax, f"{directions.shape[-1]} hidden dimensions:\nnot a plane")


def color_sets(sets: np.ndarray) -> np.ndarray:
    """(features, 3): a hue per set, lighter from member to member; ink for features in none (-1)."""
    colors = np.empty((len(sets), 3))
    for number in np.unique(sets):
        members = np.flatnonzero(sets == number)
        if number < 0:
            colors[members] = to_rgb(INK)
        else:
            shades = sns.light_palette(SWEEPS[number % len(SWEEPS)], len(members) + 2, reverse=True)
            colors[members] = shades[: len(members)]
    return colors


if __name__ == "__main__":
    draw_figure(draw)
