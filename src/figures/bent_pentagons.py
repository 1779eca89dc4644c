"""The best solution at each relative density of one feature: pentagons that bend, and two digons once it is rare."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from scripts.draw_figure import draw_figure
from superposition.claims.selections import is_bent_pentagon, is_two_digons
from superposition.plotting import (
    SMALL,
    SPARSITY,
    color_values,
    limit_of_planes,
    make_figure,
    prepare_plane,
    set_title,
    style,
    title_of,
    write_note,
)

PANELS = {
    "pentagon": ("pentagons", is_bent_pentagon),
    "digons": ("two digons", is_two_digons),
}


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = tables["models"][tables["models"]["seed"] == tables["models"]["seed"].min()]
        best = models[models["lowest_loss"].astype(bool)].sort_values("last_probability")
        colors = color_values(models["last_probability"], SPARSITY.reversed(), log=True)
        figure = make_figure(height=3.1)
        panels = figure.subplots(1, 2)
        set_title(figure, title_of(experiments))
        chosen = {}
        for key, (_, belongs) in PANELS.items():
            rows = best[belongs(best)]
            chosen[key] = [(row.last_probability, orient(find(tables, row))) for row in rows.itertuples()]
        limit = limit_of_planes(*(columns for models in chosen.values() for _, columns in models))
        for ax, (key, (name, _)) in zip(panels, PANELS.items(), strict=True):
            if not chosen[key]:
                write_note(ax, f"no best fit is {'a pentagon' if key == 'pentagon' else 'two digons'}")
                continue
            prepare_plane(ax, limit)
            ratios = [ratio for ratio, _ in chosen[key]]
            span = f"{ratios[0]:g}" + (f" to {ratios[-1]:g}" if len(ratios) > 1 else "")
            ax.set_title(f"{name}, relative density {span}", loc="center", pad=2)
            for ratio, columns in chosen[key]:
                draw_model(ax, columns, colors.to_rgba(np.log(ratio)), closed=key == "pentagon")
            place, ha = ((0.85, 0), "right") if key == "pentagon" else ((0.06, 0.06), "left")
            ax.text(*place, "varied feature", fontsize=SMALL, ha=ha, va="center" if ha == "right" else "bottom")
        bar = figure.colorbar(colors, ax=panels, aspect=22, shrink=0.8, pad=0.02)
        ratios = np.array([0.1, 0.2, 0.5, 1, 2, 5])
        bar.set_label("probability of the varied feature,\nrelative to that of the others")
        bar.ax.yaxis.set_major_locator(FixedLocator(np.log(ratios)))
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{np.exp(value):g}"))
        bar.outline.set_visible(False)
        return figure


def find(tables: dict[str, pd.DataFrame], model) -> np.ndarray:
    """(n_features, 2) directions of one model, in the order of its features."""
    features = tables["features"]
    keys = (features["experiment"] == model.experiment) & (features["seed"] == model.seed)
    own = features[keys & (features["instance"] == model.instance)].sort_values("feature")
    return np.stack(own["direction"].to_list()).astype(float)


def orient(columns: np.ndarray) -> np.ndarray:
    """Columns (n_features, 2), turned until the varied, last feature points right; the first if that is absent."""
    anchor = columns[-1] if np.linalg.norm(columns[-1]) > 0.5 else columns[0]
    cosine, sine = anchor / np.linalg.norm(anchor)
    return columns @ np.array([[cosine, -sine], [sine, cosine]])


def draw_model(ax: Axes, columns: np.ndarray, color: tuple, closed: bool) -> None:
    """The polygon of a pentagon, the axes of two digons; a dot for each feature, a larger one for the varied."""
    if closed:
        around = columns[np.argsort(np.arctan2(columns[:, 1], columns[:, 0]))]
        ax.plot(*np.vstack([around, around[:1]]).T, color=color, linewidth=0.8, zorder=2)
    else:
        for x, y in columns:
            ax.plot([0, x], [0, y], color=color, linewidth=0.8, zorder=2)
    ax.scatter(*columns[:-1].T, s=7, color=color, linewidths=0, zorder=3)
    ax.scatter(*columns[-1], s=26, color=color, linewidths=0, zorder=4)


if __name__ == "__main__":
    draw_figure(draw)
