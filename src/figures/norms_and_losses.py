"""How weights, biases and losses change with the number of training samples."""

import pandas as pd
from matplotlib.figure import Figure

from figures.double_descent import common_seeds
from figures.finite_data_elements import draw_seeds, format_excess, format_sizes, mean_regimes, shade_regimes
from scripts.draw_figure import draw_figure
from superposition.plotting import INK, SWEEPS, make_figure, set_title, style, title_of


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = common_seeds(tables["finite_models"])
        best = models[models["lowest_training_loss"]]
        figure = make_figure(height=2.3)
        set_title(figure, title_of(experiments))
        axes = figure.subplots(1, 3)
        peak = int(best.groupby("n_samples")["bias_norm"].mean().to_numpy().argmax())
        for column, name, color in (("frobenius_norm", "$|W|_F$", SWEEPS[1]), ("bias_norm", "$|b|$", SWEEPS[0])):
            draw_seeds(axes[0], best.pivot_table(column, "seed", "n_samples"), color, name, peak)
        axes[0].set(yscale="log", ylabel="norm")
        draw_seeds(axes[1], best.pivot_table("train_loss", "seed", "n_samples"), INK)
        axes[1].set(ylim=(-0.03, 1.08), ylabel="training loss")
        draw_seeds(axes[2], best.pivot_table("test_loss", "seed", "n_samples") - 1, INK)
        format_excess(axes[2])
        axes[2].set_ylabel("test loss")
        for ax in axes:
            format_sizes(ax, best["n_samples"].unique())
        shade_regimes(axes, mean_regimes(models))
        return figure


if __name__ == "__main__":
    draw_figure(draw)
