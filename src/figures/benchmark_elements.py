"""What the figures of the benchmark share: means over restarts, a colour for each sweep, curves over L0."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from superposition.plotting import INK, SWEEPS
from superposition.seeding import numpy_generator
from superposition.statistics import Summary, summarise

AS_TRAINED = "as_trained"
COLORS = (*SWEEPS, "#7a5c1e", INK)  # enough for all architectures


def list_sweeps(saes: pd.DataFrame, experiments: dict[str, dict]) -> dict[str, str]:
    """id -> title of the sweeps that there are rows of, in the figure's order."""
    return {name: block["title"] for name, block in experiments.items() if name in set(saes["sae"])}


def color_all(names: list[str]) -> dict[str, str]:
    return {name: COLORS[index % len(COLORS)] for index, name in enumerate(names)}


def average_restarts(saes: pd.DataFrame) -> pd.DataFrame:
    """Means over restarts, in the mode of training: one row per sweep, seed and swept value."""
    rows = saes[saes["mode"] == AS_TRAINED]
    numbers = rows.select_dtypes("number").columns.difference(["seed", "point", "instance", "restart"])
    return rows.groupby(["sae", "seed", "point"], as_index=False)[[*numbers]].mean()


def summarise_column(rows: pd.DataFrame, column: str) -> Summary | None:
    """Mean over seeds and interval; None where any seed's value is undefined."""
    values = rows[column].to_numpy(float)
    if not len(values) or not np.isfinite(values).all():
        return None
    return summarise(values, rng=numpy_generator(0, "benchmark"))


def draw_curve(ax: Axes, means: pd.DataFrame, column: str, color: str, label: str = "", **line) -> None:
    """A sweep's means over seeds against its mean L0, a bar for the interval at each value."""
    points = []
    for _, rows in means.groupby("point"):
        height, l0 = summarise_column(rows, column), rows["l0"].mean()
        if height is not None and l0 > 0:
            points.append((l0, *height[:3]))
    if points:
        l0, mean, low, high = np.array(sorted(points)).T
        ax.plot(l0, mean, "o-", color=color, markersize=2.6, label=label, **line)
        ax.vlines(
            l0, np.where(np.isnan(low), mean, low), np.where(np.isnan(high), mean, high), color=color, linewidth=1
        )
