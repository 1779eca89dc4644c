"""Claims on the dimensionalities of single features in uniform superposition, and on the polytopes behind them."""

import pandas as pd

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import (
    at_all_seeds,
    at_probability,
    of_best,
    of_experiment,
    one_per_seed,
    share_per_seed,
    within,
)

SECTION = "geometry"


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
    """Most features of one best fit on a line, over the densities in its range; a model without features has none."""
    value, width, _, (low, high) = LINES[line]
    features = of_best(within(of_experiment(tables["features"], experiment), low, high))
    on_line = features["represented"].astype(bool) & ((features["dimensionality"] - value).abs() <= width)
    counts = on_line.groupby([features["seed"], features["feature_probability"]]).sum()
    return counts.groupby("seed").max().astype(float)


def lines_found(tables: Tables, experiment: str) -> pd.Series:
    """How many of the lines have enough features; none if that of the antipodal pairs has not."""
    counts = {line: features_on_line(tables, experiment, line) for line in LINES}
    found = pd.DataFrame({line: counts[line] >= needed for line, (_, _, needed, _) in LINES.items()}).astype(float)
    return (found.sum(axis=1) * found["1/2"]).where(pd.DataFrame(counts).notna().all(axis=1))


def largest_when_dense(tables: Tables, experiment: str) -> pd.Series:
    features = of_experiment(tables["features"], experiment)
    return one_per_seed(within(features, 1, 1), "dimensionality", "max")


def share_without_dimension(tables: Tables, experiment: str) -> pd.Series:
    features = at_probability(of_experiment(tables["features"], experiment), 0.4)
    return share_per_seed(features, features["dimensionality"] < 0.05)


# Components


def components_of(tables: Tables, experiment: str, size: int, rank: int) -> pd.DataFrame:
    """The features of all components of one size and rank, at every density."""
    features = represented(tables, experiment)
    return features[(features["component_size"] == size) & (features["component_rank"] == rank)]


def largest_deviation(tables: Tables, experiment: str, size: int, rank: int, dimensionality: float) -> pd.Series:
    features = components_of(tables, experiment, size, rank)
    deviations = (features["dimensionality"] - dimensionality).abs().groupby(features["seed"]).max()
    return at_all_seeds(deviations, of_experiment(tables["models"], experiment))


def least_opposed(tables: Tables, experiment: str) -> pd.Series:
    """The largest, over pairs, of the cosine between the two features."""
    cosines = one_per_seed(components_of(tables, experiment, 2, 1), "min_cosine", "max")
    return at_all_seeds(cosines, of_experiment(tables["models"], experiment))


# The sum


def largest_missing(tables: Tables, experiment: str) -> pd.Series:
    """Share of the hidden dimensions that the features' dimensionalities do not add up to, the largest of any model."""
    models = of_experiment(tables["models"], experiment)
    missing = (models["total_dimensionality"] / models["n_hidden"] - 1).abs()
    return missing.groupby(models["seed"]).max()


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
                    "share of represented features with |D − 1/2| < 0.03, the least at any p in [0.3, 0.45]",
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
                    lambda t: largest_missing(t, experiment),
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
        "Features in small groups, orthogonal to all others, form digons, triangles and pentagons.",
        (experiment,),
        figures[-1:],
        (
            Part("largest cosine within a group of two", lambda t: least_opposed(t, experiment), "<", (-0.95,)),
            Part(
                "largest |D − 1/2| in groups of two",
                lambda t: largest_deviation(t, experiment, 2, 1, 1 / 2),
                "<",
                (0.03,),
            ),
            Part(
                "largest |D − 2/3| in planar groups of three",
                lambda t: largest_deviation(t, experiment, 3, 2, 2 / 3),
                "<",
                (0.04,),
            ),
            Part(
                "largest |D − 2/5| in planar groups of five",
                lambda t: largest_deviation(t, experiment, 5, 2, 2 / 5),
                "<",
                (0.04,),
            ),
        ),
    )
