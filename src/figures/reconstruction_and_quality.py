"""Architectures on a thousand features: reconstruction against the quality of latents, precision against recall."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from figures.benchmark_elements import AS_TRAINED
from scripts.draw_figure import draw_figure
from superposition.plotting import SMALL, color_sweeps, make_figure, name_sweeps, style


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        saes = tables["saes"]
        titles = {name: block["title"] for name, block in experiments.items() if name in set(saes["sae"])}
        saes = saes[saes["mode"] == AS_TRAINED]
        colors = color_sweeps(titles)
        figure = make_figure(height=2.9)
        name_sweeps(figure, titles, colors, columns=3)
        left, right = figure.subplots(1, 2)
        for name, color in colors.items():
            rows = saes[saes["sae"] == name]
            draw_points(left, rows, "fvu", "mcc", color)
            draw_points(right, rows, "latent_recall", "latent_precision", color)
        left.set(xlabel="fraction of variance unexplained", ylabel="match with the features (MCC)")
        right.set(xlabel="recall, mean over latents", ylabel="precision, mean over latents")
        for ax in (left, right):
            ax.margins(0.14)
            ax.locator_params(axis="x", nbins=5)
        return figure


def draw_points(ax: Axes, rows: pd.DataFrame, x: str, y: str, color: str) -> None:
    """Small points for seeds and larger ones for their means, joined from the smallest L0 to the largest, whose mean is
    written beside the ends."""
    seeds = rows.groupby(["point", "seed"])[[x, y, "l0"]].mean()
    means = seeds.groupby("point").mean().sort_values("l0")
    ax.plot(seeds[x], seeds[y], "o", color=color, markersize=2.5, alpha=0.5, markeredgewidth=0)
    ax.plot(means[x], means[y], "D-", color=color, markersize=5, linewidth=0.9)
    for place in {0, len(means) - 1}:
        point = means.iloc[place]
        halo = [withStroke(linewidth=1.5, foreground="white")]  # where it meets another's marker or line
        text = {"textcoords": "offset points", "fontsize": SMALL, "color": color, "path_effects": halo, "zorder": 5}
        ax.annotate(f"{point['l0']:.0f}", (point[x], point[y]), (4, 3), **text)


if __name__ == "__main__":
    draw_figure(draw)
