"""How correlated sets unfold in three hidden dimensions while a model trains, with the plateaus of its loss.

The film shows the same, turning.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from figures.sets_in_2d import color_sets
from scripts.draw_film import draw_figure_or_film
from superposition.plotting import FAINT, GREY, INK, SMALL, make_figure, prepare_square, set_title, style, write_note
from superposition.trajectories import plateaus_of

N_PANELS = 6
N_FRAMES = 72
TURN = 1.5  # degrees from frame to frame
AZIMUTH, ELEVATION = 25.0, 20.0  # of the eye, in degrees
LIMIT = 1.25  # half the width of a panel, in units of hidden space
ROW = 2.75  # inches
NO_DYNAMICS = "no weights were kept while it trained"


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        figure = make_figure(height=ROW * len(experiments))
        parts = figure.subfigures(len(experiments), 1, squeeze=False)[:, 0]
        for part, (name, block) in zip(parts, experiments.items(), strict=True):
            draw_experiment(part, block["title"], choose_model(tables["dynamics"], name), sets_of(tables, name))
        return figure


def film(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Iterator[Figure]:
    chosen = {name: choose_model(tables["dynamics"], name) for name in experiments}
    chosen = {name: rows for name, rows in chosen.items() if len(rows)}
    frames = {name: choose_by_change(stack_weights(rows), N_FRAMES, even=0.5) for name, rows in chosen.items()}
    for frame in range(N_FRAMES if chosen else 0):
        with style():
            figure = make_figure(height=3.3)
            parts = figure.subfigures(1, len(chosen), squeeze=False)[0]
            for part, (name, rows) in zip(parts, chosen.items(), strict=True):
                part.suptitle(wrap_short(experiments[name]["title"]), fontsize=SMALL)
                upper, lower = part.subplots(2, 1, height_ratios=(2.4, 1))
                last = frames[name][frame]
                directions = stack_weights(rows)[last].T @ make_frame(rows)
                draw_space(upper, directions, sets_of(tables, name), AZIMUTH + TURN * frame)
                upper.set_title(f"step {rows['step'].iloc[last]:,}", loc="center", pad=1)
                draw_loss(lower, rows[rows["step"] > 0], [rows["step"].iloc[last]])
            yield figure


def wrap_short(title: str) -> str:
    return title if len(title) < 48 else title[: title.rfind(" ", 0, 48)] + "\n" + title[title.rfind(" ", 0, 48) + 1 :]


def choose_model(dynamics: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of the best model of an experiment's first seed, in the order of steps."""
    rows = dynamics[(dynamics["experiment"] == name) & dynamics["lowest_loss"]]
    rows = rows[rows["seed"] == rows["seed"].min()]
    return rows[rows["instance"] == rows["instance"].min()].sort_values("step")


def sets_of(tables: dict[str, pd.DataFrame], name: str) -> np.ndarray:
    """(features,) the set of each feature, in their order."""
    features = tables["features"]
    return features[features["experiment"] == name].groupby("feature")["set"].first().sort_index().to_numpy()


def stack_weights(rows: pd.DataFrame) -> np.ndarray:
    """(snapshots, n_hidden, n_features) weights W."""
    flat = np.stack(rows["W"].to_list()).astype(float)
    return flat.reshape(len(rows), -1, len(rows["norm"].iloc[0]))


def choose_by_change(W: np.ndarray, count: int, even: float = 0.0) -> np.ndarray:
    """(count,) snapshots between which W^T W changes by equal amounts, and the last.

    Amounts are sums of squares, so that noise adds little.

    even: the share of the way that passes with time instead
    """
    products = W.swapaxes(1, 2) @ W
    change = (np.diff(products, axis=0) ** 2).sum((1, 2))
    total = max(change.sum(), 1e-12)
    progress = np.concatenate([[0], np.cumsum((1 - even) * change / total + even / len(change))])
    chosen = np.searchsorted(progress, np.linspace(0, progress[-1], count) - 1e-9)
    return np.concatenate([chosen[:-1], [len(W) - 1]])


