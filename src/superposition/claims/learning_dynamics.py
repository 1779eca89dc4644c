"""Claims on how superposition is learned: features that jump between energy levels, and geometric transformations."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import of_experiment, share_per_seed
from superposition.trajectories import (
    JUMP_AFTER,
    JUMP_SHARE,
    fastest_descent,
    happen_in_order,
    plateaus_of,
    share_near_levels,
    swaps_of,
)

SECTION = "learning_dynamics"
DYNAMICS = 'Elhage et al. 2022, "Superposition and Learning Dynamics"'
LEVELS = "energy_levels"
TWO_SETS, THREE_SETS = "octahedra_of_two_sets", "octahedra_of_three_sets"
MODEL = ["seed", "instance"]

POLYTOPES = [3 / 8, 2 / 5, 1 / 2, 2 / 3, 3 / 4, 1]  # dimensionalities: square antiprism, ... alone
FINAL_TOLERANCE, LEVEL_TOLERANCE = 0.03, 0.05
EARLY = 0.1  # of the training, in which all features are still on their way
TOGETHER, APART = 0.9, 0.5  # cosines within sets: on one line, and split
ANTIPODAL_COSINE = -0.95


def trained(tables: Tables, experiment: str) -> pd.DataFrame:
    """Its table `dynamics` after step 0, at which there is no loss."""
    dynamics = of_experiment(tables["dynamics"], experiment)
    return dynamics[dynamics["step"] > 0].sort_values([*MODEL, "step"])


def per_model(dynamics: pd.DataFrame, measure: Callable[[pd.DataFrame], float]) -> pd.Series:
    """A measure of each model's rows, in the order of steps; indexed by MODEL. Empty without rows."""
    values = {key: float(measure(rows)) for key, rows in dynamics.groupby(MODEL)}
    return pd.Series(values, index=pd.MultiIndex.from_tuples(values, names=MODEL), dtype=float)


def per_seed(values: pd.Series, how: str) -> pd.Series:
    return values.groupby("seed").agg(how)


# Energy levels


def final_share_at_digons(tables: Tables) -> pd.Series:
    """Share of the features of all models that end within FINAL_TOLERANCE of dimensionality 0 or 1/2."""

    def share(rows: pd.DataFrame) -> float:
        final = np.asarray(rows["dimensionality"].iloc[-1])
        return float((np.minimum(np.abs(final), np.abs(final - 0.5)) <= FINAL_TOLERANCE).mean())

    return per_seed(per_model(trained(tables, LEVELS), share), "mean")


def time_at_levels(tables: Tables) -> pd.Series:
    def share(rows: pd.DataFrame) -> float:
        late = rows[rows["step"] >= EARLY * rows["step"].max()]
        values = np.stack(late["dimensionality"].to_list())
        return share_near_levels(values, late["step"].to_numpy(), POLYTOPES, LEVEL_TOLERANCE)

    return per_seed(per_model(trained(tables, LEVELS), share), "mean")


def has_swap(rows: pd.DataFrame) -> bool:
    return len(swaps_of(rows[rows["step"] >= JUMP_AFTER])) > 0


def models_with_swaps(tables: Tables) -> pd.Series:
    return per_seed(per_model(trained(tables, LEVELS), has_swap), "sum")


def descent_at_swaps(tables: Tables) -> pd.Series:
    """The fastest descent of the loss at a swap, in units of its model's median, of each seed that has a swap."""

    def descent(rows: pd.DataFrame) -> float:
        window = max(2, round(JUMP_SHARE * len(rows)))
        late = rows[rows["step"] >= JUMP_AFTER]
        return fastest_descent(late["loss"].to_numpy(), late["step"].to_numpy(), swaps_of(late), window)

    fastest = per_seed(per_model(trained(tables, LEVELS), descent), "max")
    return fastest[models_with_swaps(tables) > 0]


# Geometric transformations


def share_of_octahedra(tables: Tables, experiment: str) -> pd.Series:
    """Share of models that end with three antipodal pairs, each of features of different sets."""
    models = of_experiment(tables["models"], experiment).set_index(MODEL)
    weakest = of_experiment(tables["sets"], experiment).groupby(MODEL)["weakest_opposition"].max()
    octahedra = (models["n_antipodal_pairs"] == 3) & (weakest.reindex(models.index) < ANTIPODAL_COSINE)
    return share_per_seed(models.reset_index(), octahedra.reset_index(drop=True))


