"""Where the hidden vectors of held-out samples lie, over the directions that the best models give to the features."""

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from figures.features_in_2d import Model, choose_models, is_plane, make_planes, stack
from scripts.draw_figure import draw_figure
from superposition.plotting import SPARSITY, add_colorbar, draw_rays, style


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = choose_models(tables["features"])
        directions = [stack(model.features["direction"]) for model in models]
        samples = [choose_samples(tables["hidden_samples"], model) for model in models]
        hidden = [
            stack(rows["hidden"]) if len(rows) else rays[:0] for rows, rays in zip(samples, directions, strict=True)
        ]
        extent = [np.concatenate([points, rays]) for points, rays in zip(hidden, directions, strict=True)]
        figure, axes = make_planes(models, extent, experiments)
        counts = color_counts(max(int(rows["n_present"].max()) if len(rows) else 1 for rows in samples))
        for ax, rays, rows, points in zip(axes, directions, samples, hidden, strict=True):
            if is_plane(rays):
                draw_rays(ax, rays)
                colors = counts.to_rgba(rows["n_present"].to_numpy())
                ax.scatter(*points.T, s=4.5, c=colors, linewidths=0, zorder=2)
        add_colorbar(figure, counts, "features present", MaxNLocator(integer=True, min_n_ticks=1))
        return figure


def choose_samples(hidden_samples: pd.DataFrame, model: Model) -> pd.DataFrame:
    """The hidden samples of `model`; those with many features last, so that they do not hide behind the others."""
    key = ["experiment", "seed", "instance"]
    rows = hidden_samples[(hidden_samples[key] == model.features[key].iloc[0]).all(axis=1)]
    return rows.sort_values(["n_present", "sample"])


def color_counts(most: int) -> ScalarMappable:
    """One colour for each number of features from 1 to `most`, the fewer the darker."""
    return ScalarMappable(BoundaryNorm(np.arange(0.5, most + 1), SPARSITY.N), SPARSITY.reversed())


if __name__ == "__main__":
    draw_figure(draw)
