"""Claims on sets of correlated features: local bases, and the collapse to principal components."""

import pandas as pd

from superposition.claims.correlated_features import (
    COLLAPSED_COSINE,
    COLLAPSED_NORMS,
    GEOMETRY,
    MODEL,
    SECTION,
    sets_of,
)
from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import at_all_seeds, at_probability, increases, of_best, of_experiment

LOCAL, COLLAPSING = "local_bases", "collapsing_pairs"
COLLAPSED_FROM, COLLAPSED_TO = 0.05, 0.3  # where the length of collapsed features is judged


# Local bases


def local_means(tables: Tables, probability: float) -> pd.DataFrame:
    """Mean |cosine| within sets and across, of every model."""
    sets = at_probability(sets_of(tables, LOCAL), probability)
    return sets.groupby(MODEL)[["mean_abs_cosine", "mean_abs_cosine_across"]].mean()


def cosine_ratio(tables: Tables, probability: float) -> pd.Series:
    """Per seed, the largest over models of mean |cosine| within sets over mean |cosine| across."""
    means = local_means(tables, probability)
    return (means["mean_abs_cosine"] / means["mean_abs_cosine_across"]).groupby("seed").max()


def cosine_within(tables: Tables, probability: float) -> pd.Series:
    return local_means(tables, probability)["mean_abs_cosine"].groupby("seed").max()


def fewest_represented(tables: Tables, probability: float) -> pd.Series:
    models = at_probability(of_experiment(tables["models"], LOCAL), probability)
    return models.groupby("seed")["n_represented"].min()


def least_local_dimensionality(tables: Tables, probability: float) -> pd.Series:
    sets = at_probability(sets_of(tables, LOCAL), probability)
    return sets.groupby("seed")["local_dimensionality"].min()


def total_dimensionality(tables: Tables) -> pd.Series:
    return of_experiment(tables["models"], LOCAL).groupby("seed")["total_dimensionality"].max()


def local_parts(probability: float) -> list[Part]:
    """What local bases are judged by at one probability, over all restarts."""
    measures = [
        ("fewest features represented", fewest_represented, ">=", 19),
        ("largest ratio of mean |cosine| within sets to across", cosine_ratio, "<=", 0.6),
        ("largest mean |cosine| within sets", cosine_within, "<=", 0.13),
        ("least dimensionality of a set on its own, of ten", least_local_dimensionality, ">=", 9.0),
    ]
    return [
        Part(f"{quantity}, p = {probability:g}", lambda t, m=measure: m(t, probability), relation, (threshold,))
        for quantity, measure, relation, threshold in measures
    ]


# Collapse


def collapsed_of_best(tables: Tables) -> pd.DataFrame:
    """Collapsed pairs of the best models: seeds x probabilities, sparse to dense."""
    sets = of_best(sets_of(tables, COLLAPSING))
    collapsed = (sets["min_cosine"] > COLLAPSED_COSINE).groupby([sets["seed"], sets["feature_probability"]]).sum()
    return collapsed.unstack().sort_index(axis=1)


def collapsed_between(tables: Tables, low: float, high: float, how: str) -> pd.Series:
    """Per seed, the "min" or "max" over probabilities in [low, high] of the collapsed pairs of the best model."""
    counts = collapsed_of_best(tables)
    return counts.loc[:, (counts.columns >= low) & (counts.columns <= high)].agg(how, axis=1).astype(float)


def norm_of_collapsed(tables: Tables, column: str, how: str) -> pd.Series:
    sets = of_best(sets_of(tables, COLLAPSING))
    middle = sets[sets["feature_probability"].between(COLLAPSED_FROM, COLLAPSED_TO)]
    collapsed = middle[middle["min_cosine"] > COLLAPSED_COSINE].groupby("seed")[column].agg(how)
    return at_all_seeds(collapsed, middle)


def angle_when_dense(tables: Tables) -> pd.Series:
    models = of_best(at_probability(of_experiment(tables["models"], COLLAPSING), 0.9))
    return models.set_index("seed")["angle_to_set_sums"]


CLAIMS = [
    Claim(
        "T7",
        SECTION,
        GEOMETRY,
        "Two sets of correlated features are represented in local, almost orthogonal bases, one over the other.",
        (LOCAL,),
        ("local_bases",),
        (
            *local_parts(0.03),
            *local_parts(0.1),
            *local_parts(0.3),
            Part(
                "largest dimensionality of both sets together",
                total_dimensionality,
                "<=",
                (10.0,),
                origin="derived",
            ),
        ),
    ),
    Claim(
        "T8",
        SECTION,
        GEOMETRY,
        "As correlated pairs become denser they collapse one after another, until only principal components are kept.",
        (COLLAPSING,),
        ("collapsing_pairs",),
        (
            Part(
                "decreases of the collapsed pairs along the sweep",
                lambda t: increases(collapsed_of_best(t).iloc[:, ::-1]),
                "=",
                (0,),
            ),
            Part("collapsed pairs at p = 0.02", lambda t: collapsed_between(t, 0.02, 0.02, "max"), "=", (0,)),
            Part("collapsed pairs at p = 0.1", lambda t: collapsed_between(t, 0.1, 0.1, "max"), "=", (1,)),
            Part("collapsed pairs at p = 0.2", lambda t: collapsed_between(t, 0.2, 0.2, "min"), ">=", (2,)),
            Part("fewest collapsed pairs from p = 0.5 up", lambda t: collapsed_between(t, 0.5, 1.0, "min"), "=", (3,)),
            Part(
                "shortest collapsed feature, p from 0.05 to 0.3",
                lambda t: norm_of_collapsed(t, "min_norm", "min"),
                "in",
                COLLAPSED_NORMS,
            ),
            Part(
                "longest collapsed feature, p from 0.05 to 0.3",
                lambda t: norm_of_collapsed(t, "max_norm", "max"),
                "in",
                COLLAPSED_NORMS,
            ),
            Part("angle to the principal components at p = 0.9", angle_when_dense, "<", (5.0,), "degrees"),
        ),
    ),
]
