"""The two weights of models that press two features into one dimension."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.features_in_2d import stack
from scripts.draw_figure import draw_figure
from superposition.plotting import (
    DASHES,
    FAINT,
    GREY,
    INK,
    SMALL,
    arrange_panels,
    format_probability,
    make_figure,
    set_title,
    style,
    title_of,
    write_note,
)

LIMIT = 1.35


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        features = tables["features"]
        points = list(features.groupby("point"))
        rows, columns = arrange_panels(len(points))
        figure = make_figure(height=rows * 2.0 + 0.45)
        axes = figure.subplots(rows, columns, squeeze=False)
        set_title(figure, title_of(experiments))
        for ax, (_, models) in zip(axes.flat, points, strict=False):
            ax.set_title(format_probability(models["feature_probability"].iloc[0]), loc="center")
            draw_weights(ax, models)
        for ax in axes.flat[len(points) :]:
            ax.set_axis_off()
        axes[0, 0].set_ylabel("weight of the second feature")
        axes[-1, columns // 2].set_xlabel("weight of the first feature")
        return figure


def draw_weights(ax: Axes, features: pd.DataFrame) -> None:
    """A point per model of all seeds, the best of each seed in black. W and -W are one model: the first weight is
    drawn positive."""
    first, second = (features[features["feature"] == index].sort_values(["seed", "instance"]) for index in (0, 1))
    weights = [stack(rows["direction"]) for rows in (first, second)]
    if weights[0].shape[1] != 1:
        write_note(ax, f"{weights[0].shape[1]} hidden dimensions:\nnot one")
        return
    sign = np.where(weights[0] < 0, -1, 1)
    x, y = (sign * weight for weight in weights)
    best = first["lowest_loss"].to_numpy(bool)
    ax.axline((0, 0), slope=1, color=FAINT, linewidth=0.8, linestyle=DASHES, zorder=0)
    ax.axline((0, 0), slope=-1, color=FAINT, linewidth=0.8, linestyle=DASHES, zorder=0)
    ax.scatter(x[~best], y[~best], s=14, color=GREY, alpha=0.4, linewidths=0, zorder=1)
    ax.scatter(x[best], y[best], s=16, color=INK, linewidths=0, zorder=2)
    for name, height, share in (("same sign", 0.03, (y > 0).mean()), ("opposite", -0.03, (y < 0).mean())):
        va = "bottom" if height > 0 else "top"
        ax.text(0.2, height, f"{name}: {share:.1%}", color=GREY, fontsize=SMALL, va=va)
    ax.set(xlim=(-0.1, LIMIT), ylim=(-LIMIT, LIMIT), xticks=[0, 1], yticks=[-1, 0, 1])


if __name__ == "__main__":
    draw_figure(draw)
