"""Double descent in three panes: the test loss, the dimensionality of features and samples, and both as vectors."""

import pandas as pd
from matplotlib.figure import Figure

from figures.dimensionality_of_points import draw_dimensionality
from figures.features_and_points import draw_rows
from figures.finite_data_elements import (
    best_at_first_seed,
    draw_seeds,
    format_excess,
    format_sizes,
    mean_regimes,
    name_regimes,
    shade_regimes,
    spread,
)
from scripts.draw_figure import draw_figure
from superposition.plotting import INK, make_figure, set_title, style, title_of

MOST_VECTORS = 8


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        figure = make_figure(height=6.1)
        set_title(figure, title_of(experiments))
        curves, vectors = figure.subfigures(2, 1, height_ratios=(3.9, 2.0))
        top, middle = curves.subplots(2, 1, sharex=True, height_ratios=(1, 1.2))
        models = common_seeds(tables["finite_models"])
        losses = models[models["lowest_training_loss"]].pivot_table("test_loss", "seed", "n_samples") - 1
        draw_seeds(top, losses, INK)
        format_excess(top)
        draw_dimensionality(middle, tables)
        format_sizes(top, models["n_samples"].unique(), label=False)
        top.set_ylabel("test loss")
        regimes = mean_regimes(models)
        shade_regimes((top, middle), regimes)
        name_regimes(middle, regimes)
        features = best_at_first_seed(tables["finite_features"])
        sizes = spread(sorted(features), MOST_VECTORS)
        axes = vectors.subplots(2, len(sizes), squeeze=False)
        draw_rows(axes, sizes, features, best_at_first_seed(tables["training_points"]))
        return figure


def common_seeds(models: pd.DataFrame) -> pd.DataFrame:
    """The rows of the seeds that every experiment has."""
    complete = models.groupby("seed")["experiment"].nunique() == models["experiment"].nunique()
    return models[models["seed"].isin(complete.index[complete])]


if __name__ == "__main__":
    draw_figure(draw)
