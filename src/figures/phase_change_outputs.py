"""The phase diagrams of models that differ in the function at their output."""

import pandas as pd
from matplotlib.figure import Figure

from figures.phase_change import draw_map, join_last_feature
from scripts.draw_figure import draw_figure
from superposition.claims.phase_change import choose_best
from superposition.plotting import make_figure, set_title, style

NAMES = {
    "relu_output": "ReLU",
    "gelu_output": "GELU",
    "silu_output": "SiLU",
    "softplus_output": "softplus",
    "quadratic_output": "quadratic",
}


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = join_last_feature(tables)
        figure = make_figure(height=1.95)
        axes = figure.subplots(1, models["experiment"].nunique(), squeeze=False)[0]
        set_title(figure, next(iter(experiments.values()))["title"] + ", by output function")
        for ax, (_, rows) in zip(axes, models.groupby("experiment", sort=False), strict=True):
            kind = rows["kind"].iloc[0]
            ax.set_title(NAMES.get(kind, kind))
            draw_map(ax, choose_best(rows))
            if ax is not axes[0]:
                ax.set_yticklabels([])
        axes[0].set_ylabel("importance of the last")
        axes[len(axes) // 2].set_xlabel("feature probability $p$   (sparser →)")
        return figure


if __name__ == "__main__":
    draw_figure(draw)
