"""How much autoencoders shrink what they reconstruct: activation against input length, and the relative bias."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.sae_recovery import draw_strips
from figures.sae_training_film import features_of
from scripts.draw_figure import draw_figure
from superposition.plotting import (
    DASHES,
    FAINT,
    GREY,
    INK,
    SMALL,
    color_sweeps,
    make_figure,
    mark_level,
    name_sweeps,
    style,
    write_note,
)
from superposition.sae_measurement import MIN_LENGTH


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        saes = tables["saes"]
        titles = {name: block["title"] for name, block in experiments.items() if name in set(saes["sae"])}
        colors = color_sweeps(titles)
        figure = make_figure(height=3.1)
        name_sweeps(figure, titles, colors)
        left, right = figure.subplots(1, 2, width_ratios=[1.7, 1])
        recovering = saes[saes["full_recovery"]]
        if recovering.empty:
            write_note(left, "no autoencoder recovers every feature")
        else:
            draw_responses(left, tables, recovering, colors)
        if saes["gamma"].notna().any():
            draw_strips(right, saes, "gamma", colors)
            right.set(ylabel="relative reconstruction bias $\\gamma$")
            mark_level(right, 1, "no shrinkage", side="below left")
        else:
            write_note(right, "no autoencoder fires")
        return figure


def draw_responses(ax: Axes, tables: dict[str, pd.DataFrame], recovering: pd.DataFrame, colors: dict[str, str]) -> None:
    """Single-feature inputs of the recovering autoencoders, under the identity, the theory and the fitted lines."""
    key = ["sae", "seed", "instance"]
    responses = tables["single_feature_responses"].merge(recovering[key], on=key)
    for name, color in colors.items():
        rows = responses[responses["sae"] == name]
        ax.scatter(rows["length"], rows["activation"], s=2, color=color, alpha=0.25, linewidths=0, rasterized=True)
    longest = max(1.0, responses["length"].max())
    length = np.linspace(0, longest, 201)
    ax.plot(length, length, color=GREY, linewidth=0.8, label="$f = c$, no shrinkage")
    d_in = len(tables["latents"]["decoder"].iloc[0])
    lone = "$\\max(0, c - \\lambda d/2)$, a feature on its own"
    symmetric = "$\\max(0, a c + b)$, symmetric optimum"
    for _, rows in recovering.dropna(subset="symmetric_slope").groupby("sparsity_penalty"):  # theory of the L1 penalty
        threshold = rows["sparsity_penalty"].iloc[0] * d_in / 2
        line = rows["symmetric_slope"].mean() * length + rows["symmetric_intercept"].mean()
        ax.plot(length, np.maximum(0, length - threshold), color=GREY, linestyle=DASHES, label=lone)
        ax.plot(length, np.maximum(0, line), color=INK, linestyle=(0, (1, 1.5)), zorder=4, label=symmetric)
        lone = symmetric = None  # once in the legend
    with_line = recovering.dropna(subset="symmetric_slope")  # others jump, and a line does not describe them
    for (name, _), rows in with_line.groupby(["sae", "sparsity_penalty"], sort=False):
        draw_fit(ax, rows, np.array([MIN_LENGTH, longest]), colors[name])
    shade_reach(ax, tables, recovering)
    ax.set(xlabel="input length $c$ along the feature present", ylabel="activation $f$ of its latent")
    ax.set(xlim=(0, 1.02 * longest), ylim=(-0.02 * longest, 1.35 * longest))  # with room for the legend
    ax.legend(loc="upper left", borderaxespad=0.2)


def draw_fit(ax: Axes, recovering: pd.DataFrame, length: np.ndarray, color: str) -> None:
    """The mean over seeds of the lines fitted to the autoencoders of one sweep and sparsity penalty."""
    lines = recovering.groupby("seed")[["shrinkage_slope", "shrinkage_intercept"]].mean().mean()
    slope, intercept = lines
    if np.isfinite(lines).all():
        label = f"fit, $f$ = {slope:.2f} $c$ {'−' if intercept < 0 else '+'} {abs(intercept):.2f}"
        ax.plot(length, intercept + slope * length, color=color, linewidth=1.2, label=label)


def shade_reach(ax: Axes, tables: dict[str, pd.DataFrame], recovering: pd.DataFrame) -> None:
    """Lengths along a feature that the presence of another feature alone can cause: max |W_j| cos(W_i, W_j)."""
    used = recovering.drop_duplicates(["toy_model", "seed", "model_instance"])
    features = pd.concat([features_of(tables, autoencoder) for _, autoencoder in used.iterrows()])
    reach = (features["norm"] * features["max_cosine"]).max()
    if reach > 0:
        ax.axvspan(0, reach, color=FAINT, alpha=0.45, linewidth=0, zorder=0)
        text = {"transform": ax.transAxes, "ha": "right", "color": GREY, "fontsize": SMALL}
        ax.text(0.99, 0.04, "shaded: reach of another feature", **text)


if __name__ == "__main__":
    draw_figure(draw)
