"""Rows and per-seed summaries of the table `finite_models` that claims need."""

from collections.abc import Callable, Sequence

import pandas as pd

from superposition.claims.judging import Tables


def of_best_fits(tables: Tables, experiments: Sequence[str]) -> pd.DataFrame:
    """The models with the lowest training loss of their seed and point, at the seeds that all the experiments have."""
    models = tables["finite_models"]
    models = models[models["experiment"].isin(experiments) & models["lowest_training_loss"]]
    return at_common_seeds(models, len(experiments))


def of_grid(tables: Tables, name: str) -> pd.DataFrame:
    """The models of the experiment `name` and of all <name>_..., which a grid may be spread over, at the seeds that all
    of them have."""
    models = tables["finite_models"]
    models = models[(models["experiment"] == name) | models["experiment"].str.startswith(f"{name}_")]
    return at_common_seeds(models, models["experiment"].nunique())


def at_common_seeds(models: pd.DataFrame, n_experiments: int) -> pd.DataFrame:
    """The models of the seeds at which there are so many experiments."""
    complete = models.groupby("seed")["experiment"].nunique() == n_experiments
    return models[models["seed"].isin(complete.index[complete])]


def at_sizes(models: pd.DataFrame, sizes: Sequence[int]) -> pd.DataFrame:
    """The models of these sizes; none if one of the sizes is missing."""
    return models[models["n_samples"].isin(sizes) & set(sizes).issubset(models["n_samples"])]


def at_largest(models: pd.DataFrame) -> pd.DataFrame:
    """The models of the largest training set, indexed by seed."""
    return models[models["n_samples"] == models["n_samples"].max()].set_index("seed")


def per_seed(models: pd.DataFrame, measure: Callable[[pd.DataFrame], float]) -> pd.Series:
    """measure of the rows of each seed."""
    return pd.Series({seed: float(measure(rows)) for seed, rows in models.groupby("seed")}, dtype=float)


def curves(tables: Tables, experiments: Sequence[str], column: str) -> pd.DataFrame:
    """A column of the best fits: seeds x numbers of samples."""
    return of_best_fits(tables, experiments).pivot_table(column, "seed", "n_samples")
