"""Samples of features that come in sets: which are present together."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from scripts.draw_figure import draw_figure
from superposition.plotting import (
    FAINT,
    add_colorbar,
    count_from_one,
    format_probability,
    make_figure,
    set_title,
    style,
    wrap,
    write_note,
)

N_SAMPLES = 50
ROW = 0.17  # inches of a feature
MAGNITUDE = sns.color_palette("mako_r", as_cmap=True)


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        batches = [choose_batch(tables["hidden_samples"], name) for name in experiments]
        n_features = [np.stack(rows["x"]).shape[1] if len(rows) else 4 for rows in batches]
        figure = make_figure(height=0.5 + sum(ROW * count + 0.5 for count in n_features))
        axes = figure.subplots(len(batches), 1, squeeze=False, height_ratios=n_features)[:, 0]
        set_title(figure, f"The first {N_SAMPLES} held-out samples in which a feature is present")
        for ax, rows, block in zip(axes, batches, experiments.values(), strict=True):
            if rows.empty:
                write_note(ax, f"{wrap(block['title'])}: no feature is ever present")
                continue
            x = np.stack(rows["x"].to_list()).astype(float)
            ax.set_title(f"{block['title']}, {format_probability(rows['feature_probability'].iloc[0])}")
            shown = {"vmin": 0, "vmax": 1, "aspect": "auto", "extent": count_from_one(*x.T.shape), "zorder": 1}
            image = ax.imshow(np.ma.masked_equal(x.T, 0), cmap=MAGNITUDE, **shown)
            for edge in range(1, x.shape[1]):
                ax.axhline(edge + 0.5, color=FAINT, linewidth=0.6, zorder=2)
            ax.set(ylabel="feature $i$", xlabel="sample" if ax is axes[-1] else "")
            ax.yaxis.set_major_locator(MultipleLocator(1))
            ax.tick_params(length=0)
            ax.spines[:].set_visible(False)
        if any(len(rows) for rows in batches):
            add_colorbar(figure, image, "magnitude $x_i$", [0, 0.5, 1])
        return figure


def choose_batch(hidden_samples: pd.DataFrame, name: str) -> pd.DataFrame:
    """The first samples of an experiment's first seed, at its largest feature probability."""
    rows = hidden_samples[hidden_samples["experiment"] == name]
    rows = rows[(rows["seed"] == rows["seed"].min())]
    rows = rows[rows["feature_probability"] == rows["feature_probability"].max()]
    return rows[rows["instance"] == rows["instance"].min()].sort_values("sample").head(N_SAMPLES)


if __name__ == "__main__":
    draw_figure(draw)
