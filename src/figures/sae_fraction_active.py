"""How often the latents of a few autoencoders fire during training: they die, and resampling revives them."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from figures.sae_training_film import choose_autoencoders, features_of, history_of
from scripts.draw_figure import draw_figure
from superposition.plotting import (
    FAINT,
    GREY,
    INK,
    RESAMPLED,
    SMALL,
    color_sweeps,
    make_figure,
    mark_level,
    set_title,
    style,
)

COLUMNS = 3
ROW, LEGEND = 1.75, 0.3  # inches
TOP = 3.2  # height of the axes in feature probabilities: a latent seldom stands for more than two features


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        sweeps = {name: block for name, block in experiments.items() if name in set(tables["saes"]["sae"])}
        colors = color_sweeps(sweeps)
        figure = make_figure(height=len(sweeps) * ROW + LEGEND)
        parts = figure.subfigures(len(sweeps) + 1, 1, height_ratios=[ROW] * len(sweeps) + [LEGEND])
        for (name, block), part in zip(sweeps.items(), parts, strict=False):
            set_title(part, block["title"], colors[name])
            draw_sweep(part, tables, name, block)
        draw_legend(parts[-1])
        return figure


def draw_sweep(part: SubFigure, tables: dict[str, pd.DataFrame], sae: str, block: dict) -> None:
    history = tables["sae_history"].query("sae == @sae")
    autoencoders = choose_autoencoders(tables["saes"], history, sae, COLUMNS)
    axes = part.subplots(1, COLUMNS, sharex=True, sharey=True, squeeze=False)[0]
    for ax, (_, autoencoder) in zip(axes, autoencoders.iterrows(), strict=False):
        probability = features_of(tables, autoencoder)["feature_probability"].iloc[0]
        draw_activity(ax, history_of(history, autoencoder), block)
        mark_level(ax, probability, "$p$", side="beside")
        ax.set_title("instance {instance}: {n_dead} dead at the end".format_map(autoencoder), fontsize=SMALL, pad=2)
        top = TOP * probability or 1
        ax.set_ylim(-0.08 * top, top)
    for ax in axes[len(autoencoders) :]:
        ax.set_axis_off()
    axes[0].set_ylabel("share of samples active")
    for ax in axes:
        ax.set_xlabel("step", labelpad=1)


def draw_activity(ax: Axes, history: pd.DataFrame, block: dict) -> None:
    logged = history[history["step"] > 0]
    steps, active = logged["step"].to_numpy(), np.stack(logged["fraction_active"].to_list())
    resampled = np.stack(logged["resampled"].to_list())
    for values, events in zip(active.T, resampled.T, strict=True):
        color = RESAMPLED if events.any() else GREY if values[-1] == 0 else INK
        ax.plot(steps, values, color=color, linewidth=0.9, zorder=2)
        ax.plot(steps[events], np.zeros(events.sum()), "^", color=RESAMPLED, markersize=3.5, zorder=3)
    if block["resampling"]["method"] != "none":
        every = block["resampling"]["every"]
        for step in range(every, block["training"]["steps"], every):
            ax.axvline(step, color=FAINT, linewidth=0.6, zorder=0)
    ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))


def draw_legend(part: SubFigure) -> None:
    handles = {
        "latent never resampled": Line2D([], [], color=INK),
        "never resampled, silent at the end": Line2D([], [], color=GREY),
        "latent resampled": Line2D([], [], color=RESAMPLED),
        "resampling": Line2D([], [], color=RESAMPLED, marker="^", linestyle="", markersize=3.5),
    }
    part.legend(handles.values(), handles, loc="center", ncols=len(handles))


if __name__ == "__main__":
    draw_figure(draw)
