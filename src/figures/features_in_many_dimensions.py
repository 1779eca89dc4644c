"""What the best models represent, as WᵀW with the bias beside it and the norms of the features below."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from figures.features_in_2d import stack
from scripts.draw_figure import draw_figure
from superposition.plotting import (
    INK,
    SMALL,
    TEXT_WIDTH,
    arrange_panels,
    format_probability,
    make_figure,
    set_title,
    style,
    title_of,
)

MOST_COLUMNS = 8
PRODUCTS = ScalarMappable(Normalize(-1, 1), "RdBu_r")
INTERFERENCE = ScalarMappable(Normalize(0, 1), "viridis")
BARS = 0.34  # inches that the bars are high
LEFT, GAP = 0.35, 0.12  # inches left of the panels and between them
HEAD, FOOT = 0.4, 0.5  # inches above the panels, and of the colour bars below


class Model(NamedTuple):
    name: str
    features: pd.DataFrame  # its rows of the table `features`, in the order of the features


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = choose_models(tables["models"], tables["features"])
        rows, columns = arrange_panels(len(models), MOST_COLUMNS)
        columns = max(2, columns)  # one for each colour bar
        side = (TEXT_WIDTH - LEFT) / columns - GAP
        figure = make_figure(height=rows * (side + BARS + 0.5) + HEAD + FOOT)
        set_title(figure, title_of(experiments))
        grid = figure.add_gridspec(2 * rows + 1, columns, height_ratios=[side, BARS] * rows + [0.07])
        highest = 1.05 * max(1.0, *(model.features["norm"].max() for model in models))
        for index, model in enumerate(models):
            row, column = divmod(index, columns)
            matrix, bars = (figure.add_subplot(grid[2 * row + part, column]) for part in (0, 1))
            matrix.set_title(f"{model.name}\n{model.features['represented'].sum()} of {len(model.features)}", pad=3)
            draw_products(matrix, model.features)
            draw_norms(bars, model.features, highest)
            if column:
                bars.set_yticklabels([])
            else:
                bars.set_ylabel("$|W_i|$")
        middle = -(-columns // 2)
        add_bar(figure, grid[-1, :middle], PRODUCTS, "$W^T W$, and the bias $b$ beside it", (-1, 0, 1))
        add_bar(figure, grid[-1, middle:], INTERFERENCE, "interference of feature $i$ (one or more)", (0, 0.5, 1))
        return figure


def choose_models(models: pd.DataFrame, features: pd.DataFrame) -> list[Model]:
    """The lowest-loss model of each point at the lowest seed; of linear models, which sparsity does not change, the
    first."""
    chosen = []
    for experiment, rows in features[features["lowest_loss"]].groupby("experiment", sort=False):
        linear = (models.loc[models["experiment"] == experiment, "kind"] == "linear").any()
        for _, point in rows[rows["seed"] == rows["seed"].min()].groupby("point"):
            model = point[point["instance"] == point["instance"].min()].sort_values("feature")
            chosen.append(
                Model("linear" if linear else format_probability(model["feature_probability"].iloc[0]), model)
            )
            if linear:
                break
    return chosen


def margins(n_features: int) -> tuple[int, int]:
    """Columns that divide the matrix from the bias, and columns that the bias takes."""
    return -(-n_features // 32), -(-n_features // 12)


def draw_products(ax: Axes, features: pd.DataFrame) -> None:
    """WᵀW of one model, and its bias as a column at the right."""
    W, (gap, width) = stack(features["direction"]).T, margins(len(features))
    bias = np.repeat(features["bias"].to_numpy(float)[:, None], width, axis=1)
    image = np.concatenate([W.T @ W, np.full((len(bias), gap), np.nan), bias], axis=1)
    ax.imshow(image, cmap=PRODUCTS.cmap, norm=PRODUCTS.norm, interpolation="nearest", aspect="auto")
    ax.set_axis_off()


def draw_norms(ax: Axes, features: pd.DataFrame, highest: float) -> None:
    """|W_i| as bars under the columns of the matrix, coloured by the feature's interference."""
    n_features = len(features)
    colors = INTERFERENCE.to_rgba(features["interference"].fillna(0.0).clip(0, 1).to_numpy())
    ax.bar(range(n_features), features["norm"], width=1.0, color=colors)
    ax.set(xlim=(-0.5, n_features + sum(margins(n_features)) - 0.5), ylim=(0, highest), xticks=[], yticks=[0, 1])
    ax.spines["bottom"].set_bounds(-0.5, n_features - 0.5)


def add_bar(figure: Figure, place, colors: ScalarMappable, label: str, ticks: tuple) -> None:
    bar = figure.colorbar(colors, cax=figure.add_subplot(place), orientation="horizontal", ticks=ticks)
    bar.set_label(label, fontsize=SMALL, color=INK)
    bar.outline.set_visible(False)
    labels = bar.ax.get_xticklabels()  # within the bar, clear of its neighbour's
    labels[0].set_ha("left")
    labels[-1].set_ha("right")


if __name__ == "__main__":
    draw_figure(draw)
