"""Recovery, dead latents and error of autoencoders over their penalty and their number of latents."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.benchmark_elements import average_restarts, list_sweeps
from scripts.draw_figure import draw_figure
from superposition.plotting import INK, SMALL, SPARSITY, make_figure, set_title, style

PANELS = {
    "mmcs_truth": "MMCS with the truth",
    "dead_share": "share of latents that are dead",
    "fvu": "fraction of variance unexplained",
}


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        saes = tables["saes"]
        means = average_restarts(saes[saes["sae"].isin(list_sweeps(saes, experiments))])
        means["dead_share"] = means["n_dead"] / means["n_latents"]
        figure = make_figure(height=2.4)
        set_title(figure, f"ReLU autoencoders of {means['n_features'].iloc[0]:g} features")
        for index, (ax, (column, label)) in enumerate(zip(figure.subplots(1, 3), PANELS.items(), strict=True)):
            draw_map(ax, means.pivot_table(column, "n_latents", "sparsity_penalty", dropna=False))
            ax.set_title(label)
            ax.set(xlabel="penalty $\\lambda$, in thousandths", ylabel="number of latents" if index == 0 else "")
        return figure


def draw_map(ax: Axes, values: pd.DataFrame) -> None:
    """A cell for every pair, its mean over seeds written in it; pairs that no sweep has stay empty."""
    numbers = values.to_numpy(float)
    ax.imshow(np.ma.masked_invalid(numbers), cmap=SPARSITY, vmin=0, vmax=1, origin="lower", aspect="auto")
    for (row, column), number in np.ndenumerate(numbers):
        if np.isfinite(number):
            color = "white" if number > 0.45 else INK
            ax.text(column, row, write(number), ha="center", va="center", color=color, fontsize=SMALL - 1)
    ax.set_xticks(range(len(values.columns)), [f"{1000 * penalty:.2g}" for penalty in values.columns])
    ax.set_yticks(range(len(values.index)), [f"{size:g}" for size in values.index])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def write(number: float) -> str:
    """Two digits, without the zero before the point."""
    return f"{number:.2f}".removeprefix("0")


if __name__ == "__main__":
    draw_figure(draw)
