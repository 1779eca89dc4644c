"""Features per dimension of models that were trained on attacked samples, against the length of the attack."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from scripts.draw_figure import draw_figure
from superposition.plotting import DASHES, GREY, SMALL, SWEEPS, make_figure, set_title, style, title_of
from superposition.seeding import numpy_generator
from superposition.statistics import summarise

CURVES = {  # column -> name, colour, marker
    "represented": ("represented, $|W_i| > 0.5$", SWEEPS[1], "o"),
    "superposed": ("of these superposed", SWEEPS[0], "s"),
}


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = tables["models"].assign(
            represented=lambda rows: rows["n_represented"] / rows["n_hidden"],
            superposed=lambda rows: rows["n_superposed"] / rows["n_hidden"],
        )
        figure = make_figure(height=2.7)
        crowd, loss = figure.subplots(1, 2)
        set_title(figure, title_of(experiments))
        for row, (column, (name, color, marker)) in enumerate(CURVES.items()):
            draw_means(crowd, models, column, color, marker)
            place = {"transform": crowd.transAxes, "ha": "right", "va": "top"}
            crowd.text(0.98, 0.97 - 0.09 * row, name, color=color, **place)
        crowd.axhline(1, color=GREY, linewidth=0.8, linestyle=DASHES, zorder=0)
        note = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "top"}
        crowd.annotate("one per dimension", (0, 1), (4, -3), color=GREY, fontsize=SMALL, **note)
        draw_means(loss, models, "loss", SWEEPS[2], "o")
        crowd.set(ylabel="features per hidden dimension", ylim=(0, None))
        loss.set(ylabel="held-out loss without attack", ylim=(0, None))
        for ax in (crowd, loss):
            ax.set(xlabel="length of the attack in mean input lengths")
            ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        return figure


def draw_means(ax: Axes, models: pd.DataFrame, column: str, color: str, marker: str) -> None:
    """The mean over restarts of each seed, its mean over seeds and the bootstrap interval of that mean."""
    means = models.groupby(["attack_size", "seed"])[column].mean()
    rng = numpy_generator(0, "adversarial_training", column)
    found = {size: summarise(values, rng=rng) for size, values in means.groupby("attack_size")}
    estimates = np.array([summary.estimate for summary in found.values()])
    errors = np.array([[s.estimate - s.low, s.high - s.estimate] for s in found.values()]).T
    ax.errorbar(list(found), estimates, errors, color=color, fmt=f"{marker}-", markersize=3, linewidth=1, capsize=1.5)


if __name__ == "__main__":
    draw_figure(draw)
