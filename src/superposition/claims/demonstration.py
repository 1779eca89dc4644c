"""Claims on a linear model and one with a ReLU at its output: how Elhage et al. 2022 demonstrate superposition."""

import numpy as np
import pandas as pd

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.measures import (
    correlation_with_sparsity,
    features_at,
    keeps_first,
    mean,
    measure_models,
    of_best_at,
    worst,
)
from superposition.claims.selections import of_best, of_experiment, share_per_seed
from superposition.geometry import ANTIPODAL_COSINE

SECTION = "nonprivileged_basis"
DEMONSTRATING = 'Elhage et al. 2022, "Demonstrating Superposition"'
LINEAR, RELU, LARGE = "twenty_in_five_linear", "twenty_in_five", "eighty_in_twenty"
LARGE_LINEAR = "eighty_in_twenty_linear"
N_HIDDEN, N_HIDDEN_LARGE = 5, 20
REPRESENTED = {1.0: (5, 5), 0.3: (6, 9), 0.1: (8, 11), 0.03: (9, 13), 0.01: (10, 14), 0.003: (11, 15), 0.001: (12, 16)}


def largest_interference(features: pd.DataFrame) -> float:
    return features["interference"][features["represented"]].max()


def deviation_from_identity(features: pd.DataFrame) -> float:
    """Largest |W^T W - (I of the first N_HIDDEN features, 0 elsewhere)|."""
    W = np.stack(features["direction"].to_list()).astype(float).T
    identity = np.diag((np.arange(W.shape[1]) < N_HIDDEN).astype(float))
    return np.abs(W.T @ W - identity).max()


def deviations_from_n_hidden(models: pd.DataFrame) -> pd.Series:
    """| |W|_F^2 - n_hidden | of each model; indexed by seed."""
    models = models.set_index("seed")
    return (models["frobenius_norm_squared"] - models["n_hidden"]).abs()


def starts_with_less_important(features: pd.DataFrame) -> bool:
    """Whether features 0 and 1 share nothing while one of features 3 to 7 is superposed."""
    features = features.set_index("feature")
    return (features["interference"].loc[0:1] < 0.05).all() and features["superposed"].loc[3:7].any()


def are_in_pairs(features: pd.DataFrame) -> np.ndarray:
    """For each superposed feature of a model, whether it has exactly one antipode."""
    represented = features[features["represented"]]
    W = np.stack([*represented["direction"], np.zeros_like(features["direction"].iloc[0])])[:-1].astype(float)
    unit = W / np.linalg.norm(W, axis=1, keepdims=True)
    antipodes = (unit @ unit.T < ANTIPODAL_COSINE).sum(1)
    return antipodes[represented["superposed"].to_numpy(bool)] == 1


def share_in_pairs(tables: Tables, probability: float) -> pd.Series:
    """Share of the superposed features of all restarts that have exactly one antipode; NaN if none is superposed."""

    def share(features: pd.DataFrame) -> float:
        paired = np.concatenate([are_in_pairs(model) for _, model in features.groupby("instance")])
        return paired.mean() if len(paired) else float("nan")

    features = features_at(tables, RELU, probability)
    return pd.Series({seed: share(rows) for seed, rows in features.groupby("seed")}, dtype=float)


def represented_per_dimension(tables: Tables, experiment: str) -> pd.DataFrame:
    """Mean over restarts of the features represented per hidden dimension: seeds x probabilities."""
    models = of_experiment(tables["models"], experiment)
    models = models.assign(per_dimension=models["n_represented"] / models["n_hidden"])
    return models.pivot_table("per_dimension", "seed", "feature_probability", aggfunc="mean")


def difference_between_sizes(tables: Tables) -> pd.Series:
    small, large = represented_per_dimension(tables, RELU), represented_per_dimension(tables, LARGE)
    small, large = small.align(large, join="inner", axis=0)  # at the seeds of both
    return (small - large).abs().max(axis=1, skipna=False)


def biases_of_best(tables: Tables, represented: bool) -> pd.DataFrame:
    """Biases of the features that the best dense fits do, or do not, represent."""
    features = of_best(features_at(tables, RELU, 1.0))
    return features[features["represented"] == represented]


def all_superposed(tables: Tables) -> pd.Series:
    """Share of the models of all restarts at p <= 0.01 that represent features, all of them superposed."""
    models = of_experiment(tables["models"], RELU)
    models = models[models["feature_probability"] < 0.011]
    return share_per_seed(models, (models["n_represented"] > 0) & (models["n_superposed"] == models["n_represented"]))


