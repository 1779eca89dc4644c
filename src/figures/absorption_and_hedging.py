"""How much each architecture absorbs, by the score itself, and how much an autoencoder with a latent too few hedges."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from figures.sae_recovery import summarise_seeds
from scripts.draw_figure import draw_figure
from superposition.hedging import tabulate_hedging
from superposition.plotting import GREY, INK, SMALL, SWEEPS, make_figure, style, write_note

NARROW, WIDE = "_narrow", "_wide"  # endings of the sweeps that are compared for hedging
GAP = 1.7  # between groups of rows, for the name of the next


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        saes = tables["saes"][tables["saes"]["mode"] == "as_trained"]
        titles = {name: block["title"] for name, block in experiments.items() if name in set(saes["sae"])}
        figure = make_figure(height=3.9)
        left, right = figure.subplots(1, 2, width_ratios=[1.7, 1])
        scored = saes[saes["absorption"].notna()]
        if scored.empty:
            write_note(left, "no absorption defined")
        else:
            draw_absorption(left, scored, titles, {name: block["title"] for name, block in experiments.items()})
        pairs = [name.removesuffix(NARROW) for name in titles if name.endswith(NARROW)]
        pairs = [pair for pair in pairs if pair + WIDE in titles]
        rates = {pair: tabulate_hedging(tables["latents"], pair + NARROW, pair + WIDE) for pair in pairs}
        rates = {pair: rows.dropna() for pair, rows in rates.items()}
        if any(len(rows) for rows in rates.values()):
            draw_hedging(right, rates, titles)
        else:
            write_note(right, "no hedging defined")
        return figure


def draw_absorption(ax: Axes, saes: pd.DataFrame, titles: dict[str, str], sources: dict[str, str]) -> None:
    """Rows of sweeps, those on one dictionary under its title; a grey tick for random autoencoders."""
    dictionaries = saes.groupby("sae")["dictionary"].first()
    names = [name for name in titles if name in dictionaries]
    place, places, labels, last = -1.0, {}, [], None
    for name in names:
        dictionary = dictionaries[name]
        place += 1 if dictionary == last else 1 + GAP
        if dictionary != last:
            text = {"fontsize": SMALL, "color": GREY, "ha": "left", "va": "center"}
            beside = blended_transform_factory(ax.transAxes, ax.transData)
            name_of_group = textwrap.fill(sources.get(dictionary, dictionary), 46)
            ax.text(0.02, place - 1.1, name_of_group, transform=beside, in_layout=False, **text)
        places[name], last = place, dictionary
        labels.append(titles[name].rpartition(", ")[2])
    kinds = list(dict.fromkeys(labels))  # one colour for each, on every dictionary
    for label, (name, place) in zip(labels, places.items(), strict=True):
        rows = saes[saes["sae"] == name]
        draw_row(ax, place, rows, "absorption", SWEEPS[kinds.index(label) % len(SWEEPS)])
        chance = rows["absorption_floor"].mean()
        ax.plot([chance, chance], [place - 0.35, place + 0.35], color=GREY, linewidth=1.2)
    finish(ax, [*places.values()], labels, "absorption")


def draw_hedging(ax: Axes, rates: dict[str, pd.DataFrame], titles: dict[str, str]) -> None:
    for index, rows in enumerate(rates.values()):
        draw_row(ax, index, rows, "hedging_rate", SWEEPS[index % len(SWEEPS)])
    labels = [titles[pair + NARROW].rpartition(", ")[0].replace(" ", "\n") for pair in rates]
    finish(ax, [*range(len(rates))], labels, "hedging rate")
    ax.axvline(0, color=GREY, linewidth=1.2, zorder=0)
    ax.annotate("chance", (0, 0), (3, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
                color=GREY, fontsize=SMALL)  # fmt: skip


def draw_row(ax: Axes, place: float, rows: pd.DataFrame, column: str, color: str) -> None:
    """A small point for each autoencoder, the mean over seeds and its interval."""
    ax.plot(rows[column], np.full(len(rows), place), "o", color=color, markersize=2.5, alpha=0.4, clip_on=False)
    if len(rows):
        mean = summarise_seeds(rows.groupby("seed")[column].mean())
        ax.plot(mean.estimate, place, "D", color=color, markersize=4.5, clip_on=False)
        if mean.low < mean.high:
            ax.hlines(place, mean.low, mean.high, color=INK, linewidth=0.9, zorder=3)


def finish(ax: Axes, places: list[float], labels: list[str], label: str) -> None:
    ax.set_yticks(places, labels)
    ax.set(xlim=(-0.02, 1.02), ylim=(max(places) + 0.6, min(places) - 1.8), xlabel=label)
    ax.tick_params(axis="y", length=0)


if __name__ == "__main__":
    draw_figure(draw)
