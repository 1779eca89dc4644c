"""Claims on the geometry of uniform superposition: dimensions per feature, and those of `dimensionalities`."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from superposition.claims.dimensionalities import SECTION, claim_on_components, claims_on_dimensionalities
from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import correlate, of_experiment, one_per_seed, within

PAPER = 'Elhage et al. 2022, "The Geometry of Superposition"'
ARENA = "ARENA 1.5.4, section 3"
LARGE, HALF, SMALL = "uniform_400_in_30", "uniform_400_in_15", "uniform_200_in_20"
CURVE, FEATURES = "dimensions_per_feature", "feature_dimensionality"
PLATEAU_RANGE = (0.49, 0.57)


# Dimensions per feature


def models_of(tables: Tables, experiment: str) -> pd.DataFrame:
    models = of_experiment(tables["models"], experiment)
    return models.assign(rarity=1 / models["feature_probability"])


def dimensions_per_feature(tables: Tables, experiment: str, low: float, high: float, statistic: str) -> pd.Series:
    return one_per_seed(within(models_of(tables, experiment), low, high), "dimensions_per_feature", statistic)


def curve_parts(experiment: str) -> tuple[Part, ...]:
    """What the sources say of D* against sparsity."""
    low, high = PLATEAU_RANGE
    return (
        Part(
            "D* when features are always present",
            lambda t: dimensions_per_feature(t, experiment, 1, 1, "mean"),
            "in",
            (0.97, 1.03),
        ),
        Part(
            "smallest D* for p in [0.3, 0.5]",
            lambda t: dimensions_per_feature(t, experiment, 0.3, 0.5, "min"),
            ">=",
            (low,),
        ),
        Part(
            "largest D* for p in [0.3, 0.5]",
            lambda t: dimensions_per_feature(t, experiment, 0.3, 0.5, "max"),
            "<=",
            (high,),
        ),
        Part(
            "rank correlation of D* with 1/(1-S)",
            lambda t: correlate(models_of(t, experiment), "rarity", "dimensions_per_feature"),
            "<=",
            (-0.98,),
        ),
    )


# Independence of the size


def interpolate(rows: pd.DataFrame, column: str, probabilities: np.ndarray) -> np.ndarray:
    """`column` of one seed's models at other probabilities, linear in log p; NaN outside the sweep."""
    rows = rows.sort_values("feature_probability")
    known, values = np.log(rows["feature_probability"]), rows[column].astype(float)
    wanted = np.log(probabilities)
    tolerance = 1e-9
    inside = (wanted >= known.iloc[0] - tolerance) & (wanted <= known.iloc[-1] + tolerance)
    return np.where(inside, np.interp(wanted, known, values), np.nan)


def compare_seeds(tables: Tables, first: str, second: str, compare: Callable) -> pd.Series:
    """`compare(rows of first, rows of second)` at each seed that both have."""
    by_seed = [dict(list(models_of(tables, name).groupby("seed"))) for name in (first, second)]
    seeds = sorted(by_seed[0].keys() & by_seed[1].keys())
    return pd.Series({seed: compare(by_seed[0][seed], by_seed[1][seed]) for seed in seeds}, dtype=float)


def difference_between_sizes(tables: Tables) -> pd.Series:
    """Largest |D* of 400 features in 30 - D* of 200 in 20| at a density of the first within the sweep of the second."""

    def compare(large: pd.DataFrame, small: pd.DataFrame) -> float:
        there = interpolate(small, "dimensions_per_feature", large["feature_probability"].to_numpy())
        return float(np.nanmax(np.abs(large["dimensions_per_feature"].to_numpy() - there)))

    return compare_seeds(tables, LARGE, SMALL, compare)


def growth_with_dimensions(tables: Tables, extreme: str) -> pd.Series:
    """n_rep of 400 features in 30 dimensions over that in 15, the extreme over densities that both have."""

    def compare(large: pd.DataFrame, half: pd.DataFrame) -> float:
        both = large.merge(half, on="feature_probability", suffixes=("_large", "_half"))
        return float((both["n_represented_large"] / both["n_represented_half"]).agg(extreme))

    return compare_seeds(tables, LARGE, HALF, compare)


# Compressed sensing


def crowding(tables: Tables) -> pd.Series:
    """Largest over models of n_rep / m, times p log(1 / p)."""
    models = models_of(tables, LARGE)
    p = models["feature_probability"]
    models = models.assign(bound=models["n_represented"] / models["n_hidden"] * p * np.log(1 / p))
    return one_per_seed(models, "bound", "max")


PLATEAU_SENTENCE = (
    "Dimensions per feature fall from one as features become sparse, and stay at one half over a range of densities."
)
ON_LARGE = ("T4", PAPER, LARGE, (FEATURES, "feature_graphs"))
ON_SMALL = ("A3.1", ARENA, SMALL, (f"{FEATURES}_small",))
CLAIMS = [
    Claim("A3.1", SECTION, ARENA, PLATEAU_SENTENCE, (SMALL,), (CURVE, f"{FEATURES}_small"), curve_parts(SMALL)),
    *claims_on_dimensionalities(*ON_SMALL),
    claim_on_components(*ON_SMALL),
    Claim("T4-a", SECTION, PAPER, PLATEAU_SENTENCE, (LARGE,), (CURVE, FEATURES), curve_parts(LARGE)),
    *claims_on_dimensionalities(*ON_LARGE),
    Claim(
        "T4-f",
        SECTION,
        PAPER,
        "With many more features than dimensions, the geometry depends on neither number, only on sparsity.",
        (LARGE, SMALL, HALF),
        (CURVE,),
        (
            Part("largest difference in D* between 400 in 30 and 200 in 20", difference_between_sizes, "<", (0.05,)),
            Part(
                "features represented in 30 dimensions over those in 15, smallest",
                lambda t: growth_with_dimensions(t, "min"),
                "in",
                (1.8, 2.2),
            ),
            Part(
                "features represented in 30 dimensions over those in 15, largest",
                lambda t: growth_with_dimensions(t, "max"),
                "in",
                (1.8, 2.2),
            ),
        ),
    ),
    claim_on_components(*ON_LARGE),
    Claim(
        "T17",
        SECTION,
        'Elhage et al. 2022, "The Strategic Picture of Superposition"',
        "No model stores more features than the bound of compressed sensing allows, up to a constant of at most two.",
        (LARGE,),
        (CURVE,),
        (Part("largest n_rep / m over 1 / (p log 1/p)", crowding, "<=", (2,)),),
    ),
]
