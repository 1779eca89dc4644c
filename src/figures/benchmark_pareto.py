"""Error against sparsity: what each architecture leaves unexplained with how many active latents."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from figures.benchmark_elements import average_restarts, color_all, draw_curve, list_sweeps
from scripts.draw_figure import draw_figure
from superposition.plotting import DASHES, FAINT, GREY, SMALL, arrange_panels, make_figure, style, write_note


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        saes = tables["saes"]
        titles = list_sweeps(saes, experiments)
        colors = color_all(list(titles))
        means = average_restarts(saes)
        rows, columns = arrange_panels(len(titles), most_columns=4)
        figure = make_figure(height=0.4 + 1.75 * rows)
        axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flatten()
        for ax, (name, title) in zip(axes, titles.items(), strict=False):
            if not (means["l0"] > 0).any() or not (means["fvu"] > 0).any():
                write_note(ax, "no latent fires")
                continue
            for other in titles:
                draw_curve(ax, means[means["sae"] == other], "fvu", FAINT, linewidth=0.8, zorder=1)
            draw_curve(ax, means[means["sae"] == name], "fvu", colors[name], zorder=3)
            ax.set_title(title, color=colors[name])
            scale(ax, means, name_at="top" if ax is axes[0] else "")
            ax.set_yscale("log")
        for ax in axes[len(titles) :]:
            ax.set_axis_off()
        figure.supxlabel("active latents per sample, $L_0$", fontsize="medium")
        figure.supylabel("fraction of variance unexplained", fontsize="medium")
        return figure


def scale(ax: Axes, means: pd.DataFrame, name_at: str = "") -> None:
    """A logarithmic axis of L0, with a line at the mean number of features present, named at the "top" or "bottom"."""
    true_l0 = means["true_l0"].mean()
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(10, subs=(1, 3)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.axvline(true_l0, color=GREY, linewidth=0.8, linestyle=DASHES, zorder=0)
    if name_at:
        y, offset = {"top": (1, -1), "bottom": (0, 2)}[name_at]
        place = {"xycoords": ax.get_xaxis_transform(), "textcoords": "offset points"}
        text = {"color": GREY, "fontsize": SMALL, "va": name_at, "ha": "left"}
        ax.annotate("features present", (true_l0, y), (2, offset), **place, **text)


if __name__ == "__main__":
    draw_figure(draw)
