"""The tables of all methods and scores with their intervals, each at the setting whose L0 is nearest the true one."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.benchmark_elements import average_restarts, list_sweeps, summarise_column
from scripts.draw_figure import draw_figure
from superposition.claims.benchmark_selections import nearest_true_l0
from superposition.plotting import GREY, INK, SMALL, SPARSITY, make_figure, style, write_note

# A table each: column -> label, and the values that are the worst and the best; None leaves a column without colour.
DIRECTIONS = {
    "l0": ("$L_0$", None),
    "n_dead": ("dead", None),
    "gamma": ("$\\gamma$", None),
    "shrinkage_slope": ("slope", None),
    "fvu": ("FVU", (1, 0)),
    "n_recovered_90": ("recov-\nered", None),
    "mmcs_truth": ("MMCS", (0, 1)),
    "matched_cosine": ("matched\ncosine", (0, 1)),
    "mcc": ("MCC", (0, 1)),
}
DETECTORS = {
    "uniqueness": ("unique", (0, 1)),
    "restart_mcc": ("PW-MCC", (0, 1)),
    "precision": ("preci-\nsion", (0, 1)),
    "recall": ("recall", (0, 1)),
    "f1": ("F1", (0, 1)),
    "auroc": ("AUROC", (0.5, 1)),
    "average_precision": ("AP", (0, 1)),
    "absorption": ("absorp-\ntion", (1, 0)),
}
SCORES = DIRECTIONS | DETECTORS
COUNTS = ("l0", "n_dead", "n_recovered_90")
REFERENCES = {"floor": "Chance", "ceiling": "Truth known"}


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        saes = tables["saes"]
        titles = list_sweeps(saes, experiments)
        means, errors = tabulate(nearest_true_l0(average_restarts(saes)), titles)
        figure = make_figure(height=0.9 + 0.31 * len(means))
        for ax, scores in zip(figure.subplots(2, 1), (DIRECTIONS, DETECTORS), strict=True):
            measured = [score for score in scores if means[score].iloc[: len(titles)].notna().any()]
            if measured:
                draw_table(ax, means[measured], errors[measured], len(titles))
            else:
                write_note(ax, "no score is defined")
        return figure


def tabulate(chosen: pd.DataFrame, titles: dict[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(methods and references, scores) twice: means over seeds, and half the widths of their intervals.

    NaN where a seed's value is undefined or there is none, and where there is no interval.
    """
    means, errors = {}, {}
    for name, title in titles.items():
        own = chosen[chosen["sae"] == name]
        summaries = {score: summarise_column(own, score) for score in SCORES if score in own}
        defined = {score: summary for score, summary in summaries.items() if summary is not None}
        means[title] = {score: summary.estimate for score, summary in defined.items()}
        errors[title] = {score: (summary.high - summary.low) / 2 for score, summary in defined.items()}
    first = chosen[chosen["sae"] == next(iter(titles))]
    for kind, title in REFERENCES.items():
        columns = {score: f"{score}_{kind}" for score in SCORES}
        means[title] = {score: first[column].mean() for score, column in columns.items() if column in first}
        means[title]["l0"] = first["true_l0"].mean()
    rows = [*means]
    return tuple(
        pd.DataFrame.from_dict(table, orient="index").reindex(index=rows, columns=[*SCORES]).astype(float)
        for table in (means, errors)
    )


def draw_table(ax: Axes, means: pd.DataFrame, errors: pd.DataFrame, n_methods: int) -> None:
    """Numbers on a ground that is the darker the better they are."""
    shades = np.full(means.shape, np.nan)
    for index, score in enumerate(means):
        ends = SCORES[score][1]
        if ends:
            shades[:, index] = np.clip((means[score] - ends[0]) / (ends[1] - ends[0]), 0, 1)
    ax.imshow(np.ma.masked_invalid(shades), cmap=SPARSITY, vmin=0, vmax=1, aspect="auto")
    for (row, column), number in np.ndenumerate(means.to_numpy()):
        color = "white" if shades[row, column] > 0.45 else INK
        text = write(number, errors.iloc[row, column], means.columns[column])
        ax.text(column, row, text, ha="center", va="center", color=color, fontsize=SMALL - 0.5)
    ax.axhline(n_methods - 0.5, color=GREY, linewidth=0.8)
    ax.set_xticks(range(means.shape[1]), [SCORES[score][0] for score in means])
    ax.set_yticks(range(len(means)), means.index)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def write(number: float, error: float, score: str) -> str:
    """A mean with half the width of its interval, where there is one and it is not nothing."""
    if not np.isfinite(number):
        return ""
    digits = 1 if score in COUNTS and number < 100 else 0 if score in COUNTS else 2
    if not error > 0:
        return f"{number:.{digits}f}"
    spread = f"{error:.{digits}f}"
    return f"{number:.{digits}f}±{spread[1:] if spread.startswith('0.') else spread}"


if __name__ == "__main__":
    draw_figure(draw)
