"""Frames of the training of a few autoencoders: where latents point, which fall silent, which are resampled.

The film shows the same, every snapshot of it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from figures.features_in_2d import is_plane, stack
from scripts.draw_film import draw_figure_or_film
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
FILM_COLUMNS = 4
LINGER = 6  # frames of the film for which a latent counts as just resampled
EDGE = 0.16  # length of the mark where a latent begins to fire
RARE = 0.01  # a latent that fires this many times as often as a feature is present, or less, is drawn as silent
ROW, HEAD, LEGEND = 0.9, 0.42, 0.42  # inches: a row of frames, the lines above a sweep's rows, the legend
FILM_ROW, FILM_HEAD = 1.65, 0.4  # inches


class Frame(NamedTuple):
    """The latents at a snapshot; silent in the stretch of steps that it ends, resampled since a frame before."""

    step: int
    encoder: np.ndarray  # (n_latents, d_in)
    decoder: np.ndarray  # (n_latents, d_in)
    edge: np.ndarray  # (n_latents, d_in) the nearest point to b_dec at which it fires; NaN if it has no threshold
    bias: np.ndarray  # (d_in,) of the decoder
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


def film(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Iterator[Figure]:
    sweeps = {name: block for name, block in experiments.items() if name in set(tables["saes"]["sae"])}
    films = {name: read_film(tables, name, FILM_COLUMNS, None) for name in sweeps}
    films = {name: found for name, found in films.items() if is_plane(found.truth)}
    count = min((len(frames) for found in films.values() for frames in found.frames), default=0)
    colors = color_sweeps(sweeps)
    for index in range(count):
        with style():
            figure = make_figure(height=len(films) * (FILM_HEAD + FILM_ROW) + LEGEND)
            heights = [FILM_HEAD + FILM_ROW] * len(films) + [LEGEND]
            parts = figure.subfigures(len(films) + 1, 1, height_ratios=heights)
            for (name, found), part in zip(films.items(), parts, strict=False):
                step = found.frames[0][index].step
                set_title(part, f"{sweeps[name]['title']}, step {step:,}", colors[name])
                panels = part.subplots(1, FILM_COLUMNS, squeeze=False)[0]
                for ax in panels:
                    ax.set_axis_off()
                for ax, frames, label in zip(panels, found.frames, found.labels, strict=False):
                    draw_frame(ax, frames[index], found.truth, found.limit)
                    ax.set_title(label, loc="center", fontsize=SMALL, pad=2)
            draw_legend(parts[-1])
        yield figure


class Film(NamedTuple):
    """Frames of a few autoencoders of a sweep, what each is called, and what they have in common."""

    autoencoders: pd.DataFrame  # rows of the table saes
    labels: list[str]
    frames: list[list[Frame]]
    truth: np.ndarray  # (n_features, d_in)
    limit: float  # half the width of a panel


def read_film(tables: dict[str, pd.DataFrame], sae: str, count: int, most_frames: int | None) -> Film:
    """Of at most `count` autoencoders of the sweep (see choose_autoencoders)."""
    history = tables["sae_history"].query("sae == @sae")
    autoencoders = choose_autoencoders(tables["saes"], history, sae, count)
    features = features_of(tables, autoencoders.iloc[0])  # one toy model for all of a seed
    truth, rare = stack(features["direction"]), RARE * features["feature_probability"].min()
    linger = 1 if most_frames else LINGER
    frames = [make_frames(history_of(history, row), rare, most_frames, linger) for _, row in autoencoders.iterrows()]
    limit = limit_of_planes(truth, *(frame.encoder for film in frames for frame in film)) if is_plane(truth) else 1.0
    swept = autoencoders["sparsity_penalty"].nunique() > 1
    labels = [
        f"$\\lambda$ = {row['sparsity_penalty']:g}, " * swept + f"instance {row['instance']}"
        for _, row in autoencoders.iterrows()
    ]
    return Film(autoencoders, labels, frames, truth, limit)


def draw_sweep(part: SubFigure, tables: dict[str, pd.DataFrame], sae: str) -> None:
    found = read_film(tables, sae, ROWS_PER_SWEEP, N_FRAMES)
    axes = part.subplots(len(found.frames), N_FRAMES, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    if not is_plane(found.truth):
        write_note(axes[0, 0], f"{found.truth.shape[1]} dimensions:\nnot a plane")
        return
    rows = zip(axes, found.frames, found.labels, found.autoencoders.iterrows(), strict=True)
    for row, frames, label, (_, autoencoder) in rows:
        for ax, frame in zip(row, frames, strict=False):
            draw_frame(ax, frame, found.truth, found.limit)
        fate = "{n_recovered}/{n_features} recovered\n{n_dead} dead".format_map(autoencoder)
        fate = label.replace(", ", "\n") + "\n" + fate
        row[-1].text(1.06, 0.5, fate, transform=row[-1].transAxes, va="center", fontsize=SMALL)
        if not frames:
            write_note(row[0], "no snapshots")
    for ax, frame in zip(axes[0], found.frames[0], strict=False):
        ax.set_title(f"step {frame.step:,}", loc="center", fontsize=SMALL, pad=2)


def choose_autoencoders(saes: pd.DataFrame, history: pd.DataFrame, sae: str, count: int) -> pd.DataFrame:
    """Rows of `saes`: of the sweep's lowest seed the first instance, then those with the most resampled latents.

    Where no latent was resampled, those with the most dead latents at the end follow the first. Ties go to the lower
    instance. The points of a sweep share `count` among them; each has at least its first instance.
    """
    rows = saes[saes["sae"] == sae]
    rows = rows[rows["seed"] == rows["seed"].min()].set_index("instance", drop=False)
    events = history[history["seed"] == rows["seed"].iloc[0]]
    resampled = events["resampled"].map(np.sum).groupby(events["instance"]).sum()
    chosen, each = [], max(1, count // rows["point"].nunique())
    for _, own in rows.groupby("point"):
        eventful = resampled.reindex(own.index)
        eventful = eventful if eventful.any() else own["n_dead"]
        first = own.index.min()
        rest = eventful.drop(first).sort_values(ascending=False, kind="stable").index
        chosen += [first, *rest[: each - 1]]
    return rows.loc[chosen]


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


def make_frames(history: pd.DataFrame, rare: float, most: int | None = N_FRAMES, linger: int = 1) -> list[Frame]:
    """At most `most` snapshots of one autoencoder, or all, evenly spaced from the first to the last.

    Args:
        rare: the share of samples up to which a latent counts as silent
        linger: for how many frames a latent counts as resampled
    """
    snapshots = history[history["W_dec"].notna()]
    count = min(most or len(snapshots), len(snapshots))
    chosen = np.linspace(0, len(snapshots) - 1, count).round().astype(int)
    frames = []
    for _, row in snapshots.iloc[chosen].iterrows():
        last_step = frames[-linger].step if len(frames) >= linger else -1
        since = history[(history["step"] > last_step) & (history["step"] <= row["step"])]
        encoder = np.reshape(row["W_enc"], (len(row["b_dec"]), -1)).T
        frames.append(
            Frame(
                step=row["step"],
                encoder=encoder,
                decoder=np.reshape(row["W_dec"], (-1, len(row["b_dec"]))),
                bias=np.asarray(row["b_dec"]),
                edge=np.asarray(row["b_dec"]) + find_edges(encoder, np.subtract(row["threshold"], row["b_enc"])),
                silent=np.asarray(row["fraction_active"]) <= rare,
                resampled=np.any(np.stack(since["resampled"].to_list()), axis=0),
            )
        )
    return frames


def find_edges(encoder: np.ndarray, required: np.ndarray) -> np.ndarray:
    """(n_latents, d_in) the shortest c for which c . encoder, of (n_latents, d_in), is `required` of each latent."""
    square = np.square(encoder).sum(1, keepdims=True)
    return np.divide(encoder * required[:, None], square, out=np.full_like(encoder, np.nan), where=square > 0)


def draw_frame(ax: Axes, frame: Frame, truth: np.ndarray, limit: float) -> None:
    prepare_plane(ax, limit)
    draw_rays(ax, truth, linewidth=2.4)
    ax.plot(*frame.bias, "+", color=INK, markersize=4.5, markeredgewidth=0.7, zorder=5)
    latents = (frame.encoder, frame.decoder, frame.edge, frame.silent, frame.resampled)
    for encoder, decoder, edge, silent, resampled in zip(*latents, strict=True):
        color = RESAMPLED if resampled else GREY if silent else INK
        line = (0, (2, 1.5)) if silent else "-"
        ax.plot([0, decoder[0]], [0, decoder[1]], color=color, linestyle=line, linewidth=1, zorder=3)
        ax.plot(*decoder, "o", color=color, markersize=2.2, zorder=3)
        ax.plot(*encoder, "o", color=color, markersize=3.4, markerfacecolor="none", markeredgewidth=0.7, zorder=4)
        across = np.array([-encoder[1], encoder[0]]) * EDGE * limit / max(np.linalg.norm(encoder), 1e-12)
        if not silent and np.linalg.norm(edge) < limit:  # nor where it is NaN
            ax.plot(*np.transpose([edge - across / 2, edge + across / 2]), color=color, linewidth=1.3, zorder=4)


def draw_legend(part: SubFigure) -> None:
    handles = {
        "true feature": Line2D([], [], color=FAINT, linewidth=2.4),
        "decoder": Line2D([], [], color=INK, linewidth=1, marker="o", markersize=2.2, markevery=[1]),
        "encoder": Line2D([], [], color=INK, linestyle="", marker="o", markersize=3.4, markerfacecolor="none"),
        "fires beyond": Line2D([], [], color=INK, linestyle="", marker="|", markersize=5, markeredgewidth=1.3),
        "decoder bias": Line2D([], [], color=INK, linestyle="", marker="+", markersize=4.5, markeredgewidth=0.7),
        "silent": Line2D([], [], color=GREY, linestyle=(0, (2, 1.5)), linewidth=1),
        "just resampled": Line2D([], [], color=RESAMPLED, linewidth=1.6),
    }
    part.legend(handles.values(), handles, loc="center", ncols=4)


if __name__ == "__main__":
    draw_figure_or_film(draw, film)
