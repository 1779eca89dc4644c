"""Claims on the geometry of uniform superposition: feature dimensionalities and the polytopes behind them."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import (
    at_probability,
    correlate,
    of_experiment,
    share_per_seed,
)

SECTION = "geometry"
PAPER = "Elhage et al. 2022, The Geometry of Superposition"
ARENA = "ARENA 1.5.4, section 3"
LARGE, HALF, SMALL = "uniform_400_in_30", "uniform_400_in_15", "uniform_200_in_20"
CURVE, FEATURES = "dimensions_per_feature", "feature_dimensionality"
PLATEAU_RANGE = (0.49, 0.57)


def one_per_seed(rows: pd.DataFrame, column: str, statistic: str) -> pd.Series:
    """Over seeds, `statistic` of a column; NaN at no seed, since a column of the table is never empty there."""
    return rows.groupby("seed")[column].agg(statistic)


def within(table: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
    """The rows whose feature probability lies in [low, high], up to rounding."""
    return table[table["feature_probability"].between(low - 1e-9, high + 1e-9)]


# Dimensions per feature


def models_of(tables: Tables, experiment: str) -> pd.DataFrame:
    models = of_experiment(tables["models"], experiment)
    return models.assign(rarity=1 / models["feature_probability"], missing=missing_dimensionality(models))


def missing_dimensionality(models: pd.DataFrame) -> pd.Series:
    """Share of the hidden dimensions that the features' dimensionalities do not add up to."""
    return (models["total_dimensionality"] / models["n_hidden"] - 1).abs()


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


# Dimensionalities of single features


def represented(tables: Tables, experiment: str) -> pd.DataFrame:
    """The represented features of one experiment."""
    features = of_experiment(tables["features"], experiment)
    return features[features["represented"].astype(bool)]


def share_near_half(tables: Tables, experiment: str) -> pd.Series:
    """Of the represented features of each density from 0.3 to 0.45, the smallest share of any density."""
    features = within(represented(tables, experiment), 0.3, 0.45)
    near = (features["dimensionality"] - 0.5).abs() < 0.03
    return near.groupby([features["seed"], features["feature_probability"]]).mean().groupby("seed").min()


# Line -> half-width, features that make a line, range of p in which it is looked for.
LINES = {
    "3/4": (3 / 4, 0.025, 5, (0.7, 0.85)),
    "2/3": (2 / 3, 0.02, 8, (0.55, 0.65)),
    "1/2": (1 / 2, 0.03, 8, (0.3, 0.45)),
    "2/5": (2 / 5, 0.025, 8, (0.22, 0.28)),
    "3/8": (3 / 8, 0.025, 8, (0.17, 0.22)),
}


def features_on_line(tables: Tables, experiment: str, line: str) -> pd.Series:
    """Most features of one model on a line, over the densities in its range; a model without features has none."""
    value, width, _, (low, high) = LINES[line]
    features = within(of_experiment(tables["features"], experiment), low, high)
    on_line = features["represented"].astype(bool) & ((features["dimensionality"] - value).abs() <= width)
    counts = on_line.groupby([features["seed"], features["feature_probability"]]).sum()
    return counts.groupby("seed").max().astype(float)


def lines_found(tables: Tables, experiment: str) -> pd.Series:
    found = [features_on_line(tables, experiment, line) >= needed for line, (_, _, needed, _) in LINES.items()]
    return pd.concat(found, axis=1).sum(axis=1, min_count=len(found)).astype(float)


def largest_when_dense(tables: Tables, experiment: str) -> pd.Series:
    features = of_experiment(tables["features"], experiment)
    return one_per_seed(within(features, 1, 1), "dimensionality", "max")


def share_without_dimension(tables: Tables, experiment: str) -> pd.Series:
    features = at_probability(of_experiment(tables["features"], experiment), 0.4)
    return share_per_seed(features, features["dimensionality"] < 0.05)


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


# Components


def components_of(tables: Tables, experiment: str, size: int, rank: int) -> pd.DataFrame:
    """The features of all components of one size and rank, at every density."""
    features = represented(tables, experiment)
    return features[(features["component_size"] == size) & (features["component_rank"] == rank)]


def largest_deviation(tables: Tables, experiment: str, size: int, rank: int, dimensionality: float) -> pd.Series:
    features = components_of(tables, experiment, size, rank)
    return (features["dimensionality"] - dimensionality).abs().groupby(features["seed"]).max()


def least_opposed(tables: Tables, experiment: str) -> pd.Series:
    """The largest, over pairs, of the cosine between the two features."""
    return one_per_seed(components_of(tables, experiment, 2, 1), "min_cosine", "max")


