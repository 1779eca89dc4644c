"""Rows and per-seed summaries of the tables that many claims need."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

PENTAGON_TOLERANCE = 12.0  # degrees that an angular gap may be off 72
BENT_PENTAGON_TOLERANCE = 36.0  # the same where the features are not equally frequent: gaps stay in (36, 108)
PROBABILITY_FACTOR = 1.25  # what a claim says of one probability is judged at another that is at most this much off


def of_experiment(table: pd.DataFrame, experiment: str) -> pd.DataFrame:
    """The rows of one toy-model experiment or autoencoder sweep."""
    return table[table["sae" if "sae" in table else "experiment"] == experiment]


def at_probability(table: pd.DataFrame, probability: float) -> pd.DataFrame:
    """The rows of the swept feature probability nearest to `probability`; none if all are off by more than 25 %."""
    swept = table["feature_probability"].unique()
    near = [p for p in swept if probability / PROBABILITY_FACTOR <= p <= probability * PROBABILITY_FACTOR]
    nearest = min(near, key=lambda p: abs(math.log(p / probability)), default=math.nan)
    return table[table["feature_probability"] == nearest]


def share_per_seed(table: pd.DataFrame, condition: pd.Series) -> pd.Series:
    """Per seed, the share of the table's rows for which `condition` holds."""
    return condition.groupby(table["seed"]).mean().astype(float)


def is_pentagon(models: pd.DataFrame) -> pd.Series:
    """Whether a model represents five features at the angles of a regular pentagon."""
    return (models["n_represented"] == 5) & (models["gap_deviation"] < PENTAGON_TOLERANCE)


def of_best(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the model with the lowest held-out loss of each seed and point."""
    return table[table["lowest_loss"]]


def is_bent_pentagon(models: pd.DataFrame) -> pd.Series:
    """Whether a model represents five features around the circle, none near another's ray: a pentagon, bent if one of
    the features is rarer or more frequent than the others."""
    return (models["n_represented"] == 5) & (models["gap_deviation"] < BENT_PENTAGON_TOLERANCE)


def is_two_digons(models: pd.DataFrame) -> pd.Series:
    """Whether a model represents four features in two antipodal pairs."""
    return (models["n_represented"] == 4) & (models["n_antipodal_pairs"] == 2)


def crossing(x: np.ndarray, difference: np.ndarray) -> float:
    """Where `difference` first changes its sign along x > 0, interpolated in log x; NaN if it never does.

    Positions at which the difference is undefined are passed over.
    """
    known = np.isfinite(difference)
    x, difference = np.log(x[known]), difference[known]
    changes = np.flatnonzero(np.sign(difference[1:]) != np.sign(difference[:-1]))
    if len(changes) == 0:
        return float("nan")
    i = changes[0]
    share = difference[i] / (difference[i] - difference[i + 1])
    return float(np.exp(x[i] + share * (x[i + 1] - x[i])))


def at_attack(models: pd.DataFrame, attack_size: float) -> pd.DataFrame:
    """The rows trained under attacks of that size; none if the sweep leaves it out."""
    return models[np.isclose(models["attack_size"], attack_size)]


def correlate(rows: pd.DataFrame, x: str, y: str, method: Callable = spearmanr) -> pd.Series:
    """Correlation of two columns at each seed; NaN where a column is constant or there are fewer than three rows."""
    values = {}
    for seed, own in rows.groupby("seed"):
        defined = len(own) > 2 and own[x].nunique() > 1 and own[y].nunique() > 1
        values[seed] = float(method(own[x], own[y]).statistic) if defined else math.nan
    return pd.Series(values, dtype=float)


def one_per_seed(rows: pd.DataFrame, column: str, statistic: str) -> pd.Series:
    """Over the seeds that have rows, `statistic` of a column."""
    return rows.groupby("seed")[column].agg(statistic)


def at_all_seeds(values: pd.Series, rows: pd.DataFrame) -> pd.Series:
    """Values by seed, NaN at those seeds of `rows` that have none: where nothing was found, nothing was measured."""
    return values.reindex(rows["seed"].unique())


def within(table: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
    """The rows whose feature probability lies in [low, high], up to rounding."""
    return table[table["feature_probability"].between(low - 1e-9, high + 1e-9)]


def increases(counts: pd.DataFrame) -> pd.Series:
    """How often a count rises from one column to the next; undefined where one was not measured, or only one was."""
    steps = counts.diff(axis=1).iloc[:, 1:]
    known = steps.notna().all(axis=1) & (steps.shape[1] > 0)
    return (steps > 0).sum(axis=1).astype(float).where(known)
