"""Rows and per-seed summaries of the tables that many claims need."""

import math

import pandas as pd

PENTAGON_TOLERANCE = 12.0  # degrees that an angular gap may be off 72
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
