"""The table of all methods and scores, each at the setting whose L0 is nearest the true one."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.benchmark_elements import average_restarts, list_sweeps
from scripts.draw_figure import draw_figure
from superposition.claims.benchmark_selections import nearest_true_l0
from superposition.plotting import GREY, INK, SMALL, SPARSITY, make_figure, style

# column: label, and the values that are the worst and the best; None leaves a column without colour
SCORES = {
    "l0": ("$L_0$", None),
    "n_dead": ("dead", None),
    "gamma": ("$\\gamma$", None),
    "fvu": ("FVU", (1, 0)),
    "n_recovered_90": ("recov-\nered", None),
    "mmcs_truth": ("MMCS", (0, 1)),
    "matched_cosine": ("matched\ncosine", (0, 1)),
    "uniqueness": ("unique", (0, 1)),
    "precision": ("preci-\nsion", (0, 1)),
    "recall": ("recall", (0, 1)),
    "f1": ("F1", (0, 1)),
    "auroc": ("AUROC", (0.5, 1)),
}
REFERENCES = {"floor": "Chance", "ceiling": "Truth known"}


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        saes = tables["saes"]
        titles = list_sweeps(saes, experiments)
        chosen = nearest_true_l0(average_restarts(saes))
        table = tabulate(chosen, titles)
        figure = make_figure(height=0.6 + 0.22 * len(table))
        draw_table(figure.subplots(), table, len(titles))
        return figure


def tabulate(chosen: pd.DataFrame, titles: dict[str, str]) -> pd.DataFrame:
    """(methods and references, scores): means over seeds, NaN where a seed's value is undefined or there is none."""
    rows = {}
    for name, title in titles.items():
        own = chosen[chosen["sae"] == name]
        rows[title] = {score: own[score].mean(skipna=False) for score in SCORES}
    first = chosen[chosen["sae"] == next(iter(titles))]
    for kind, title in REFERENCES.items():
        columns = {score: f"{score}_{kind}" for score in SCORES}
        rows[title] = {score: first[column].mean() if column in first else np.nan for score, column in columns.items()}
    for title in REFERENCES.values():
        rows[title]["l0"] = first["true_l0"].mean()
    return pd.DataFrame.from_dict(rows, orient="index")


def draw_table(ax: Axes, table: pd.DataFrame, n_methods: int) -> None:
    """Numbers on a ground that is the darker the better they are."""
    shades = np.full(table.shape, np.nan)
    for index, (score, (_, ends)) in enumerate(SCORES.items()):
        if ends:
            shades[:, index] = np.clip((table[score] - ends[0]) / (ends[1] - ends[0]), 0, 1)
    ax.imshow(np.ma.masked_invalid(shades), cmap=SPARSITY, vmin=0, vmax=1, aspect="auto")
    for (row, column), number in np.ndenumerate(table.to_numpy(float)):
        color = "white" if shades[row, column] > 0.45 else INK
        ax.text(
            column, row, write(number, table.columns[column]), ha="center", va="center", color=color, fontsize=SMALL
        )
    ax.axhline(n_methods - 0.5, color=GREY, linewidth=0.8)
    ax.set_xticks(range(len(SCORES)), [label for label, _ in SCORES.values()])
    ax.set_yticks(range(len(table)), table.index)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def write(number: float, score: str) -> str:
    if not np.isfinite(number):
        return ""
    return f"{number:.1f}" if score in ("l0", "n_dead", "n_recovered_90") else f"{number:.2f}"


if __name__ == "__main__":
    draw_figure(draw)