# Compressed sensing


def crowding(tables: Tables) -> pd.Series:
    """Largest over models of n_rep / m, times p log(1 / p)."""
    models = models_of(tables, LARGE)
    p = models["feature_probability"]
    models = models.assign(bound=models["n_represented"] / models["n_hidden"] * p * np.log(1 / p))
    return one_per_seed(models, "bound", "max")


def claims_on_dimensionalities(name: str, source: str, experiment: str, figures: tuple[str, ...]) -> list[Claim]:
    """What the sources say of the dimensionalities of single features, of one experiment."""
    return [
        Claim(
            f"{name}-b",
            SECTION,
            source,
            "On the plateau nearly every represented feature has exactly half a dimension.",
            (experiment,),
            figures[:1],
            (
                Part(
                    "share of represented features with |D - 1/2| < 0.03, the least at any p in [0.3, 0.45]",
                    lambda t: share_near_half(t, experiment),
                    ">=",
                    (0.95,),
                ),
            ),
        ),
        Claim(
            f"{name}-c",
            SECTION,
            source,
            "Dimensionalities gather on the lines of the polytopes 3/4, 2/3, 1/2, 2/5 and 3/8.",
            (experiment,),
            figures,
            (
                Part(
                    "of these five lines, how many have enough features",
                    lambda t: lines_found(t, experiment),
                    ">=",
                    (4,),
                ),
                Part(
                    "features within 0.02 of 2/3 at the best p in [0.55, 0.65]",
                    lambda t: features_on_line(t, experiment, "2/3"),
                    ">=",
                    (8,),
                ),
                Part(
                    "features within 0.025 of 3/4 at the best p in [0.7, 0.85]",
                    lambda t: features_on_line(t, experiment, "3/4"),
                    ">=",
                    (5,),
                ),
                Part(
                    "features within 0.025 of 2/5 at the best p in [0.22, 0.28]",
                    lambda t: features_on_line(t, experiment, "2/5"),
                    ">=",
                    (8,),
                ),
                Part(
                    "features within 0.025 of 3/8 at the best p in [0.17, 0.22]",
                    lambda t: features_on_line(t, experiment, "3/8"),
                    ">=",
                    (8,),
                ),
            ),
        ),
        Claim(
            f"{name}-d",
            SECTION,
            source,
            "Features that are always present have no dimensions of their own; on the plateau, unlearned ones have "
            "none.",
            (experiment,),
            figures[:1],
            (
                Part("largest D of any feature at p = 1", lambda t: largest_when_dense(t, experiment), "<", (0.95,)),
                Part(
                    "share of features with D < 0.05 at p = 0.4",
                    lambda t: share_without_dimension(t, experiment),
                    ">",
                    (0.5,),
                ),
            ),
        ),
        Claim(
            f"{name}-e",
            SECTION,
            source,
            "The dimensionalities of all features add up to the number of hidden dimensions.",
            (experiment,),
            figures[:1],
            (
                Part(
                    "largest deviation of their sum from m, any p, relative to m",
                    lambda t: one_per_seed(models_of(t, experiment), "missing", "max"),
                    "<=",
                    (0.01,),
                ),
            ),
        ),
    ]


def claim_on_components(name: str, source: str, experiment: str, figures: tuple[str, ...]) -> Claim:
    """What the paper says of the groups that interfering features form, of one experiment."""
    return Claim(
        f"{name}-g",
        SECTION,
        source,
        "The features fall into groups, orthogonal to each other, that are digons, triangles and pentagons.",
        (experiment,),
        figures[-1:],
        (
            Part("largest cosine within a group of two", lambda t: least_opposed(t, experiment), "<", (-0.95,)),
            Part(
                "largest |D - 1/2| in groups of two",
                lambda t: largest_deviation(t, experiment, 2, 1, 1 / 2),
                "<",
                (0.03,),
            ),
            Part(
                "largest |D - 2/3| in planar groups of three",
                lambda t: largest_deviation(t, experiment, 3, 2, 2 / 3),
                "<",
                (0.04,),
            ),
            Part(
                "largest |D - 2/5| in planar groups of five",
                lambda t: largest_deviation(t, experiment, 5, 2, 2 / 5),
                "<",
                (0.04,),
            ),
        ),
    )


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
        "Elhage et al. 2022, Superposition as a strategic picture",
        "No model stores more features than the bound of compressed sensing allows, up to a constant of at most two.",
        (LARGE,),
        (CURVE,),
        (Part("largest n_rep / m over 1 / (p log 1/p)", crowding, "<=", (2,)),),
    ),
]
