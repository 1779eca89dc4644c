"""The figures `benchmark` and `benchmark_scaling`."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from benchmarks.report import NO_ENGINE
from benchmarks.scaling import WHOLE
from superposition.plotting import (
    DASHES,
    FAINT,
    GREY,
    INK,
    SMALL,
    SWEEPS,
    arrange_panels,
    make_figure,
    set_title,
    style,
)


def draw_speedups(table: pd.DataFrame) -> Figure:
    """A bar per workload on a logarithmic axis, with its target and where dense arithmetic at full speed would be."""
    rows, positions = table.iloc[::-1], np.arange(len(table))
    dense = rows["roofline_gflops"] / rows["step_gflop"] / rows["textbook_steps_per_s"]
    with style():
        figure = make_figure(height=0.9 + 0.3 * len(table))
        ax = figure.subplots()
        set_title(figure, "Steps per second over those of the textbook loop")
        ax.barh(positions, rows["ratio"].fillna(1) - 1, left=1, height=0.55, color=SWEEPS[1])
        errors = [rows["ratio"] - rows["ratio_low"], rows["ratio_high"] - rows["ratio"]]
        ax.errorbar(rows["ratio"], positions, xerr=errors, fmt="none", ecolor=INK, elinewidth=0.9, capsize=2)
        marks = {"markerfacecolor": "white", "markersize": 5.5, "markeredgewidth": 1, "linestyle": "", "zorder": 4}
        ax.plot(
            dense,
            positions,
            marker="D",
            color=INK,
            label="roofline: only dense products, each at the speed of a large one",
            **marks,
        )
        label = "target"
        for position, target in zip(positions, rows["target"], strict=True):
            ax.plot([target] * 2, position + np.array([-0.42, 0.42]), color=SWEEPS[0], linewidth=1.8, label=label)
            label = None  # once in the legend
        ax.axvline(1, color=GREY, linewidth=0.8)
        label_rows(ax, rows, positions)
        finite = rows[["ratio_high", "target"]].to_numpy()
        ax.set(xscale="log", xlim=(0.8, 1.6 * max(np.nanmax([*finite.flat, 1.0]), dense.max())))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.grid(axis="x", color=FAINT, linewidth=0.5)
        figure.legend(loc="outside lower left", ncols=2, borderpad=0)
        return figure


def label_rows(ax: Axes, rows: pd.DataFrame, positions: np.ndarray) -> None:
    """Name and shape at the left, the ratio inside the bar's foot."""
    names = [f"{name}\n{shape}" for name, shape in zip(rows["workload"], rows["shape"], strict=True)]
    ax.set_yticks(positions, names, fontsize=SMALL, linespacing=1.25)
    ax.tick_params(axis="y", length=0)
    for position, ratio in zip(positions, rows["ratio"], strict=True):
        text, color = (f"{ratio:.3g} ×", "white") if np.isfinite(ratio) else (NO_ENGINE, GREY)
        ax.annotate(text, (1, position), (4, 0), textcoords="offset points", va="center", color=color, fontsize=SMALL)


def draw_scaling(scaling: pd.DataFrame) -> Figure:
    """A panel per curve: every measurement, and the power that fits them."""
    curves = list(scaling.groupby(["model", "size"], sort=False))
    n_rows, n_columns = arrange_panels(len(curves), most_columns=4)
    with style():
        figure = make_figure(height=0.4 + 1.65 * n_rows)
        panels = figure.subplots(n_rows, n_columns, squeeze=False).flatten()
        set_title(figure, "Time as sizes grow")
        for ax, ((model, size), curve) in zip(panels, curves, strict=False):
            draw_curve(ax, model, size, curve)
        for ax in panels[len(curves) :]:
            ax.set_axis_off()
        return figure


def draw_curve(ax: Axes, model: str, size: str, curve: pd.DataFrame) -> None:
    values, exponent = np.array(sorted(curve["value"].unique())), curve["exponent"].iloc[0]
    low, high = curve["exponent_low"].iloc[0], curve["exponent_high"].iloc[0]
    middle = np.exp(np.log(curve["seconds"]).mean() + exponent * (np.log(values) - np.log(curve["value"]).mean()))
    ax.plot(values, 1e3 * middle, color=GREY, linewidth=0.9, linestyle=DASHES)
    ax.plot(curve["value"], 1e3 * curve["seconds"], color=SWEEPS[1], marker="o", markersize=2.6, linestyle="")
    ax.set(xscale="log", yscale="log", xlabel=size, ylabel=f"ms a {'training' if size in WHOLE else 'step'}")
    ax.set_title(model.replace("_", " "))
    ax.set_xticks(values, [f"{value / 1000:g}k" if value >= 1000 else f"{value}" for value in values])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda milliseconds, _: f"{milliseconds:g}"))
    text = f"exponent {exponent:.2f}\n[{low:.2f}, {high:.2f}]"
    ax.text(0.04, 0.97, text, transform=ax.transAxes, va="top", fontsize=SMALL)
    ax.margins(0.08, 0.2)
