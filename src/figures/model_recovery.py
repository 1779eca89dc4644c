"""Which features of trained toy models autoencoders recover, over correlation, sparsity and importance."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from figures.sae_recovery import draw_intervals, summarise_seeds
from scripts.draw_figure import draw_figure
from superposition.plotting import GREY, INK, SMALL, color_sweeps, make_figure, style, write_note

REPRESENTED = 0.5  # length of a feature's direction above which the model has it
KEY = ["sae", "seed", "instance"]
ASIDE = 0.22  # between the places of two sweeps at one feature


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        saes = tables["saes"]
        titles = {name: name_setting(name, saes, experiments) for name in experiments if name in set(saes["sae"])}
        colors = color_sweeps(titles)
        cosines = tabulate_cosines(tables)
        figure = make_figure(height=2.6)
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.1])
        draw_shares(left, cosines, saes, titles, colors)
        draw_features(right, cosines, saes, colors)
        return figure


def tabulate_cosines(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A row for each autoencoder and feature: its largest cosine with a live latent's decoder row, and its length."""
    live = tables["latents"][~tables["latents"]["dead"]]
    largest = live.groupby(KEY)["decoder_cosines"].agg(lambda rows: np.nanmax(np.stack(rows.tolist()), axis=0))
    rows = tables["saes"][[*KEY, "toy_model", "model_instance"]].merge(largest.reset_index(), on=KEY)
    rows["feature"] = [range(len(cosines)) for cosines in rows["decoder_cosines"]]
    rows = rows.explode(["feature", "decoder_cosines"], ignore_index=True)
    rows = rows.astype({"feature": "int64", "decoder_cosines": "float64"})
    norms = tables["features"].rename(columns={"experiment": "toy_model", "instance": "model_instance"})
    return rows.merge(norms[["toy_model", "seed", "model_instance", "feature", "norm"]])


def recovered_column(saes: pd.DataFrame, sweep: str) -> tuple[str, float]:
    """The column that counts recovered features, and its cosine: lower beyond the plane, where chance is far."""
    plane = saes.loc[saes["sae"] == sweep, "n_features"].iloc[0] <= 5
    return ("n_recovered", 0.95) if plane else ("n_recovered_90", 0.9)


def name_setting(sweep: str, saes: pd.DataFrame, experiments: dict[str, dict]) -> str:
    """The sweep's title without what all say; the toy model's where the title is about the autoencoder alone."""
    title, end = experiments[sweep]["title"], ", ReLU"
    model = saes.loc[saes["sae"] == sweep, "toy_model"].iloc[0]
    about_model = title.endswith(end) or model not in experiments
    return title.removesuffix(end) if about_model else experiments[model]["title"]


def draw_shares(
    ax: Axes, cosines: pd.DataFrame, saes: pd.DataFrame, titles: dict[str, str], colors: dict[str, str]
) -> None:
    """Share of the represented features that are recovered: seeds, their mean and interval, and a tick for chance."""
    names = list(titles)
    for place, name in enumerate(names):
        column, cosine = recovered_column(saes, name)
        own = cosines[(cosines["sae"] == name) & (cosines["norm"] > REPRESENTED)]
        rows = saes[saes["sae"] == name]
        chance = (rows[f"{column}_floor"] / rows["n_features"]).mean()
        ax.plot([chance, chance], [place - 0.3, place + 0.3], color=GREY, linewidth=1.2)
        if own.empty:
            continue
        shares = (own["decoder_cosines"] > cosine).groupby(own["seed"]).mean()
        mean = summarise_seeds(shares)
        ax.plot(shares, np.full(len(shares), place), "o", color=colors[name], markersize=2.5, alpha=0.5)
        ax.plot(mean.estimate, place, "D", color=colors[name], markersize=4.5, clip_on=False)
        if mean.low < mean.high:
            ax.hlines(place, mean.low, mean.high, color=INK, linewidth=0.9, zorder=3)
    ax.set_yticks(range(len(names)), [textwrap.fill(title, 24) for title in titles.values()])
    for label, name in zip(ax.get_yticklabels(), names, strict=True):
        label.set_color(colors[name])
    ax.set(xlim=(-0.02, 1.02), ylim=(len(names) - 0.5, -0.5), xlabel="share of represented features recovered")
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.tick_params(axis="y", length=0)


def draw_features(ax: Axes, cosines: pd.DataFrame, saes: pd.DataFrame, colors: dict[str, str]) -> None:
    """Feature by feature, of the models with more than a plane: the share that represent and recover it."""
    wide = [name for name in colors if recovered_column(saes, name)[1] < 0.95]
    for index, name in enumerate(wide):
        own = cosines[cosines["sae"] == name]
        represented = own["norm"] > REPRESENTED
        recovered = represented & (own["decoder_cosines"] > recovered_column(saes, name)[1])
        means = [
            summarise_seeds(rows.groupby("seed").mean())
            for _, rows in recovered.groupby([own["feature"], own["seed"]]).mean().groupby("feature")
        ]
        places = np.unique(own["feature"]) + 1 + ASIDE * (index - (len(wide) - 1) / 2)
        ax.plot(places, [mean.estimate for mean in means], "o-", color=colors[name], markersize=2.6)
        draw_intervals(ax, places, means, colors[name])
        known = represented.groupby(own["feature"]).mean()
        ax.plot(places, known, color=colors[name], linewidth=4, alpha=0.25, zorder=1)
    if not wide:
        write_note(ax, "no model with more than five features")
        return
    ax.set(xlabel="feature, from the most important", ylabel="share that recover it", ylim=(-0.02, 1.04))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    text = {"ha": "right", "va": "top", "color": GREY, "fontsize": SMALL}
    ax.text(0.99, 0.97, "broad: share of\nmodels with it", transform=ax.transAxes, **text)


if __name__ == "__main__":
    draw_figure(draw)
