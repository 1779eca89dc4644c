"""What a penalty on the hidden layer does: less superposition, aligned features, a higher error."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.draw_figure import draw_figure
from superposition.plotting import GREY, INK, SWEEPS, make_figure, mark_level, set_title, spread_points, style, title_of

REPRESENTED, SUPERPOSED = SWEEPS[1], SWEEPS[0]


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = tables["models"]
        penalties = np.sort(models["hidden_penalty"].unique())
        models = models.assign(place=np.searchsorted(penalties, models["hidden_penalty"]))
        figure = make_figure(height=2.8)
        left, middle, right = figure.subplots(1, 3)
        set_title(figure, title_of(experiments))
        draw_points(left, models, "n_represented", REPRESENTED, "represented")
        draw_points(left, models, "n_superposed", SUPERPOSED, "in superposition")
        mark_level(left, models["n_hidden"].iloc[0], "$m$", "beside")
        left.legend(loc="upper right", labelcolor="linecolor", borderpad=0)
        left.set(ylabel="features")
        left.set_ylim(top=1.35 * models[["n_represented", "n_hidden"]].max().max())
        draw_points(middle, models, "basis_alignment", INK)
        rotated = models.groupby("place")["rotated_alignment"].mean()
        middle.plot(rotated.index, rotated, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)))
        middle.set(ylabel="alignment with hidden units")
        base = models.loc[models["place"] == 0].groupby("seed")["loss"].mean()
        draw_points(right, models.assign(ratio=models["loss"] / models["seed"].map(base)), "ratio", INK)
        right.set(ylabel="error, relative to no penalty")
        for ax in (left, middle, right):
            ax.set_xticks(range(len(penalties)), [f"{penalty:g}" for penalty in penalties], rotation=45)
            ax.set_xlabel("penalty $\\lambda$ on $\\sum_k |h_k|$")
            ax.set_xlim(-0.5, len(penalties) - 0.5)
        return figure


def draw_points(ax: Axes, models: pd.DataFrame, column: str, color: str, label: str | None = None) -> None:
    """A faint point for every restart, a line through the means."""
    for place, rows in models.groupby("place"):
        ax.scatter(place + spread_points(len(rows), 0.4), rows[column], s=5, color=color, alpha=0.3, linewidths=0)
    mean = models.groupby("place")[column].mean()
    ax.plot(mean.index, mean, "o-", color=color, markersize=3, label=label)


if __name__ == "__main__":
    draw_figure(draw)
