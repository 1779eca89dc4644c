"""Claims on a pentagon whose one feature is made rarer or more frequent than the other four."""

import numpy as np
import pandas as pd

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import (
    at_all_seeds,
    correlate,
    crossing,
    is_bent_pentagon,
    is_two_digons,
    of_best,
    of_experiment,
)

SECTION = "geometry"
PAPER = 'Elhage et al. 2022, "The Geometry of Superposition"'
EXPERIMENT = "perturbed_pentagon"


def fits(tables: Tables) -> pd.DataFrame:
    models = of_experiment(tables["models"], EXPERIMENT)
    return models.assign(pentagon=is_bent_pentagon(models), digons=is_two_digons(models))


def best_losses(tables: Tables, geometry: str) -> pd.DataFrame:
    """Lowest loss of a geometry, seeds x ratios; NaN where no restart found it."""
    models = fits(tables)
    losses = models["loss"].where(models[geometry])
    return losses.groupby([models["seed"], models["last_probability"]]).min().unstack().sort_index(axis=1)


def pentagon_at_one(tables: Tables) -> pd.Series:
    models = fits(tables)
    return of_best(models[np.isclose(models["last_probability"], 1)]).groupby("seed")["pentagon"].mean().astype(float)


def pentagon_features(tables: Tables) -> pd.DataFrame:
    """The features of every fit that is a pentagon."""
    models = fits(tables)
    keys = models.loc[models["pentagon"], ["seed", "instance"]]
    return of_experiment(tables["features"], EXPERIMENT).merge(keys, on=["seed", "instance"])


def angle_to_neighbours(features: pd.DataFrame) -> float:
    """Degrees between the last feature of one model and its two neighbours, mean of both."""
    features = features.sort_values("feature")
    x, y = np.stack(features["direction"].to_list()).astype(float).T
    angles = np.degrees(np.arctan2(y, x))
    distances = np.abs((angles[:-1] - angles[-1] + 180) % 360 - 180)
    return float(np.sort(distances)[:2].mean())


def best_pentagons(tables: Tables) -> pd.DataFrame:
    """The features of the pentagon with the lowest loss at each seed and ratio."""
    models = fits(tables)
    found = models[models["pentagon"]].sort_values("loss").groupby(["seed", "last_probability"]).head(1)
    return of_experiment(tables["features"], EXPERIMENT).merge(found[["seed", "instance"]], on=["seed", "instance"])


def gap_follows_ratio(tables: Tables) -> pd.Series:
    best = best_pentagons(tables).groupby(["seed", "last_probability"])
    gaps = [(seed, ratio, angle_to_neighbours(features)) for (seed, ratio), features in best]
    correlations = correlate(pd.DataFrame(gaps, columns=["seed", "ratio", "gap"]), "ratio", "gap")
    return at_all_seeds(correlations, fits(tables))


def crossing_ratio(tables: Tables) -> pd.Series:
    """The ratio at which the two geometries' lowest losses are equal; NaN at a seed where they never are."""
    difference = best_losses(tables, "pentagon") - best_losses(tables, "digons")
    ratios = difference.columns.to_numpy(float)
    return pd.Series({seed: crossing(ratios, row.to_numpy(float)) for seed, row in difference.iterrows()}, dtype=float)


def best_below_crossing(tables: Tables) -> pd.Series:
    """Share of ratios below the crossing whose best fit is two digons."""
    models, at = of_best(fits(tables)), crossing_ratio(tables)
    below = models[models["last_probability"] < models["seed"].map(at)]
    return below.groupby("seed")["digons"].mean().astype(float).reindex(at.index)


def ratios_with_both(tables: Tables) -> pd.Series:
    found = fits(tables).groupby(["seed", "last_probability"])[["pentagon", "digons"]].any().all(axis=1)
    return found.groupby("seed").sum().astype(float)


def norm_above_crossing(tables: Tables) -> pd.Series:
    """|W| of the varied feature in the best pentagon at the lowest ratio above the crossing."""
    features, at = best_pentagons(tables), crossing_ratio(tables)
    last = features[features["feature"] == features["feature"].max()]
    above = last[last["last_probability"] > last["seed"].map(at)].sort_values("last_probability")
    return above.groupby("seed")["norm"].first().reindex(at.index)


def norm_and_bias(tables: Tables, extreme: str, only_equal: bool) -> pd.Series:
    features = pentagon_features(tables)
    if only_equal:
        features = features[np.isclose(features["last_probability"], 1)]
    product = features["norm"] ** 2 * (1 + features["bias"])
    return at_all_seeds(product.groupby(features["seed"]).agg(extreme), fits(tables))


CLAIMS = [
    Claim(
        "T5-a",
        SECTION,
        PAPER,
        "Five features of equal density in two dimensions form a pentagon.",
        (EXPERIMENT,),
        ("bent_pentagons",),
        (Part("share of seeds whose best fit is a pentagon", pentagon_at_one, "=", (1,)),),
    ),
    Claim(
        "T5-b",
        SECTION,
        PAPER,
        "The more frequent a feature is, the farther its neighbours stand from it; the pentagon bends continuously.",
        (EXPERIMENT,),
        ("bent_pentagons",),
        (Part("rank correlation of the gap beside it with its relative density", gap_follows_ratio, ">=", (0.9,)),),
    ),
    Claim(
        "T5-c",
        SECTION,
        PAPER,
        "A feature that is a few times rarer than the others is dropped: the best solution becomes two digons.",
        (EXPERIMENT,),
        ("geometry_crossing",),
        (
            Part("relative density at which the two geometries have the same loss", crossing_ratio, "in", (0.2, 0.6)),
            Part("share of lower ratios whose best fit is two digons", best_below_crossing, "=", (1,)),
        ),
    ),
    Claim(
        "T5-d",
        SECTION,
        PAPER,
        "The change is a first-order transition: both geometries are found around it, and their losses cross.",
        (EXPERIMENT,),
        ("geometry_crossing",),
        (
            Part("ratios at which the restarts end in both geometries", ratios_with_both, ">=", (3,)),
            Part(
                "share of seeds in which the difference of the two lowest losses changes its sign",
                lambda t: crossing_ratio(t).notna().astype(float),
                "=",
                (1,),
            ),
        ),
    ),
    Claim(
        "T5-e",
        SECTION,
        PAPER,
        "The feature's direction does not fade: up to the transition it keeps a norm near that of the others.",
        (EXPERIMENT,),
        ("bent_pentagons",),
        (Part("its norm in the best pentagon just above the crossing", norm_above_crossing, ">=", (0.5,)),),
    ),
    Claim(
        "T5-f",
        SECTION,
        PAPER,
        "In pentagons the norms and the biases of the features are tied: the square of the norm times 1 + b is one.",
        (EXPERIMENT,),
        ("bent_pentagons",),
        (
            Part(
                "smallest product, equal densities",
                lambda t: norm_and_bias(t, "min", True),
                ">=",
                (0.92,),
            ),
            Part(
                "largest product, equal densities",
                lambda t: norm_and_bias(t, "max", True),
                "<=",
                (1.04,),
            ),
            Part("smallest product, all pentagons", lambda t: norm_and_bias(t, "min", False), ">=", (0.92,)),
            Part("largest product, all pentagons", lambda t: norm_and_bias(t, "max", False), "<=", (1.04,)),
        ),
    ),
]
