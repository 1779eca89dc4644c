"""The mean test loss over the plane of hidden dimensions m and training samples T."""

import numpy as np
import pandas as pd
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure

from figures.finite_data_elements import EXCESS_LINEAR
from scripts.draw_figure import draw_figure
from superposition.plotting import INK, SMALL, make_figure, set_title, style, title_of


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        losses = tables["finite_models"].pivot_table("test_loss", "n_hidden", "n_samples")
        figure = make_figure(height=0.36 * len(losses) + 0.95)
        set_title(figure, title_of(experiments))
        ax = figure.subplots()
        excess = losses.to_numpy() - 1
        bound = max(float(np.abs(excess).max()), 2 * EXCESS_LINEAR)
        norm = SymLogNorm(EXCESS_LINEAR, vmin=-bound, vmax=bound)
        ax.pcolormesh(excess, cmap="RdBu_r", norm=norm, edgecolors="white", linewidth=0.5)
        for (row, column), loss in np.ndenumerate(losses.to_numpy()):
            color = "white" if norm(loss - 1) > 0.85 else INK
            weight = "bold" if column == losses.to_numpy()[row].argmax() else "normal"
            text = f"{loss:.3f}" if loss < 10 else f"{loss:,.0f}"
            ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=color, fontsize=SMALL, weight=weight)
        ax.set_xticks(np.arange(losses.shape[1]) + 0.5, [f"{size:,}" for size in losses.columns])
        ax.set_yticks(np.arange(losses.shape[0]) + 0.5, losses.index)
        ax.tick_params(length=0)
        ax.set(xlabel="training samples $T$", ylabel="hidden dimensions $m$")
        for spine in ax.spines.values():
            spine.set_visible(False)
        return figure


if __name__ == "__main__":
    draw_figure(draw)
