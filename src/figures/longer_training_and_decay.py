"""The test loss against the number of samples, for trainings of several lengths and for several weight decays."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.finite_data_elements import draw_seeds, format_excess, format_sizes
from scripts.draw_figure import draw_figure
from superposition.plotting import SMALL, SWEEPS, make_figure, style, wrap

SWEPT = {"steps": "{:,.0f} steps", "weight_decay": "decay {:g}"}


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        figure = make_figure(height=2.6)
        axes = figure.subplots(1, len(experiments), squeeze=False, sharey=True)[0]
        for ax, (name, block) in zip(axes, experiments.items(), strict=True):
            draw_sweep(ax, select(tables["finite_models"], name))
            ax.set_title(wrap(block["title"]) if len(experiments) == 1 else block["title"].partition(",")[0])
        axes[0].set_ylabel("test loss")
        for ax in axes:
            format_excess(ax)
        return figure


def select(models: pd.DataFrame, name: str) -> pd.DataFrame:
    """The best fits of an experiment and, where it sweeps the decay, those of the others with as many steps, which
    may have the usual decay."""
    own = models["experiment"] == name
    if models.loc[own, "weight_decay"].nunique() > 1:
        own |= models["steps"].isin(models.loc[own, "steps"])
    return models[own & models["lowest_training_loss"]]


def draw_sweep(ax: Axes, models: pd.DataFrame) -> None:
    """A curve for each value of whatever is swept beside T."""
    swept = next((name for name in SWEPT if models[name].nunique() > 1), "steps")
    for index, (value, rows) in enumerate(models.groupby(swept)):
        color = SWEEPS[index % len(SWEEPS)]
        draw_seeds(ax, rows.pivot_table("test_loss", "seed", "n_samples") - 1, color)
        text = SWEPT[swept].format(value)
        ax.text(0.02, 0.98 - 0.09 * index, text, color=color, transform=ax.transAxes, va="top", fontsize=SMALL)
    format_sizes(ax, models["n_samples"].unique())


if __name__ == "__main__":
    draw_figure(draw)