def make_frame(rows: pd.DataFrame) -> np.ndarray:
    """(n_hidden, n_hidden) orthonormal columns; the first features of the last snapshot lie along the first of them."""
    final = stack_weights(rows)[-1]
    basis, triangular = np.linalg.qr(np.hstack([final, np.eye(len(final))]))
    signs = np.where(np.diag(triangular) < 0, -1.0, 1.0)
    return basis * signs


def draw_experiment(part: SubFigure, title: str, rows: pd.DataFrame, sets: np.ndarray) -> None:
    set_title(part, title)
    if rows.empty or stack_weights(rows).shape[1] != 3:
        write_note(part.subplots(), NO_DYNAMICS if rows.empty else "not three hidden dimensions")
        return
    grid = part.add_gridspec(2, N_PANELS, height_ratios=(1.25, 1))
    W, chosen = stack_weights(rows), choose_by_change(stack_weights(rows), N_PANELS)
    for column, snapshot in enumerate(chosen):
        ax = part.add_subplot(grid[0, column])
        draw_space(ax, W[snapshot].T @ make_frame(rows), sets, AZIMUTH)
        ax.set_title(f"step {rows['step'].iloc[snapshot]:,}", loc="center", pad=1)
    draw_loss(part.add_subplot(grid[1, :]), rows[rows["step"] > 0], rows["step"].iloc[chosen].to_list())


def draw_space(ax: Axes, directions: np.ndarray, sets: np.ndarray, azimuth: float) -> None:
    """Directions (features, 3) as lines from the origin, seen from far away; those of a set are joined."""
    prepare_square(ax, LIMIT)
    points, depths = project(directions, azimuth)
    ends = project(np.concatenate([np.eye(3), -np.eye(3)]), azimuth)[0]
    for begin, end in zip(ends[:3], ends[3:], strict=True):
        ax.plot(*np.transpose([begin, end]), color=FAINT, linewidth=0.6, zorder=0)
    colors = color_sets(sets)
    for number in np.unique(sets[sets >= 0]):
        members = np.flatnonzero(sets == number)
        outline = points[[*members, members[0]]]
        ax.fill(*outline.T, color=colors[members[0]], alpha=0.12, linewidth=0, zorder=1)
        ax.plot(*outline.T, color=colors[members[0]], linewidth=0.6, alpha=0.6, zorder=1)
    for (x, y), depth, color in zip(points, depths, colors, strict=True):
        ax.plot([0, x], [0, y], color=color, linewidth=1.4, zorder=3 + depth)
        ax.plot([x], [y], "o", color=color, markersize=4 + depth, zorder=3 + depth)


def project(vectors: np.ndarray, azimuth: float) -> tuple[np.ndarray, np.ndarray]:
    """(count, 2) positions on the screen, and (count,) nearness to the eye of vectors (count, 3)."""
    a, e = np.radians([azimuth, ELEVATION])
    right = np.array([-np.sin(a), np.cos(a), 0])
    towards = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    return vectors @ np.stack([right, np.cross(towards, right)], axis=1), vectors @ towards


def draw_loss(ax: Axes, rows: pd.DataFrame, steps: list[int]) -> None:
    """The loss after step 0, its plateaus as bars, and marks at the steps that are shown above."""
    times, loss = rows["step"].to_numpy(), rows["loss"].to_numpy()
    ax.plot(times, loss, color=INK, linewidth=0.7)
    for first, last in plateaus_of(rows):
        level = np.exp(np.log(loss[first : last + 1]).mean())
        ax.plot(times[[first, last]], [level] * 2, color=GREY, linewidth=5, alpha=0.4, solid_capstyle="butt", zorder=0)
    for step in steps:
        ax.axvline(step, color=GREY, linewidth=0.6, linestyle=(0, (1, 2)))
    ax.set(yscale="log", xlabel="step", ylabel="loss")
    ax.set_xlim(0, times[-1])
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


if __name__ == "__main__":
    draw_figure_or_film(draw, film)
