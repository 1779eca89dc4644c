"""Claims on superposition in a basis that nothing privileges: five features in two dimensions."""

import numpy as np
import pandas as pd

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import (
    PENTAGON_TOLERANCE,
    at_probability,
    increases,
    is_pentagon,
    of_best,
    of_experiment,
    share_per_seed,
)

SECTION = "nonprivileged_basis"
EXPERIMENT = "five_in_two"
ARENA = "ARENA 1.5.4, section 1"
INTRODUCTION = "Elhage et al. 2022, introduction"
DENSE, MIDDLE, SPARSE = 1.0, 0.327, 0.02
SAME_RAY_COSINE = 0.95


def models_at(tables: Tables, probability: float) -> pd.DataFrame:
    return at_probability(of_experiment(tables["models"], EXPERIMENT), probability)


def best_at(tables: Tables, probability: float) -> pd.DataFrame:
    """One model per seed, indexed by seed."""
    return of_best(models_at(tables, probability)).set_index("seed")


def best_features_at(tables: Tables, probability: float) -> pd.DataFrame:
    """The features of the best model of each seed."""
    return of_best(at_probability(of_experiment(tables["features"], EXPERIMENT), probability))


def represents_two_most_important(tables: Tables) -> pd.Series:
    def keeps_two(features: pd.DataFrame) -> float:
        return float(sorted(features.query("represented")["feature"]) == [0, 1])

    return best_features_at(tables, DENSE).groupby("seed").apply(keeps_two)


def cosine_of_two_most_important(tables: Tables) -> pd.Series:
    def cosine(features: pd.DataFrame) -> float:
        a, b = (np.asarray(direction, float) for direction in features.sort_values("feature")["direction"][:2])
        return abs(a @ b) / (np.linalg.norm(a) * np.linalg.norm(b))

    return best_features_at(tables, DENSE).groupby("seed").apply(cosine)


def norm_of_neglected(tables: Tables) -> pd.Series:
    features = best_features_at(tables, DENSE)
    return features[features["feature"] >= 2].groupby("seed")["norm"].max()


def extreme_norm(tables: Tables, extreme: str) -> pd.Series:
    return best_features_at(tables, SPARSE).groupby("seed")["norm"].agg(extreme)


def distinct_rays(features: pd.DataFrame) -> np.ndarray:
    """(rays, 2) unit directions of the represented features of one model; features on the same ray count once."""
    rays: list[np.ndarray] = []
    for direction in features.query("represented").sort_values("importance", ascending=False)["direction"]:
        ray = np.asarray(direction, float) / np.linalg.norm(direction)
        if all(ray @ other < SAME_RAY_COSINE for other in rays):
            rays.append(ray)
    return np.array(rays).reshape(-1, 2)


def antipodal_rays(features: pd.DataFrame) -> int:
    rays = distinct_rays(features)
    return int((np.triu(rays @ rays.T, 1) < -SAME_RAY_COSINE).sum())


def deviation_from_right_angle(features: pd.DataFrame) -> float:
    """Largest angle in degrees by which two rays of one model miss a multiple of 90."""
    angles = np.degrees(np.arctan2(*distinct_rays(features).T[::-1]))
    differences = np.subtract.outer(angles, angles) % 90
    return float(np.minimum(differences, 90 - differences).max(initial=0))


def in_middle(tables: Tables, measure) -> pd.Series:
    return best_features_at(tables, MIDDLE).groupby("seed").apply(measure)


def median_represented(tables: Tables) -> pd.DataFrame:
    """Median over restarts of the number of represented features: seeds x probabilities, dense to sparse."""
    models = of_experiment(tables["models"], EXPERIMENT)
    medians = models.pivot_table("n_represented", "seed", "feature_probability", aggfunc="median")
    return medians.sort_index(axis=1, ascending=False)


def decreases(tables: Tables) -> pd.Series:
    return increases(median_represented(tables).iloc[:, ::-1])


