"""What a sweep over the number of training samples T shows: where memorisation ends, where generalisation begins, and
how far the test loss rises in between.

Henighan et al. 2023, "Superposition, Memorization, and Double Descent", sections on the three regimes. While a model
memorises, its T training points share the hidden dimensions, D_x = m / T each; when it generalises to two hidden
dimensions, five features do, as a pentagon. The thresholds were set before any run.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

POINTS_SHARE = 0.7  # of m / T that the median training point has at least while the model memorises
PENTAGONS = (4, 6)  # features of large dimensionality while it generalises: five, give or take one


class Regimes(NamedTuple):
    memorisation_ends: float  # the largest T of the first regime; NaN if the smallest T is not in it
    generalisation_begins: float  # the smallest T of the last; NaN if the largest T is not in it


def point_share(models: pd.DataFrame) -> pd.Series:
    """Median D_x of each model's training points in units of m / T, what each has if all share alike."""
    return models["median_point_dimensionality"] * models["n_samples"] / models["n_hidden"]


def find_regimes(models: pd.DataFrame) -> Regimes:
    """Of the rows of `finite_models` of one model for every T: all smaller T memorise, all larger generalise."""
    rows = models.sort_values("n_samples")
    if rows["n_samples"].duplicated().any():
        raise ValueError("several models of one number of samples: choose one of each")
    memorises = (point_share(rows) >= POINTS_SHARE).to_numpy()
    generalises = rows["n_large_dimensionality"].between(*PENTAGONS).to_numpy() & ~memorises
    sizes = rows["n_samples"].to_numpy(float)
    first, last = np.logical_and.accumulate(memorises), np.logical_and.accumulate(generalises[::-1])[::-1]
    return Regimes(*(float(edge(sizes[part])) if part.any() else np.nan for edge, part in ((max, first), (min, last))))


def measure_bump(test_loss: pd.Series) -> float:
    """Largest test loss in between, over the larger of those at the two ends; above 1 is double descent.

    Args:
        test_loss: indexed by the number of samples; NaN where there are fewer than three
    """
    losses = test_loss.sort_index().to_numpy(float)
    return float(losses[1:-1].max() / max(losses[0], losses[-1])) if len(losses) > 2 else float("nan")
