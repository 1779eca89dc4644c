"""Which true features the latents of an autoencoder write and read, with the latents in the features' order."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from figures.benchmark_elements import AS_TRAINED
from scripts.draw_figure import draw_figure
from superposition.plotting import GREY, INK, SMALL, color_sweeps, count_from_one, make_figure, style, write_note

COSINES = ScalarMappable(Normalize(-1, 1), sns.color_palette("vlag", as_cmap=True))
MOST_WRITTEN = 8  # features up to which every cell has its number
SIDES = {"decoder_cosines": "decoder row of latent", "encoder_cosines": "encoder of latent"}


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        saes, latents = tables["saes"], tables["latents"]
        titles = {name: block["title"] for name, block in experiments.items() if name in set(saes["sae"])}
        colors = color_sweeps(titles)
        figure = make_figure(height=4.9)
        panels = figure.subplots(len(SIDES), len(titles), squeeze=False)
        for (name, title), column in zip(titles.items(), panels.T, strict=True):
            chosen = choose_autoencoder(saes, name)
            rows = latents.merge(chosen, on=list(chosen.columns))
            for ax, (side, label) in zip(column, SIDES.items(), strict=True):
                draw_cosines(ax, order_latents(rows), side)
                ax.set_ylabel(label if ax in panels[:, 0] else "")
            column[0].set_title(title.replace(", ", ",\n"), color=colors[name])
            column[-1].set_xlabel("true feature")
        bar = figure.colorbar(COSINES, ax=panels, label="cosine", ticks=[-1, 0, 1], aspect=30, shrink=0.6)
        bar.outline.set_visible(False)
        return figure


def choose_autoencoder(saes: pd.DataFrame, name: str) -> pd.DataFrame:
    """The key of the sweep's autoencoder, of the first seed and point, whose matched cosines are the median ones."""
    rows = saes[saes["sae"] == name]
    rows = rows[(rows["mode"] == AS_TRAINED) & (rows["point"] == 0) & (rows["seed"] == rows["seed"].min())]
    rows = rows.sort_values("matched_cosine", kind="stable")
    return rows[["sae", "seed", "instance", "mode"]].iloc[[(len(rows) - 1) // 2]]


def order_latents(latents: pd.DataFrame) -> pd.DataFrame:
    """By the feature that they are matched to; the unmatched ones last."""
    return latents.sort_values(["feature", "latent"], na_position="last")


def draw_cosines(ax: Axes, latents: pd.DataFrame, side: str) -> None:
    """Latents (in their order) against features; a note where cosines are not kept."""
    cosines = [row for row in latents[side] if len(row)]
    if not cosines:
        write_note(ax, "too many features")
        return
    cosines = np.stack(cosines)
    place = {"aspect": "auto", "extent": count_from_one(*cosines.shape)}
    ax.imshow(cosines, cmap=COSINES.cmap, norm=COSINES.norm, interpolation="nearest", **place)
    if cosines.shape[1] <= MOST_WRITTEN:
        for (row, column), value in np.ndenumerate(cosines):
            dark = abs(value) > 0.7
            text = {"ha": "center", "va": "center", "fontsize": SMALL, "color": "white" if dark else INK}
            ax.text(column + 1, row + 1, f"{round(float(value), 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}"), **text)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    ax.spines[:].set_visible(False)
    ax.tick_params(color=GREY)


if __name__ == "__main__":
    draw_figure(draw)
