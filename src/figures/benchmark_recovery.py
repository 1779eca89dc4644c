"""Bias and recovery against sparsity, every architecture of the benchmark in each panel."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.benchmark_elements import average_restarts, color_all, draw_curve, list_sweeps
from figures.benchmark_pareto import scale
from scripts.draw_figure import draw_figure
from superposition.plotting import GREY, SMALL, make_figure, mark_level, style, write_note

PANELS = {
    "gamma": "relative reconstruction bias $\\gamma$",
    "matched_cosine": "matched cosine",
    "f1": "F1 of matched latents",
}


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        saes = tables["saes"]
        titles = list_sweeps(saes, experiments)
        colors = color_all(list(titles))
        means = average_restarts(saes)
        figure = make_figure(height=3.3)
        axes = figure.subplots(1, len(PANELS))
        for ax, (column, label) in zip(axes, PANELS.items(), strict=True):
            if not ((means["l0"] > 0) & means[column].notna()).any():
                write_note(ax, "undefined" if (means["l0"] > 0).any() else "no latent fires")
                continue
            for name, title in titles.items():
                draw_curve(ax, means[means["sae"] == name], column, colors[name], title)
            scale(ax, means, name_at="bottom" if ax is axes[1] else "")
            ax.set(xlabel="active latents per sample, $L_0$", ylabel=label)
            mark_references(ax, means, column)
        drawn = [ax for ax in axes if ax.lines]
        if drawn:
            handles, names = drawn[0].get_legend_handles_labels()
            figure.legend(handles, names, loc="outside upper left", ncols=4, labelcolor="linecolor", handlelength=1.0)
        return figure


def mark_references(ax: Axes, means: pd.DataFrame, column: str) -> None:
    """The level of no bias, or what chance reaches and one who knows the truth."""
    if column == "gamma":
        mark_level(ax, 1, "no bias", side="beside")
        return
    ax.set_ylim(0, 1.02)
    for kind, name in {"floor": "chance", "ceiling": "truth known"}.items():
        levels = means.get(f"{column}_{kind}")
        if levels is not None and levels.notna().any():
            ax.axhline(levels.mean(), color=GREY, linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=0)
            place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
            side, x = ("left", 0) if kind == "floor" else ("right", 1)  # where no curve is
            text = {"color": GREY, "fontsize": SMALL, "ha": side, "va": "bottom" if kind == "floor" else "top"}
            ax.annotate(name, (x, levels.mean()), (2, 1) if kind == "floor" else (-2, -2), **place, **text)


if __name__ == "__main__":
    draw_figure(draw)
