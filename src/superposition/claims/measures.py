"""Values of one model, from the rows of its features, and of one seed, from those of its models."""

from collections.abc import Callable

import pandas as pd
from scipy.stats import spearmanr

from superposition.claims.judging import Tables
from superposition.claims.selections import at_probability, of_best, of_experiment


def models_at(tables: Tables, experiment: str, probability: float) -> pd.DataFrame:
    return at_probability(of_experiment(tables["models"], experiment), probability)


def features_at(tables: Tables, experiment: str, probability: float) -> pd.DataFrame:
    return at_probability(of_experiment(tables["features"], experiment), probability)


def of_best_at(tables: Tables, experiment: str, probability: float, column: str) -> pd.Series:
    """A column of the models with the lowest held-out loss: one value per seed."""
    return of_best(models_at(tables, experiment, probability)).set_index("seed")[column]


def measure_models(features: pd.DataFrame, measure: Callable[[pd.DataFrame], float]) -> pd.Series:
    """`measure` of the features of each model, in their order; indexed by seed and instance."""
    groups = features.sort_values("feature").groupby(["seed", "instance"])
    return pd.Series({key: float(measure(rows)) for key, rows in groups}, dtype=float).rename_axis(["seed", "instance"])


def worst(values: pd.Series) -> pd.Series:
    """Per seed, the largest value of a model."""
    return values.groupby("seed").max()


def mean(values: pd.Series) -> pd.Series:
    """Per seed, the mean over its models."""
    return values.groupby("seed").mean()


def keeps_first(count: int) -> Callable[[pd.DataFrame], bool]:
    """Whether the `count` most important features are represented, and no other."""
    return lambda features: features["feature"][features["represented"]].tolist() == list(range(count))


def correlation_with_sparsity(tables: Tables, experiment: str) -> pd.Series:
    """Spearman's correlation of the number of features represented, mean over restarts, with sparsity."""
    models = of_experiment(tables["models"], experiment)
    means = models.pivot_table("n_represented", "seed", "feature_probability")
    correlations = {seed: spearmanr(-means.columns.to_numpy(), row).statistic for seed, row in means.iterrows()}
    return pd.Series(correlations, dtype=float)
