"""Claims on how many features a model represents, dense and sparse: a hundred in twenty dimensions, five in two."""

import pandas as pd

from superposition.claims.judging import Claim, Part
from superposition.claims.measures import (
    correlation_with_sparsity,
    features_at,
    keeps_first,
    mean,
    measure_models,
    models_at,
    of_best_at,
)
from superposition.claims.selections import PENTAGON_TOLERANCE, of_best, of_experiment

SECTION = "nonprivileged_basis"
INTRODUCTION = "Elhage et al. 2022, introduction"
ARENA = "ARENA 1.5.4, section 1"
INTRO, STEEP, HUNDRED = "intro_five_in_two", "intro_steep_importance", "hundred_in_twenty"


def superposed_share(models: pd.DataFrame) -> pd.Series:
    """Share of the represented features that are superposed, of each model; indexed by seed."""
    models = models.set_index("seed")
    return models["n_superposed"] / models["n_represented"].where(models["n_represented"] > 0)


HUNDRED_CLAIMS = [
    Claim(
        "A1.2-a",
        SECTION,
        ARENA,
        "Of a hundred dense features, twenty dimensions represent twenty, hardly any of them in superposition.",
        (HUNDRED,),
        ("hundred_in_twenty",),
        (
            Part("features represented", lambda t: of_best_at(t, HUNDRED, 1.0, "n_represented"), "in", (19, 21)),
            Part(
                "share of them in superposition",
                lambda t: superposed_share(of_best(models_at(t, HUNDRED, 1.0))),
                "<=",
                (0.1,),
            ),
        ),
    ),
    Claim(
        "A1.2-b",
        SECTION,
        ARENA,
        "The sparser the features, the more of them are represented.",
        (HUNDRED,),
        ("hundred_in_twenty",),
        (
            Part(
                "rank correlation of features represented and sparsity",
                lambda t: correlation_with_sparsity(t, HUNDRED),
                ">=",
                (0.95,),
            ),
            Part(
                "features represented at p = 0.05",
                lambda t: of_best_at(t, HUNDRED, 0.05, "n_represented"),
                ">=",
                (45,),
            ),
        ),
    ),
    Claim(
        "A1.2-c",
        SECTION,
        ARENA,
        "Sparse features are nearly all in superposition.",
        (HUNDRED,),
        ("hundred_in_twenty",),
        (
            Part(
                "share of represented features in superposition at p = 0.05",
                lambda t: superposed_share(of_best(models_at(t, HUNDRED, 0.05))),
                ">=",
                (0.9,),
            ),
        ),
    ),
    Claim(
        "A1.2-d",
        SECTION,
        ARENA,
        "However many features are represented, the rank of W is at most twenty, the number of dimensions.",
        (HUNDRED,),
        ("hundred_in_twenty",),
        (
            Part(
                "largest rank at any sparsity",
                lambda t: of_experiment(t["models"], HUNDRED).groupby("seed")["rank"].max(),
                "<=",
                (20,),
                origin="derived",
            ),
        ),
    ),
]

INTRO_CLAIMS = [
    Claim(
        "T1-a",
        SECTION,
        INTRODUCTION,
        "Without sparsity the two most important of five features get orthogonal directions; the rest are absent.",
        (INTRO,),
        ("intro_superposition",),
        (
            Part("features of the best fit", lambda t: of_best_at(t, INTRO, 1.0, "n_represented"), "=", (2,)),
            Part(
                "share of seeds whose best fit keeps the two most important",
                lambda t: mean(measure_models(of_best(features_at(t, INTRO, 1.0)), keeps_first(2))),
                "=",
                (1,),
            ),
        ),
    ),
    Claim(
        "T1-b",
        SECTION,
        INTRODUCTION,
        "At 80 % sparsity the four most important features form two antipodal pairs; the least important is absent.",
        (INTRO,),
        ("intro_superposition",),
        (
            Part("features of the best fit", lambda t: of_best_at(t, INTRO, 0.2, "n_represented"), "=", (4,)),
            Part("its antipodal pairs", lambda t: of_best_at(t, INTRO, 0.2, "n_antipodal_pairs"), "=", (2,)),
            Part(
                "share of seeds whose best fit keeps the four most important",
                lambda t: mean(measure_models(of_best(features_at(t, INTRO, 0.2)), keeps_first(4))),
                ">=",
                (0.8,),
            ),
            Part(
                "share of restarts that represent the four most important and no other",
                lambda t: mean(measure_models(features_at(t, INTRO, 0.2), keeps_first(4))),
                ">=",
                (0.8,),
            ),
        ),
    ),
    Claim(
        "T1-c",
        SECTION,
        INTRODUCTION,
        "At 90 % sparsity all five features form a pentagon.",
        (INTRO,),
        ("intro_superposition",),
        (
            Part("features of the best fit", lambda t: of_best_at(t, INTRO, 0.1, "n_represented"), "=", (5,)),
            Part(
                "its deviation from a regular pentagon",
                lambda t: of_best_at(t, INTRO, 0.1, "gap_deviation"),
                "<",
                (PENTAGON_TOLERANCE,),
                "degrees",
            ),
        ),
    ),
    Claim(
        "T1-steep",
        SECTION,
        "new; a condition that the introduction leaves open",
        "The pentagon needs features of nearly equal importance: if each has 0.7 of the importance of the one before, "
        "90 % sparsity leaves the fifth feature absent.",
        (STEEP,),
        ("intro_steep_importance",),
        (Part("features of the best fit", lambda t: of_best_at(t, STEEP, 0.1, "n_represented"), "=", (4,)),),
    ),
]

CLAIMS = [*HUNDRED_CLAIMS, *INTRO_CLAIMS]
