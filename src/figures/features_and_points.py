"""The columns of W and the hidden vectors of the training samples, for every number of samples."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.finite_data_elements import FEATURE, POINT, best_at_first_seed, spread
from scripts.draw_figure import draw_figure
from superposition.plotting import FAINT, SMALL, TEXT_WIDTH, make_figure, set_title, style, title_of, write_note

MOST_PANELS = 13
LEFT = 0.2  # inches for the names of the rows


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict], one_scale: bool = False) -> Figure:
    with style():
        features = best_at_first_seed(tables["finite_features"])
        points = best_at_first_seed(tables["training_points"])
        sizes = spread(sorted(features), MOST_PANELS)
        side = min(1.1, (TEXT_WIDTH - LEFT) / len(sizes))
        figure = make_figure(height=2 * side + 0.5, layout="compressed")
        set_title(figure, title_of(experiments))
        draw_rows(figure.subplots(2, len(sizes), squeeze=False), sizes, features, points, one_scale)
        return figure


def draw_rows(axes: np.ndarray, sizes: list[int], features: dict, points: dict, one_scale: bool = False) -> None:
    """Features above, samples below, a column for each size; axes (2, sizes)."""
    chosen = [stack(features[size]["direction"]) for size in sizes] + [stack(points[size]["hidden"]) for size in sizes]
    largest = max(float(np.abs(vectors).max()) for vectors in chosen) if one_scale else None
    for column, size in enumerate(sizes):
        axes[0, column].set_title(f"$T$ = {size:,}" if len(sizes) <= 8 else f"{size:,}", loc="center", pad=2)
        draw_vectors(axes[0, column], chosen[column], FEATURE, largest)
        draw_vectors(axes[1, column], chosen[len(sizes) + column], POINT, largest)
    for ax, name, color in zip(axes[:, 0], ("features", "samples"), (FEATURE, POINT), strict=True):
        ax.annotate(
            name, (0, 0.5), (-4, 0), xycoords="axes fraction", textcoords="offset points", rotation=90,
            ha="right", va="center", color=color, fontsize=SMALL,
        )  # fmt: skip


def stack(vectors: pd.Series) -> np.ndarray:
    return np.stack(vectors.to_list()).astype(float)


def draw_vectors(ax: Axes, vectors: np.ndarray, color: str, largest: float | None = None) -> None:
    """Vectors (count, 2) as lines that end in dots, at a scale of their own or with room for `largest`."""
    if vectors.shape[1] != 2:
        write_note(ax, f"{vectors.shape[1]} hidden\ndimensions:\nnot a plane")
        return
    ax.set_aspect("equal")
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(visible=True, color=FAINT)
    limit = 1.12 * max(largest or float(np.abs(vectors).max()), 1e-6)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
    many = len(vectors) > 60
    rays = np.stack([np.zeros_like(vectors), vectors, np.full_like(vectors, np.nan)], axis=1).reshape(-1, 2)
    ax.plot(*rays.T, color=color, linewidth=0.3 if many else 0.7, alpha=0.5)
    ax.plot(*vectors.T, "o", color=color, markersize=1.2 if many else 2.2, markeredgewidth=0)


if __name__ == "__main__":
    draw_figure(draw)
