"""Claims on superposition and adversarial examples."""

import pandas as pd
from scipy.stats import pearsonr

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import at_attack, at_probability, correlate, of_best, of_experiment

SECTION = "adversarial"
SOURCE = 'Elhage et al. 2022, "Relationship to Adversarial Robustness"'
EXPERIMENT, TRAINED = "uniform_400_in_30", "adversarial_training"


def attacked(tables: Tables) -> pd.DataFrame:
    models = of_best(of_experiment(tables["models"], EXPERIMENT))
    return models.assign(per_dimension=1 / models["dimensions_per_feature"])


def vulnerability_when_dense(tables: Tables) -> pd.Series:
    return at_probability(attacked(tables), 1.0).groupby("seed")["vulnerability"].mean()


def rise_of_vulnerability(tables: Tables) -> pd.Series:
    """That of the sparsest model over that of the densest."""
    models = attacked(tables).sort_values("feature_probability").groupby("seed")["vulnerability"]
    return models.agg(lambda values: values.iloc[0] / values.iloc[-1])


def correlation(tables: Tables) -> pd.Series:
    return correlate(attacked(tables), "vulnerability", "per_dimension", pearsonr)


def trained(tables: Tables) -> pd.DataFrame:
    models = of_experiment(tables["models"], TRAINED)
    return models.assign(crowding=models["n_represented"] / models["n_hidden"])


def crowding_at(tables: Tables, attack_size: float) -> pd.Series:
    """Features represented per hidden dimension at an attack size, mean over restarts."""
    return at_attack(trained(tables), attack_size).groupby("seed")["crowding"].mean()


def fall_of_crowding(tables: Tables) -> pd.Series:
    """Rank correlation of the mean over restarts with the attack size."""
    means = trained(tables).groupby(["seed", "attack_size"])["crowding"].mean().reset_index()
    return correlate(means, "attack_size", "crowding")


CLAIMS = [
    Claim(
        "T11-a",
        SECTION,
        SOURCE,
        "Models in superposition are several times as vulnerable to small attacks as models without.",
        (EXPERIMENT,),
        ("vulnerability",),
        (Part("vulnerability of the sparsest model over that of the densest", rise_of_vulnerability, ">", (3,)),),
    ),
    Claim(
        "T11-b",
        SECTION,
        SOURCE,
        "Vulnerability tracks the number of features per dimension.",
        (EXPERIMENT,),
        ("vulnerability",),
        (Part("correlation of vulnerability with features per dimension", correlation, ">=", (0.95,)),),
    ),
    Claim(
        "T11-c",
        SECTION,
        "derived: an attack on a model without superposition moves one output, by its own length",
        "Dense features, which are not in superposition, are as vulnerable as features that have a dimension each.",
        (EXPERIMENT,),
        ("vulnerability",),
        (Part("vulnerability at p = 1", vulnerability_when_dense, "in", (0.95, 1.05), origin="derived"),),
    ),
    Claim(
        "T11b",
        SECTION,
        SOURCE,
        "Training against attacks reduces superposition; it takes attacks nearly as long as the inputs to remove it.",
        (TRAINED,),
        ("adversarial_training",),
        (
            Part(
                "rank correlation of features per dimension with the attack size",
                fall_of_crowding,
                "<=",
                (-0.95,),
                origin="calibrated",
            ),
            Part("features per dimension at attacks of 10 %", lambda t: crowding_at(t, 0.1), ">=", (1.2,)),
            Part("features per dimension at attacks of 80 %", lambda t: crowding_at(t, 0.8), "<=", (1.1,)),
        ),
    ),
]
