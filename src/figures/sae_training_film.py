"""Frames of the training of a few autoencoders: where latents point, which fall silent, which are resampled."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from figures.features_in_2d import is_plane, stack
from scripts.draw_figure import draw_figure
from superposition.plotting import (
    FAINT,
    GREY,
    INK,
    RESAMPLED,
    SMALL,
    color_sweeps,
    draw_rays,
    limit_of_planes,
    make_figure,
    prepare_plane,
    set_title,
    style,
    write_note,
)

N_FRAMES = 6
ROWS_PER_SWEEP = 2
RARE = 0.01  # a latent that fires this many times as often as a feature is present, or less, is drawn as silent
ROW, HEAD, LEGEND = 0.9, 0.42, 0.3  # inches: a row of frames, the lines above a sweep's rows, the legend


class Frame(NamedTuple):
    """The latents at a snapshot; silent in the stretch of steps that it ends, resampled since the frame before."""

    step: int
    encoder: np.ndarray  # (n_latents, d_in)
    decoder: np.ndarray  # (n_latents, d_in)
    silent: np.ndarray  # (n_latents,) bool
    resampled: np.ndarray  # (n_latents,) bool


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        sweeps = {name: block for name, block in experiments.items() if name in set(tables["saes"]["sae"])}
        colors = color_sweeps(sweeps)
        figure = make_figure(height=len(sweeps) * (HEAD + ROWS_PER_SWEEP * ROW) + LEGEND)
        parts = figure.subfigures(
            len(sweeps) + 1, 1, height_ratios=[HEAD + ROWS_PER_SWEEP * ROW] * len(sweeps) + [LEGEND]
        )
        for (name, block), part in zip(sweeps.items(), parts, strict=False):
            set_title(part, block["title"], colors[name])
            draw_sweep(part, tables, name)
        draw_legend(parts[-1])
        return figure


def draw_sweep(part: SubFigure, tables: dict[str, pd.DataFrame], sae: str) -> None:
    history = tables["sae_history"].query("sae == @sae")
    autoencoders = choose_autoencoders(tables["saes"], history, sae, ROWS_PER_SWEEP)
    axes = part.subplots(len(autoencoders), N_FRAMES, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    features = features_of(tables, autoencoders.iloc[0])  # one toy model for all of a seed
    truth, rare = stack(features["direction"]), RARE * features["feature_probability"].min()
    if not is_plane(truth):
        write_note(axes[0, 0], f"{truth.shape[1]} dimensions:\nnot a plane")
        return
    films = [make_frames(history_of(history, row), rare) for _, row in autoencoders.iterrows()]
    limit = limit_of_planes(truth, *(frame.encoder for frames in films for frame in frames))
    for row, frames, (_, autoencoder) in zip(axes, films, autoencoders.iterrows(), strict=True):
        for ax, frame in zip(row, frames, strict=False):
            draw_frame(ax, frame, truth, limit)
        fate = "instance {instance}\n{n_recovered}/{n_features} recovered\n{n_dead} dead".format_map(autoencoder)
        row[-1].text(1.06, 0.5, fate, transform=row[-1].transAxes, va="center", fontsize=SMALL)
        if not frames:
            write_note(row[0], "no snapshots")
    for ax, frame in zip(axes[0], films[0], strict=False):
        ax.set_title(f"step {frame.step:,}", loc="center", fontsize=SMALL, pad=2)


def choose_autoencoders(saes: pd.DataFrame, history: pd.DataFrame, sae: str, count: int) -> pd.DataFrame:
    """Rows of `saes`: of the sweep's lowest seed the first instance, then those with the most resampled latents.

    Where no latent was resampled, those with the most dead latents at the end follow the first. Ties go to the lower
    instance.
    """
    rows = saes[saes["sae"] == sae]
    rows = rows[rows["seed"] == rows["seed"].min()].set_index("instance", drop=False)
    events = history[history["seed"] == rows["seed"].iloc[0]]
    resampled = events["resampled"].map(np.sum).groupby(events["instance"]).sum()
    eventful = (resampled if resampled.any() else rows["n_dead"]).reindex(rows.index)
    rest = eventful.drop(rows.index.min()).sort_values(ascending=False, kind="stable").index
    return rows.loc[[rows.index.min(), *rest[: count - 1]]]


def features_of(tables: dict[str, pd.DataFrame], autoencoder: pd.Series) -> pd.DataFrame:
    """Rows of the toy model that supplied the activations; ValueError if the figure does not name its experiment."""
    features, toy_model = tables.get("features"), autoencoder["toy_model"]
    if features is None or toy_model not in set(features["experiment"]):
        raise ValueError(f"toy_models has to name {toy_model}, the experiment that {autoencoder['sae']} is fitted to")
    same_seed = (features["experiment"] == toy_model) & (features["seed"] == autoencoder["seed"])
    return features[same_seed & (features["instance"] == autoencoder["model_instance"])].sort_values("feature")


def history_of(history: pd.DataFrame, autoencoder: pd.Series) -> pd.DataFrame:
    chosen = (history["seed"] == autoencoder["seed"]) & (history["instance"] == autoencoder["instance"])
    return history[chosen & (history["sae"] == autoencoder["sae"])].sort_values("step")


def make_frames(history: pd.DataFrame, rare: float) -> list[Frame]:
    """At most N_FRAMES snapshots of one autoencoder, evenly spaced from the first to the last.

    Args:
        rare: the share of samples up to which a latent counts as silent
    """
    snapshots = history[history["W_dec"].notna()]
    chosen = np.linspace(0, len(snapshots) - 1, min(N_FRAMES, len(snapshots))).round().astype(int)
    frames, last_step = [], -1
    for _, row in snapshots.iloc[chosen].iterrows():
        since = history[(history["step"] > last_step) & (history["step"] <= row["step"])]
        frames.append(
            Frame(
                step=row["step"],
                encoder=np.reshape(row["W_enc"], (len(row["b_dec"]), -1)).T,
                decoder=np.reshape(row["W_dec"], (-1, len(row["b_dec"]))),
                silent=np.asarray(row["fraction_active"]) <= rare,
                resampled=np.any(np.stack(since["resampled"].to_list()), axis=0),
            )
        )
        last_step = row["step"]
    return frames


def draw_frame(ax: Axes, frame: Frame, truth: np.ndarray, limit: float) -> None:
    prepare_plane(ax, limit)
    draw_rays(ax, truth, linewidth=2.4)
    for encoder, decoder, silent, resampled in zip(*frame[1:], strict=True):
        color = RESAMPLED if resampled else GREY if silent else INK
        line = (0, (2, 1.5)) if silent else "-"
        ax.plot([0, decoder[0]], [0, decoder[1]], color=color, linestyle=line, linewidth=1, zorder=3)
        ax.plot(*decoder, "o", color=color, markersize=2.2, zorder=3)
        ax.plot(*encoder, "o", color=color, markersize=3.4, markerfacecolor="none", markeredgewidth=0.7, zorder=4)


def draw_legend(part: SubFigure) -> None:
    handles = {
        "true feature": Line2D([], [], color=FAINT, linewidth=2.4),
        "decoder": Line2D([], [], color=INK, linewidth=1, marker="o", markersize=2.2, markevery=[1]),
        "encoder": Line2D([], [], color=INK, linestyle="", marker="o", markersize=3.4, markerfacecolor="none"),
        "silent": Line2D([], [], color=GREY, linestyle=(0, (2, 1.5)), linewidth=1),
        "resampled since the frame before": Line2D([], [], color=RESAMPLED, linewidth=1),
    }
    part.legend(handles.values(), handles, loc="center", ncols=len(handles))


if __name__ == "__main__":
    draw_figure(draw)
