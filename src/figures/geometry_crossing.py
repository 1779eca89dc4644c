"""Loss of every fit against the relative density of one feature: two geometries whose lowest losses cross."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from scripts.draw_figure import draw_figure
from superposition.claims.selections import is_bent_pentagon, is_two_digons
from superposition.plotting import DASHES, GREY, SMALL, SWEEPS, make_figure, set_title, style, title_of

GEOMETRIES = {"pentagon": SWEEPS[1], "two digons": SWEEPS[0], "other": GREY}


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = name_geometries(tables["models"])
        figure = make_figure(height=2.9)
        ax, difference = figure.subplots(1, 2, width_ratios=(1.25, 1))
        set_title(figure, title_of(experiments))
        draw_losses(ax, models[models["seed"] == models["seed"].min()])
        draw_differences(difference, models)
        for panel in (ax, difference):
            panel.set(xscale="log", xlabel="relative density of the varied feature")
            panel.axvline(1, color=GREY, linewidth=0.6, linestyle=DASHES, zorder=0)
            if models["last_probability"].nunique() == 1:
                panel.set_xlim(models["last_probability"].min() / 2, models["last_probability"].max() * 2)
            panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.xaxis.set_minor_locator(NullLocator())
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        return figure


def name_geometries(models: pd.DataFrame) -> pd.DataFrame:
    names = np.where(is_bent_pentagon(models), "pentagon", np.where(is_two_digons(models), "two digons", "other"))
    return models.assign(geometry=names)


def draw_losses(ax: Axes, models: pd.DataFrame) -> None:
    """A point for each fit of one seed, and the lowest loss of each geometry as a line."""
    for row, (name, color) in enumerate(GEOMETRIES.items()):
        own = models[models["geometry"] == name]
        if own.empty:
            continue
        ax.scatter(own["last_probability"], own["loss"], s=6, color=color, alpha=0.5, linewidths=0, zorder=2)
        lowest = own.groupby("last_probability")["loss"].min()
        if name != "other":
            ax.plot(lowest.index, lowest, color=color, linewidth=1.2, zorder=3)
        ax.text(0.03, 0.97 - 0.09 * row, name, transform=ax.transAxes, va="top", color=color)
    ax.set(ylabel=f"held-out loss, seed {models['seed'].iloc[0]}", yscale="log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def draw_differences(ax: Axes, models: pd.DataFrame) -> None:
    """By how much the best digons have a lower or higher loss than the best pentagon, a line per seed."""
    best = models.groupby(["seed", "last_probability", "geometry"])["loss"].min().unstack()
    ax.axhline(0, color=GREY, linewidth=0.8, linestyle=DASHES, zorder=0)
    ax.set(ylabel="relative difference in loss,\ndigons against pentagon")
    if {"pentagon", "two digons"} <= set(best.columns):
        relative = (best["two digons"] / best["pentagon"] - 1).dropna()
        for _, values in relative.groupby("seed"):
            ratios = values.index.get_level_values("last_probability")
            ax.plot(ratios, values, "o-", color=SWEEPS[2], markersize=2.2, linewidth=0.8, alpha=0.8)
    patch = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # over the dashed line
    note = {"transform": ax.transAxes, "fontsize": SMALL, "color": GREY, "bbox": patch}
    ax.text(0.97, 0.03, "below 0 the digons are better", ha="right", va="bottom", **note)


if __name__ == "__main__":
    draw_figure(draw)
