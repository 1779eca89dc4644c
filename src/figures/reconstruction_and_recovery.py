"""Whether autoencoders that reconstruct well, or keep all latents alive, recover the features: they need not."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from figures.sae_recovery import draw_intervals, list_settings, summarise_seeds
from scripts.draw_figure import draw_figure
from superposition.plotting import SMALL, color_sweeps, make_figure, name_sweeps, style


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        saes = tables["saes"]
        titles = {name: block["title"] for name, block in experiments.items() if name in set(saes["sae"])}
        colors = color_sweeps(titles)
        figure = make_figure(height=2.7 + 0.16 * len(titles))
        name_sweeps(figure, titles, colors)
        left, right = figure.subplots(1, 2)
        draw_settings(left, saes, colors, "fvu", "full_recovery")
        left.set(xscale="log", xlabel="fraction of variance unexplained", ylabel="share that recover every feature")
        left.yaxis.set_major_formatter(PercentFormatter(1))
        left.set_ylim(-0.05, 1.05)
        draw_settings(right, saes, colors, "n_dead", "n_recovered")
        right.set(xlabel="dead latents, mean", ylabel="features recovered, mean")
        right.margins(0.12)
        return figure


def draw_settings(ax: Axes, saes: pd.DataFrame, colors: dict[str, str], x: str, y: str) -> None:
    """Means over autoencoders: a small point for each setting and seed, a large one, with its interval, over seeds."""
    for label, color, rows in list_settings(saes, colors):
        strongest = saes.loc[saes["sae"] == rows["sae"].iloc[0], "sparsity_penalty"].max()
        fill = color if rows["sparsity_penalty"].iloc[0] == strongest else "white"
        seeds = rows.groupby("seed")[[x, y]].mean()
        ax.plot(seeds[x], seeds[y], "o", color=color, markersize=2.5, alpha=0.5, markeredgewidth=0, zorder=2)
        center, height = float(np.mean(seeds[x])), summarise_seeds(seeds[y])
        ax.plot(center, height.estimate, "D", color=color, markerfacecolor=fill, markersize=5, zorder=3)
        draw_intervals(ax, [center], [height])
        if x == "fvu" and label:  # in the other panel settings are too close for names
            low = height.estimate < 0.5  # where settings stand side by side
            place = {"rotation": 90, "ha": "center", "va": "bottom"} if low else {"ha": "right", "va": "center"}
            offset = (0, 8) if low else (-8, 0)
            text = {"textcoords": "offset points", "color": color, "fontsize": SMALL}
            ax.annotate(label, (center, height.estimate), offset, **text, **place)


if __name__ == "__main__":
    draw_figure(draw)
