"""What becomes of the autoencoders of each sweep: dead latents, recovered features, closeness to the truth."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from scripts.draw_figure import draw_figure
from superposition.plotting import INK, color_sweeps, make_figure, mark_level, name_sweeps, spread_points, style
from superposition.seeding import numpy_generator
from superposition.statistics import Summary, summarise

BARS = 0.8  # width that the bars of all sweeps share


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        saes = tables["saes"]
        titles = {name: block["title"] for name, block in experiments.items() if name in set(saes["sae"])}
        colors = color_sweeps(titles)
        figure = make_figure(height=2.45)
        name_sweeps(figure, titles, colors)
        left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1, 0.75])
        draw_shares(left, saes, "n_dead", range(max(1, saes["n_dead"].max()) + 1), colors)
        left.set(xlabel="dead latents", ylabel="share of autoencoders")
        draw_shares(middle, saes, "n_recovered", range(saes["n_features"].max() + 1), colors)
        middle.set(xlabel="features recovered")
        draw_strips(right, saes, "mmcs_truth", colors)
        right.set(ylabel="MMCS with the truth")
        mark_level(right, saes["mmcs_truth_floor"].mean(), "random dictionaries")
        return figure


def draw_shares(ax: Axes, saes: pd.DataFrame, column: str, values: Iterable[int], colors: dict[str, str]) -> None:
    """Bars of the share of autoencoders at each value, mean over seeds, with its bootstrap interval."""
    width = BARS / len(colors)
    for index, (name, color) in enumerate(colors.items()):
        rows = saes[saes["sae"] == name]
        places = np.array([*values]) + (index - (len(colors) - 1) / 2) * width
        shares = [summarise_seeds((rows[column] == value).groupby(rows["seed"]).mean()) for value in values]
        ax.bar(places, [share.estimate for share in shares], width=0.92 * width, color=color)
        draw_intervals(ax, places, shares)
    ax.set_ylim(0, 1.02)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def list_settings(saes: pd.DataFrame, colors: dict[str, str]) -> list[tuple[str, str, pd.DataFrame]]:
    """(label, colour, rows) of every sweep and point; the label says the penalty where a sweep has several."""
    settings = []
    for name, color in colors.items():
        rows = saes[saes["sae"] == name]
        swept = rows["sparsity_penalty"].nunique() > 1
        for _, own in rows.groupby("point"):
            settings.append((f"$\\lambda$ = {own['sparsity_penalty'].iloc[0]:g}" if swept else "", color, own))
    return settings


def draw_strips(ax: Axes, saes: pd.DataFrame, column: str, colors: dict[str, str]) -> None:
    """A point for every autoencoder, hollow if it misses a feature; beside them the mean over seeds and its interval.

    Undefined values are left out, and with them a seed that has no others.
    """
    settings = list_settings(saes, colors)
    for index, (_, color, all_rows) in enumerate(settings):
        rows = all_rows[all_rows[column].notna()]
        places = index + spread_points(len(rows), 0.5)
        full = rows["full_recovery"].to_numpy()
        for chosen, fill in ((full, color), (~full, "none")):
            values = rows[column].to_numpy()[chosen]
            ax.scatter(places[chosen], values, s=8, facecolors=fill, edgecolors=color, linewidths=0.6)
        if len(rows):
            mean = summarise_seeds(rows.groupby("seed")[column].mean())
            ax.plot(index + 0.4, mean.estimate, "D", color=color, markersize=4)
            draw_intervals(ax, [index + 0.4], [mean])
    ax.spines["bottom"].set_visible(False)
    labels = {index: label.replace(" = ", "\n") for index, (label, _, _) in enumerate(settings) if label}
    ax.set(xlim=(-0.45, len(settings) - 0.4))
    ax.set_xticks([*labels], labels.values())
    ax.tick_params(axis="x", length=0)
    ax.margins(y=0.12)


def draw_intervals(ax: Axes, places: Iterable[float], summaries: list[Summary], color: str = INK) -> None:
    """Whiskers where there is an interval: not for a single seed, and not where all seeds agree."""
    for place, (estimate, low, high, _) in zip(places, summaries, strict=True):
        if low < high:
            errors = [[estimate - low], [high - estimate]]
            ax.errorbar(place, estimate, errors, fmt="none", color=color, elinewidth=0.9, capsize=1.8, zorder=3)


def summarise_seeds(values: pd.Series) -> Summary:
    """Mean and interval of one value per seed."""
    return summarise(values, rng=numpy_generator(0, "sae_recovery"))


if __name__ == "__main__":
    draw_figure(draw)