def at_first_plateau(tables: Tables, experiment: str, column: str) -> pd.Series:
    """Per seed, the median over the models with a plateau of a column where the first begins; NaN if half have none."""

    def value(rows: pd.DataFrame) -> float:
        plateaus = plateaus_of(rows)
        return rows[column].iloc[plateaus[0].first] if plateaus else float("nan")

    values = per_model(trained(tables, experiment), value)
    return per_seed(values, "median").where(per_seed(values.notna().astype(float), "mean") > 0.5)


def median_plateaus(tables: Tables, experiment: str) -> pd.Series:
    return per_seed(per_model(trained(tables, experiment), lambda rows: len(plateaus_of(rows))), "median")


def models_in_order(tables: Tables, experiment: str) -> pd.Series:
    """Models whose sets are first collapsed, then split without an antipodal pair, then three antipodal pairs."""

    def in_order(rows: pd.DataFrame) -> bool:
        cosine, pairs = rows["set_cosine"].to_numpy(), rows["n_antipodal_pairs"].to_numpy()
        stages = [(cosine > TOGETHER) & (pairs == 0), (cosine < APART) & (pairs == 0), pairs == 3]
        return happen_in_order(stages)

    return per_seed(per_model(trained(tables, experiment), in_order), "sum")


def for_both(quantity: str, measure: Callable[[Tables, str], pd.Series], relation: str, threshold: tuple) -> list[Part]:
    """The same part for two sets of three and for three of two: the source's text allows either."""
    return [
        Part(f"{quantity}, {words}", lambda t, e=experiment: measure(t, e), relation, threshold)
        for experiment, words in ((TWO_SETS, "two sets of three"), (THREE_SETS, "three sets of two"))
    ]


CLAIMS = [
    Claim(
        "T9-a",
        SECTION,
        DYNAMICS,
        "The features of a trained model sit at the levels of antipodal pairs: dimensionality one half, or none.",
        (LEVELS,),
        ("energy_levels",),
        (Part("share of features that end within 0.03 of 0 or 1/2", final_share_at_digons, ">=", (0.9,)),),
    ),
    Claim(
        "T9-b",
        SECTION,
        DYNAMICS,
        "After a tenth of training, features not near zero spend their time at the dimensionalities of polytopes.",
        (LEVELS,),
        ("energy_levels",),
        (
            Part(
                "share of logarithmic time above 0.05 that is within 0.05 of a polytope, after a tenth of training",
                time_at_levels,
                ">=",
                (0.7,),
            ),
        ),
    ),
    Claim(
        "T9-c",
        SECTION,
        DYNAMICS,
        "Features jump between energy levels, one up while another goes down.",
        (LEVELS,),
        ("energy_levels",),
        (Part("models, of eight, in which two features swap", models_with_swaps, ">=", (1,)),),
    ),
    Claim(
        "T9-d",
        SECTION,
        DYNAMICS,
        "The loss drops where features jump.",
        (LEVELS,),
        ("energy_levels",),
        (
            Part(
                "fastest descent of the loss at a swap, in units of the median, seeds with a swap",
                descent_at_swaps,
                ">=",
                (3.0,),
            ),
        ),
    ),
    Claim(
        "T10-a",
        SECTION,
        DYNAMICS,
        "Correlated sets end as an octahedron whose antipodal pairs join features of different sets.",
        (TWO_SETS, THREE_SETS),
        ("geometric_transformations",),
        (*for_both("share of octahedra", share_of_octahedra, ">=", (0.6,)),),
    ),
    Claim(
        "T10-b",
        SECTION,
        DYNAMICS,
        "First the sets are collapsed, as in a principal component analysis.",
        (TWO_SETS, THREE_SETS),
        ("geometric_transformations",),
        (
            *for_both(
                "smallest cosine within a set as the first plateau begins",
                lambda t, e: at_first_plateau(t, e, "set_cosine"),
                ">",
                (0.9,),
            ),
            *for_both(
                "directions in use as the first plateau begins",
                lambda t, e: at_first_plateau(t, e, "n_directions"),
                "<=",
                (2,),
            ),
        ),
    ),
    Claim(
        "T10-c",
        SECTION,
        DYNAMICS,
        "The loss falls in steps from plateau to plateau.",
        (TWO_SETS, THREE_SETS),
        ("geometric_transformations",),
        (*for_both("median number of plateaus", median_plateaus, ">=", (2,)),),
    ),
    Claim(
        "T10-d",
        SECTION,
        DYNAMICS,
        "The geometry changes in an order: collapsed sets, sets that split, antipodal pairs.",
        (TWO_SETS, THREE_SETS),
        ("geometric_transformations",),
        (*for_both("models that pass through this order", models_in_order, ">=", (1,)),),
    ),
]
