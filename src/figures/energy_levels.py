"""The dimensionality of every feature while a model trains, over its loss. The film draws the same as time passes."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from scripts.draw_film import draw_figure_or_film
from superposition.plotting import FAINT, GREY, INK, SMALL, SWEEPS, make_figure, set_title, style, title_of, write_note
from superposition.trajectories import JUMP_AFTER, Stretch, swaps_of

HEIGHT = 4.2
N_FRAMES = 60
LEVELS = {1: "1", 3 / 4: "3/4", 2 / 3: "2/3", 1 / 2: "1/2", 2 / 5: "2/5", 3 / 8: "3/8"}
NAMES = {
    1: "alone",
    3 / 4: "tetrahedron",
    2 / 3: "triangle",
    1 / 2: "antipodal pair",
    2 / 5: "pentagon",
    3 / 8: "square antiprism",
}
SHIFTS = {2 / 5: 3, 3 / 8: -3}  # points up, so that neighbours do not touch
NO_DYNAMICS = "no weights were kept while it trained"


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        return draw_until(choose_model(tables["dynamics"]), experiments, None)


def film(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Iterator[Figure]:
    """Frames at equal ratios of steps, as the figure's axis is logarithmic."""
    rows = choose_model(tables["dynamics"])
    if rows.empty:
        return
    wanted = np.geomspace(rows["step"].iloc[0], rows["step"].iloc[-1], N_FRAMES)
    for last in np.unique(np.searchsorted(rows["step"], wanted)):
        with style():
            yield draw_until(rows, experiments, int(last))


def choose_model(dynamics: pd.DataFrame) -> pd.DataFrame:
    """After step 0, the rows of the first model in which features swap; of the best one if there is none."""
    dynamics = dynamics[(dynamics["seed"] == dynamics["seed"].min()) & (dynamics["step"] > 0)].sort_values("step")
    models = [rows for _, rows in dynamics.groupby(["experiment", "instance"])]
    swapping = [rows for rows in models if late_swaps(rows)]
    best = [rows for rows in models if rows["lowest_loss"].all()]
    return next(iter([*swapping, *best]), dynamics)


def late_swaps(rows: pd.DataFrame) -> list[Stretch]:
    """Swaps once features have found their places, as stretches of the rows from JUMP_AFTER on."""
    return swaps_of(rows[rows["step"] >= JUMP_AFTER])


def draw_until(rows: pd.DataFrame, experiments: dict[str, dict], last: int | None) -> Figure:
    """The figure, or (`last` given) the frame that ends with that row."""
    figure = make_figure(height=HEIGHT)
    set_title(figure, title_of(experiments))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    if rows.empty:
        write_note(upper, NO_DYNAMICS)
        lower.set_axis_off()
        return figure
    steps, values = rows["step"].to_numpy(), np.stack(rows["dimensionality"].to_list())
    late = rows[rows["step"] >= JUMP_AFTER]["step"].to_numpy()
    swaps = [(late[first], late[end]) for first, end in late_swaps(rows)]
    if last is not None:
        swaps = [(begin, end) for begin, end in swaps if end <= steps[last]]
    for ax in (upper, lower):
        for begin, end in swaps:
            ax.axvspan(begin, end, color=FAINT, alpha=0.6, linewidth=0, zorder=0)
    mark_levels(upper)
    shown = slice(None if last is None else last + 1)
    for column, color in zip(values.T, color_features(values, late_swaps(rows), steps), strict=True):
        emphasis = color != GREY
        upper.plot(
            steps[shown],
            column[shown],
            color=color,
            linewidth=1.5 if emphasis else 0.5,
            alpha=1 if emphasis else 0.5,
            zorder=3 if emphasis else 2,
        )
    lower.plot(steps[shown], rows["loss"].to_numpy()[shown], color=INK, linewidth=0.8)
    if last is not None:
        upper.plot(np.full(values.shape[1], steps[last]), values[last], "o", color=INK, markersize=2, zorder=4)
    upper.set(ylabel="dimensionality $D_i$", ylim=(-0.03, 1.05))
    loss = rows["loss"]
    lower.set(xscale="log", xlabel="step", ylabel="loss", xlim=(steps[0], steps[-1]))
    lower.set_ylim(0.98 * loss.min(), loss.min() + 0.35 * max(loss.max() - loss.min(), 1e-12))
    lower.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    lower.xaxis.set_minor_locator(NullLocator())
    return figure


def color_features(values: np.ndarray, swaps: list[Stretch], steps: np.ndarray) -> list[str]:
    """Grey, but for the two features of each swap that rise and fall the most."""
    colors, begin = [GREY] * values.shape[1], int((steps < JUMP_AFTER).sum())
    for swap in swaps:
        change = values[begin + swap.last] - values[begin + swap.first]
        colors[int(change.argmax())], colors[int(change.argmin())] = SWEEPS[:2]
    return colors


def mark_levels(ax: Axes) -> None:
    """The dimensionality of each polytope as a line, named at the right."""
    for level, text in LEVELS.items():
        ax.axhline(level, color=GREY, linewidth=0.6, linestyle=(0, (1, 2)), zorder=1)
        position = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        ax.annotate(
            f"{text}  {NAMES[level]}",
            (1, level),
            (3, SHIFTS.get(level, 0)),
            **position,
            color=GREY,
            fontsize=SMALL,
            va="center",
        )


if __name__ == "__main__":
    draw_figure_or_film(draw, film)