CLAIMS = [
    Claim(
        "T2-a",
        SECTION,
        DEMONSTRATING,
        "A linear model represents as many features as it has dimensions, the most important ones, orthogonally, "
        "whatever their sparsity.",
        (LINEAR, LARGE_LINEAR),
        ("twenty_in_five", "eighty_in_twenty"),
        (
            Part(
                "share of models, of all sparsities, that represent the five most important features alone",
                lambda t: mean(measure_models(of_experiment(t["features"], LINEAR), keeps_first(N_HIDDEN))),
                "=",
                (1,),
            ),
            Part(
                "largest deviation of |W|² from five",
                lambda t: worst(deviations_from_n_hidden(of_experiment(t["models"], LINEAR))),
                "<=",
                (0.1,),
            ),
            Part(
                "largest interference of a represented feature",
                lambda t: worst(measure_models(of_experiment(t["features"], LINEAR), largest_interference)),
                "<",
                (0.02,),
            ),
            Part(
                "share of models of eighty features that represent the twenty most important alone",
                lambda t: mean(measure_models(of_experiment(t["features"], LARGE_LINEAR), keeps_first(N_HIDDEN_LARGE))),
                "=",
                (1,),
            ),
        ),
    ),
    Claim(
        "T2-b",
        SECTION,
        DEMONSTRATING,
        "On dense features the ReLU output model does the same as the linear one.",
        (RELU,),
        ("twenty_in_five",),
        (
            Part("features of the best fit", lambda t: of_best_at(t, RELU, 1.0, "n_represented"), "=", (5,)),
            Part(
                "share of seeds whose best fit keeps the five most important",
                lambda t: mean(measure_models(of_best(features_at(t, RELU, 1.0)), keeps_first(N_HIDDEN))),
                "=",
                (1,),
            ),
            Part(
                "largest deviation of WᵀW from the identity on those five",
                lambda t: worst(measure_models(of_best(features_at(t, RELU, 1.0)), deviation_from_identity)),
                "<",
                (0.05,),
            ),
        ),
    ),
    Claim(
        "T2-c",
        SECTION,
        DEMONSTRATING,
        "The bias answers an ignored dense feature by its mean, one half, and leaves a represented one alone.",
        (RELU,),
        ("twenty_in_five",),
        (
            Part(
                "largest |b| of a represented feature",
                lambda t: (b := biases_of_best(t, True))["bias"].abs().groupby(b["seed"]).max(),
                "<",
                (0.02,),
            ),
            Part(
                "smallest b of an ignored feature",
                lambda t: biases_of_best(t, False).groupby("seed")["bias"].min(),
                "in",
                (0.48, 0.52),
            ),
            Part(
                "largest b of an ignored feature",
                lambda t: biases_of_best(t, False).groupby("seed")["bias"].max(),
                "in",
                (0.48, 0.52),
            ),
        ),
    ),
    Claim(
        "T2-d",
        SECTION,
        DEMONSTRATING,
        "As features become sparse, the ReLU output model represents more of them than it has dimensions.",
        (RELU,),
        ("twenty_in_five",),
        (
            *(
                Part(
                    f"features of the best fit at p = {p:g}",
                    lambda t, p=p: of_best_at(t, RELU, p, "n_represented"),
                    "in",
                    bounds,
                )
                for p, bounds in REPRESENTED.items()
            ),
            Part("rank correlation with sparsity", lambda t: correlation_with_sparsity(t, RELU), ">=", (0.95,)),
        ),
    ),
    Claim(
        "T2-e",
        SECTION,
        DEMONSTRATING,
        "Superposition starts with the less important features and ends with all of them.",
        (RELU,),
        ("twenty_in_five",),
        (
            Part(
                "share of restarts at p = 0.3 in which features 0 and 1 share nothing, but one of 3 to 7 does",
                lambda t: mean(measure_models(features_at(t, RELU, 0.3), starts_with_less_important)),
                ">=",
                (0.8,),
            ),
            Part("share of restarts at p ≤ 0.01 with every represented feature superposed", all_superposed, "=", (1,)),
        ),
    ),
    Claim(
        "T2-f",
        SECTION,
        DEMONSTRATING,
        "At first superposed features form antipodal pairs; at higher sparsity, other geometries.",
        (RELU,),
        ("twenty_in_five",),
        tuple(
            Part(
                f"share of superposed features with exactly one antipode at p = {p:g}",
                lambda t, p=p: share_in_pairs(t, p),
                relation,
                (threshold,),
            )
            for p, relation, threshold in ((0.3, ">=", 0.8), (0.1, ">=", 0.8), (0.003, "<", 0.5), (0.001, "<", 0.5))
        ),
    ),
    Claim(
        "T2-g",
        SECTION,
        DEMONSTRATING,
        "Eighty features in twenty dimensions behave like twenty in five: what counts is features per dimension.",
        (RELU, LARGE),
        ("twenty_in_five", "eighty_in_twenty"),
        (
            Part(
                "largest difference, over sparsities, in features represented per dimension",
                difference_between_sizes,
                "<=",
                (0.35,),
            ),
        ),
    ),
]
