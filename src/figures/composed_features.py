"""Decoder rows in the plane of two sets of two features: along the features, or along sums of one of each set?"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.sae_recovery import draw_intervals, summarise_seeds
from scripts.draw_figure import draw_figure
from superposition.plotting import (
    DASHES,
    FAINT,
    GREY,
    INK,
    SMALL,
    color_sweeps,
    draw_rays,
    make_figure,
    mark_level,
    prepare_plane,
    spread_points,
    style,
    write_note,
)

ASIDE = 1.08  # between the places of two sweeps at one penalty, a ratio
INNER, OUTER = 0.75, 1.0  # where the points of decoder rows lie, so that they do not cover one another


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        saes, latents = tables["saes"], tables["latents"]
        titles = {name: block["title"] for name, block in experiments.items() if name in set(saes["sae"])}
        colors = color_sweeps(titles)
        features = find_features(experiments)
        figure = make_figure(height=2.75)
        *planes, right = figure.subplots(1, len(titles) + 1)
        for ax, (name, title) in zip(planes, titles.items(), strict=True):
            draw_plane(ax, latents[(latents["sae"] == name) & ~latents["dead"]], features, colors[name])
            ax.set_title(title.replace(" in ", "\nin "), color=colors[name])
        draw_shares(right, saes, colors)
        return figure


def find_features(experiments: dict[str, dict]) -> np.ndarray:
    """(features, d_in) directions that a dictionary's block gives; none without such a block."""
    given = [block["directions"]["vectors"] for block in experiments.values() if "directions" in block]
    return np.array(given[0], dtype=float) if given else np.empty((0, 2))


def draw_plane(ax: Axes, latents: pd.DataFrame, features: np.ndarray, color: str) -> None:
    """Every live latent's decoder row as a point; features and the bisectors of neighbours, their sums, as rays."""
    rows = np.stack(latents["decoder"].to_list()) if len(latents) else np.empty((0, 2))
    if rows.shape[1] != 2:
        write_note(ax, f"{rows.shape[1]} dimensions")
        return
    prepare_plane(ax, 1.3)
    draw_rays(ax, features, color=GREY, linewidth=1.2)
    sums = [a + b for i, a in enumerate(features) for b in features[:i] if abs(a @ b) < 1e-6]
    for total in sums:
        x, y = total / np.linalg.norm(total)
        ax.plot([0, x], [0, y], color=GREY, linewidth=0.8, linestyle=DASHES, zorder=1)
    for vectors, name in ((features, "feature"), (np.array(sums), "sum")):
        if len(vectors):
            x, y = vectors[0] / np.linalg.norm(vectors[0]) * 1.13
            ax.text(x, y, name, ha="left" if x > 0 else "right", va="center", fontsize=SMALL, color=GREY)
    radii = (INNER + OUTER) / 2 + spread_points(len(rows), OUTER - INNER)
    ax.scatter(*(rows * radii[:, None]).T, s=3, color=color, alpha=0.35, linewidths=0, zorder=3)


def draw_shares(ax: Axes, saes: pd.DataFrame, colors: dict[str, str]) -> None:
    """Share of live latents nearer to a sum than to any feature, against the penalty; a line for each learning rate."""
    for index, (name, color) in enumerate(colors.items()):
        aside = ASIDE ** (index - (len(colors) - 1) / 2)
        rows = saes[saes["sae"] == name]
        for rate, own in rows.groupby("learning_rate"):
            seeds = own.groupby(["sparsity_penalty", "seed"])["composed_share"].mean().unstack()
            shares = [summarise_seeds(row.dropna()) for _, row in seeds.iterrows() if row.notna().any()]
            places = [place * aside for place, row in seeds.iterrows() if row.notna().any()]
            heights = [share.estimate for share in shares]
            last = rate == rows["learning_rate"].max()
            ax.plot(places, heights, "o-", color=color, markersize=3, markerfacecolor=color if last else "white")
            draw_intervals(ax, places, shares, color)
    ax.set(xscale="log", xlabel="penalty $\\lambda$", ylabel="share of latents along sums", ylim=(-0.04, 1.04))
    penalties = sorted(saes["sparsity_penalty"].dropna().unique())
    ax.set_xticks(penalties, [f"{penalty:g}" for penalty in penalties])
    ax.set_xticks([], minor=True)
    floor = saes["composed_share_floor"].mean()
    if np.isfinite(floor):
        mark_level(ax, floor, "random")
    ax.spines["left"].set_color(INK)
    ax.grid(axis="y", color=FAINT, linewidth=0.4)


if __name__ == "__main__":
    draw_figure(draw)
