"""What becomes of the last feature, in theory and in trained models, over density and importance."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from scripts.draw_figure import draw_figure
from superposition.claims.phase_change import choose_best
from superposition.phase_theory import OUTCOMES, find_outcomes
from superposition.plotting import INK, SMALL, SWEEPS, make_figure, set_title, style, title_of, write_note

DEDICATED, SUPERPOSED = np.array(to_rgb(SWEEPS[1])), np.array(to_rgb(SWEEPS[0]))
FINE = 200  # points along each axis of the theory
KEYS = ["experiment", "seed", "instance"]


def draw(tables: dict[str, pd.DataFrame], experiments: dict[str, dict]) -> Figure:
    with style():
        models = join_last_feature(tables)
        n_features = tables["features"]["feature"].nunique()
        figure = make_figure(height=2.55)
        theory, best, mean, legend = figure.subplots(1, 4, width_ratios=[1, 1, 1, 0.5])
        set_title(figure, title_of(experiments))
        theory.set_title("theory")
        best.set_title(f"best of {models['restart'].nunique()} models")
        mean.set_title("mean of all but the worst")
        draw_map(best, choose_best(models))
        draw_map(mean, average_without_worst(models))
        draw_theory(theory, models, n_features)
        for ax in (best, mean):
            draw_boundaries(ax, models, n_features)
            ax.set_yticklabels([])
        theory.set_ylabel("importance of the last feature")
        best.set_xlabel("feature probability $p$   (sparser →)")
        draw_legend(legend)
        return figure


def join_last_feature(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The models of the lowest seed, with `norm` and `interference` of their last features."""
    models, features = (table[table["seed"] == table["seed"].min()] for table in (tables["models"], tables["features"]))
    last = features[features["feature"] == features["feature"].max()]
    joined = models.merge(last[[*KEYS, "norm", "interference"]], on=KEYS, validate="one_to_one")
    return joined.fillna({"interference": 0.0})  # of a feature without a direction


def average_without_worst(models: pd.DataFrame) -> pd.DataFrame:
    """Of each point, the mean over its models without the one with the highest expected loss, if there are others."""
    ordered = models.sort_values(["point", "expected_loss", "instance"])
    last = ~ordered.duplicated("point", keep="last") & ordered.duplicated("point")
    columns = ["feature_probability", "last_importance", "norm", "interference"]
    return ordered[~last].groupby("point")[columns].mean()


def paint(norm: np.ndarray, interference: np.ndarray) -> np.ndarray:
    """(..., 3) colours: the hue from dedicated to superposed, the paler the shorter the feature."""
    hue = DEDICATED + np.clip(interference, 0, 1)[..., None] * (SUPERPOSED - DEDICATED)
    return 1 - np.clip(norm, 0, 1)[..., None] * (1 - hue)


def draw_map(ax: Axes, cells: pd.DataFrame) -> None:
    """A cell for each point, at its density and importance, both on logarithmic scales."""
    shape = {"index": "last_importance", "columns": "feature_probability"}
    norm, interference = (cells.pivot(values=column, **shape) for column in ("norm", "interference"))
    set_axes(ax, norm.columns, norm.index)
    colors = paint(norm.to_numpy(), interference.to_numpy())
    ax.imshow(colors, extent=(*reach(norm.columns), *reach(norm.index)), origin="lower", aspect="auto")


def reach(values) -> tuple[float, float]:
    """Logarithms between which the cells of evenly spaced values lie."""
    logs = np.log10(np.asarray(values, float))
    half = (logs[-1] - logs[0]) / (len(logs) - 1) / 2 if len(logs) > 1 else 0.5
    return logs[0] - half, logs[-1] + half


def set_axes(ax: Axes, probability, importance) -> None:
    ax.set(xlim=reach(probability)[::-1], ylim=reach(importance))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(3, integer=True))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{10**value:g}"))


def fine_grid(models: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of probabilities (columns) and importances (rows) that fill the map of `models`."""
    low, high = reach(np.unique(models["feature_probability"]))
    probability = np.linspace(low, min(high, 0.0), FINE)  # beyond p = 1 there is no theory
    return np.meshgrid(probability, np.linspace(*reach(np.unique(models["last_importance"])), FINE))


def draw_theory(ax: Axes, models: pd.DataFrame, n_features: int) -> None:
    if n_features not in (2, 3):
        write_note(ax, f"none for\n{n_features} features")
        return
    set_axes(ax, np.unique(models["feature_probability"]), np.unique(models["last_importance"]))
    x, y = fine_grid(models)
    outcome = find_outcomes(n_features, 10**x, 10**y)
    colors = paint((outcome != "ignored").astype(float), (outcome == "superposed").astype(float))
    ax.imshow(colors, extent=(x.min(), x.max(), y.min(), y.max()), origin="lower", aspect="auto")
    for name in OUTCOMES:
        at = outcome == name
        widths = at.sum(1, keepdims=True)
        widest = at & (widths > 0.8 * widths.max())
        if widest.any():
            color = INK if name == "ignored" else "white"
            ax.text(x[widest].mean(), y[widest].mean(), name, ha="center", va="center", fontsize=SMALL, color=color)


def draw_boundaries(ax: Axes, models: pd.DataFrame, n_features: int) -> None:
    """Where the outcome that the theory says changes."""
    if n_features not in (2, 3):
        return
    x, y = fine_grid(models)
    outcome = find_outcomes(n_features, 10**x, 10**y)
    for name in OUTCOMES:
        if 0 < (outcome == name).mean() < 1:
            ax.contour(x, y, (outcome == name).astype(float), levels=[0.5], colors=INK, linewidths=0.7)


def draw_legend(ax: Axes) -> None:
    """The colours: across, the interference of the last feature; up, its norm."""
    interference, norm = np.meshgrid(np.linspace(0, 1, 50), np.linspace(0, 1, 50))
    ax.imshow(paint(norm, interference), extent=(0, 1, 0, 1), origin="lower")
    ax.set(xticks=[0, 1], yticks=[0, 1], xlabel="interference", ylabel="$|W_{last}|$")
    ax.set_title("colours")
    ax.set_anchor("N")


if __name__ == "__main__":
    draw_figure(draw)
