"""W^T W of models whose features form sets, beside those of independent features."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MultipleLocator

from figures.features_in_2d import choose_models, stack
from scripts.draw_figure import draw_figure
from superposition.plotting import INK, TEXT_WIDTH, count_from_one, make_figure, split_rows, style

PRODUCT = ScalarMappable(Normalize(-1, 1), sns.color_palette("vlag", as_cmap=True))
MOST_COLUMNS = 3
BAR = 0.8  # inches that the colour bar takes


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        features = tables["features"]
        rows = [choose_models(features[features["experiment"] == name])[:MOST_COLUMNS] for name in experiments]
        side = (TEXT_WIDTH - BAR) / MOST_COLUMNS
        figure = make_figure(height=len(rows) * (side + 0.45))
        parts = split_rows(figure, (block["title"] for block in experiments.values()), MOST_COLUMNS)
        for (part, axes), models in zip(parts, rows, strict=True):
            for ax in axes[len(models) :]:
                ax.set_axis_off()
            for ax, model in zip(axes, models, strict=False):
                draw_products(ax, stack(model.features["direction"]), model.features["set"].to_numpy())
                ax.set_title(model.title, loc="center", pad=3)
            axes[0].set_ylabel("feature $i$")
            bar = part.colorbar(PRODUCT, ax=axes, label="$W_i \\cdot W_j$", ticks=[-1, 0, 1], aspect=22, shrink=0.72)
            bar.outline.set_visible(False)
        return figure


def draw_products(ax: Axes, directions: np.ndarray, sets: np.ndarray) -> None:
    """Directions (features, n_hidden); a frame around every set."""
    products = directions @ directions.T
    place = {"interpolation": "nearest", "extent": count_from_one(*products.shape)}
    ax.imshow(products, cmap=PRODUCT.cmap, norm=PRODUCT.norm, **place)
    for number in np.unique(sets[sets >= 0]):
        first, last = np.flatnonzero(sets == number)[[0, -1]]
        size = last - first + 1
        ax.add_patch(Rectangle((first + 0.5, first + 0.5), size, size, fill=False, edgecolor=INK, linewidth=0.7))
    ax.set_xlabel("feature $j$")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MultipleLocator(5))
    ax.spines[:].set_visible(False)


if __name__ == "__main__":
    draw_figure(draw)