CLAIMS = [
    Claim(
        "A1.1-a",
        SECTION,
        ARENA,
        "Without sparsity the model represents the two most important features, orthogonally, and drops the rest.",
        (EXPERIMENT,),
        ("features_in_2d", "represented_features"),
        (
            Part("features represented by the best fit", lambda t: best_at(t, DENSE)["n_represented"], "=", (2,)),
            Part(
                "share of seeds whose best fit keeps the two most important", represents_two_most_important, "=", (1,)
            ),
            Part("|cosine| between the two", cosine_of_two_most_important, "<", (0.05,)),
            Part(
                "share of restarts that represent exactly two",
                lambda t: share_per_seed(m := models_at(t, DENSE), m["n_represented"] == 2),
                ">=",
                (0.8,),
            ),
        ),
    ),
    Claim(
        "A1.1-b",
        SECTION,
        ARENA,
        "At high sparsity all five features are represented, as a regular pentagon with a negative bias.",
        (EXPERIMENT,),
        ("features_in_2d",),
        (
            Part(
                "share of restarts that are pentagons",
                lambda t: share_per_seed(m := models_at(t, SPARSE), is_pentagon(m)),
                ">=",
                (0.9,),
            ),
            Part("shortest feature of the best fit", lambda t: extreme_norm(t, "min"), "in", (1.05, 1.25)),
            Part("longest feature of the best fit", lambda t: extreme_norm(t, "max"), "in", (1.05, 1.25)),
            Part("mean bias of the best fit", lambda t: best_at(t, SPARSE)["mean_bias"], "in", (-0.35, -0.15)),
        ),
    ),
    Claim(
        "A1.1-c",
        SECTION,
        INTRODUCTION,
        "In between, four features share the two dimensions as two antipodal pairs at right angles.",
        (EXPERIMENT,),
        ("features_in_2d",),
        (
            Part(
                "distinct directions in the best fit",
                lambda t: in_middle(t, lambda features: len(distinct_rays(features))),
                "=",
                (4,),
            ),
            Part("antipodal pairs of directions", lambda t: in_middle(t, antipodal_rays), "=", (2,)),
            Part(
                "deviation of the axes from a right angle",
                lambda t: in_middle(t, deviation_from_right_angle),
                "<",
                (3.0,),
                "degrees",
            ),
        ),
    ),
    Claim(
        "A1.1-d",
        SECTION,
        ARENA,
        "The sparser the features, the more of them are represented: from two to all five.",
        (EXPERIMENT,),
        ("represented_features",),
        (
            Part("decreases of the median along the sweep", decreases, "<=", (1,)),
            Part("median features represented when dense", lambda t: median_represented(t).iloc[:, 0], "=", (2,)),
            Part("median features represented when sparse", lambda t: median_represented(t).iloc[:, -1], "=", (5,)),
        ),
    ),
    Claim(
        "A1.1-e",
        SECTION,
        "ARENA 2.0, chapter on superposition",
        "No sparsity: the two most important orthogonal, the other three zero. High sparsity: a pentagon.",
        (EXPERIMENT,),
        ("features_in_2d",),
        (
            Part("longest of the three other features when dense", norm_of_neglected, "<", (0.5,)),
            Part(
                "deviation of the best sparse fit from a regular pentagon",
                lambda t: best_at(t, SPARSE)["gap_deviation"],
                "<",
                (PENTAGON_TOLERANCE,),
                "degrees",
            ),
        ),
    ),
    Claim(
        "A1.1-f",
        SECTION,
        ARENA,
        "Sparse hidden vectors lie along the feature directions; dense ones fill the plane between them.",
        (EXPERIMENT,),
        ("hidden_samples_in_2d",),
        (
            Part(
                "share of hidden vectors within 5 degrees of a feature, sparse",
                lambda t: best_at(t, SPARSE)["near_ray_fraction"],
                ">=",
                (0.6,),
            ),
            Part(
                "share of hidden vectors within 5 degrees of a feature, dense",
                lambda t: best_at(t, DENSE)["near_ray_fraction"],
                "<",
                (0.2,),
            ),
        ),
    ),
]
