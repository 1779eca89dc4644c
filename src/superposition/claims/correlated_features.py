"""Claims on pairs of features that are present together or never together, in two dimensions."""

from collections.abc import Callable

import pandas as pd

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import at_all_seeds, at_probability, of_best, of_experiment, share_per_seed

SECTION = "correlated_features"
ARENA = "ARENA 1.5.4, section 1"
GEOMETRY = 'Elhage et al. 2022, "The Geometry of Superposition"'
PAIRS, ANTI, ANTI_BY_SET = "correlated_pairs", "anticorrelated_pairs", "anticorrelated_pairs_by_set"
THREE, CONTROL = "three_correlated_pairs", "six_independent"
MODEL = ["seed", "point", "instance"]
ORTHOGONAL_COSINE = 0.1
OPPOSITE_COSINE = -0.9
ANTIPODAL_COSINE = -0.95
COLLAPSED_COSINE = 0.97
COLLAPSED_NORMS = (0.66, 0.76)  # (a + b) / sqrt(2) of a pair in one direction: both norms are 0.71
DENSEST, SPARSEST = 0.1, 0.01  # of the three pairs


def sets_of(tables: Tables, experiment: str) -> pd.DataFrame:
    return of_experiment(tables["sets"], experiment)


def over_best(tables: Tables, experiment: str, column: str, how: str) -> pd.Series:
    """Per seed, the largest ("max") or smallest of a column over the sets of the best models of all points."""
    return of_best(sets_of(tables, experiment)).groupby("seed")[column].agg(how)


def per_model(sets: pd.DataFrame, condition: pd.Series, how: str) -> pd.Series:
    """How many ("sum"), or whether "all" or "any", of a model's sets meet the condition; indexed by MODEL."""
    return condition.groupby([sets[key] for key in MODEL]).agg(how)


def per_seed(models: pd.Series, how: str | Callable = "mean") -> pd.Series:
    return models.astype(float).groupby("seed").agg(how)


# Appearance in the data


def presence(tables: Tables, experiment: str) -> pd.DataFrame:
    """The features of the first model of every point: all models of a point share their samples."""
    return of_best(of_experiment(tables["features"], experiment))


def partner_present(tables: Tables, experiment: str, how: str) -> pd.Series:
    return presence(tables, experiment).groupby("seed")["partner_present"].agg(how)


def error_of_marginals(tables: Tables) -> pd.Series:
    """Per seed, the mean over features and points of |share of samples with the feature - its probability|."""
    features = pd.concat([presence(tables, name) for name in (PAIRS, ANTI, ANTI_BY_SET)])
    return (features["fraction_present"] - features["probability"]).abs().groupby(features["seed"]).mean()


# Correlated pairs


def largest_cosine_within(tables: Tables, experiment: str) -> pd.Series:
    """Per seed, the largest |cosine| within a pair, over the best models of all points."""
    return of_best(sets_of(tables, experiment)).groupby("seed")["mean_abs_cosine"].max()  # of a pair: its |cosine|


def is_two_bases(sets: pd.DataFrame) -> pd.Series:
    """Per model: partners orthogonal, and every feature opposite to one of another pair."""
    orthogonal = sets["mean_abs_cosine"] < ORTHOGONAL_COSINE
    opposite = (sets["weakest_opposition"] < OPPOSITE_COSINE) & (sets["weakest_opposition"] < sets["min_cosine"])
    return per_model(sets, orthogonal & opposite, "all")


def best_opposed_elsewhere(tables: Tables) -> pd.Series:
    """Share of points at whose best model every feature's most opposite one is of the other pair."""
    sets = of_best(sets_of(tables, PAIRS))
    elsewhere = (sets["weakest_opposition"] < OPPOSITE_COSINE) & (sets["weakest_opposition"] < sets["min_cosine"])
    return per_seed(per_model(sets, elsewhere, "all"))


# Anticorrelated pairs


def loss_against_orthogonal(tables: Tables, experiment: str) -> pd.Series:
    """Per seed, the largest over points of the best loss in units of that of the orthogonal solution, q^2 / 6.

    There each feature's opposite is independent of it, and both are present with probability q^2, q being the
    probability of a feature. Both outputs then miss by the smaller magnitude, E min(u, v)^2 = 1/6 for u, v ~ U[0, 1].
    """
    features = of_best(of_experiment(tables["features"], experiment))
    probability = features.groupby(MODEL)["probability"].first()
    losses = of_best(of_experiment(tables["models"], experiment)).set_index(MODEL)["loss"]
    return (losses / (probability**2 / 6)).groupby("seed").max()


def share_antipodal(tables: Tables, experiment: str) -> pd.Series:
    sets = sets_of(tables, experiment)
    return share_per_seed(sets, sets["max_cosine"] < ANTIPODAL_COSINE)


# Three pairs


def side_by_side(tables: Tables) -> pd.Series:
    """Share of pairs with a positive cosine, in the models that represent all six features."""
    models = of_experiment(tables["models"], THREE)
    complete = models.loc[models["n_represented"] == 6, MODEL]
    sets = sets_of(tables, THREE).merge(complete, on=MODEL)
    return at_all_seeds(share_per_seed(sets, sets["min_cosine"] > 0), models)


def best_antipodal_partners(tables: Tables) -> pd.Series:
    sets = of_best(sets_of(tables, THREE))
    return (sets["min_cosine"] < ANTIPODAL_COSINE).groupby(sets["seed"]).sum().astype(float)


def share_with_collapse(tables: Tables) -> pd.Series:
    """Share of the densest models with a pair in one direction that has the norms of its sum."""
    sets, (low, high) = at_probability(sets_of(tables, THREE), DENSEST), COLLAPSED_NORMS
    collapsed = (sets["min_cosine"] > COLLAPSED_COSINE) & (sets["min_norm"] >= low) & (sets["max_norm"] <= high)
    return per_seed(per_model(sets, collapsed, "any"))


def at_sparsest(tables: Tables, how: str) -> pd.Series:
    return of_best(at_probability(sets_of(tables, THREE), SPARSEST)).groupby("seed")["min_cosine"].agg(how)


def share_without_hexagon(tables: Tables) -> pd.Series:
    models = of_experiment(tables["models"], CONTROL)
    return share_per_seed(models, models["n_represented"] <= 5)


CLAIMS = [
    Claim(
        "A1.3",
        SECTION,
        ARENA,
        "Correlated features are always present together, anticorrelated ones never, each as often as configured.",
        (PAIRS, ANTI, ANTI_BY_SET),
        ("sampled_features",),
        (
            Part(
                "lowest share of a feature's samples that its correlated partner is in",
                lambda t: partner_present(t, PAIRS, "min"),
                "=",
                (1,),
                origin="derived",
            ),
            Part(
                "highest share of a feature's samples that its anticorrelated partner is in",
                lambda t: pd.concat([partner_present(t, name, "max") for name in (ANTI, ANTI_BY_SET)], axis=1).max(
                    axis=1
                ),
                "=",
                (0,),
                origin="derived",
            ),
            Part("mean |share of samples − probability| of a feature", error_of_marginals, "<", (0.002,)),
        ),
    ),
    Claim(
        "A1.4",
        SECTION,
        ARENA,
        "Correlated pairs are represented in local orthogonal bases: partners at right angles, each opposite to a "
        "feature of the other pair.",
        (PAIRS,),
        ("correlated_in_2d",),
        (
            Part(
                "largest |cosine| within a pair of a best fit", lambda t: largest_cosine_within(t, PAIRS), "<", (0.1,)
            ),
            Part(
                "share of best fits with every feature opposite to one of the other pair",
                best_opposed_elsewhere,
                "=",
                (1,),
            ),
            Part(
                "share of all restarts with both",
                lambda t: per_seed(is_two_bases(sets_of(t, PAIRS))),
                ">=",
                (0.75,),
            ),
        ),
    ),
    Claim(
        "A1.5",
        SECTION,
        ARENA,
        "Anticorrelated pairs are frequently represented as antipodal pairs, which reconstructs them exactly.",
        (ANTI,),
        ("anticorrelated_in_2d",),
        (
            Part(
                "largest cosine within a pair of a best fit",
                lambda t: over_best(t, ANTI, "max_cosine", "max"),
                "<",
                (-0.98,),
            ),
            Part(
                "largest loss of a best fit, in units of that with the pairs at right angles",
                lambda t: loss_against_orthogonal(t, ANTI),
                "<",
                (1e-3,),
            ),
            Part("share of antipodal pairs in all restarts", lambda t: share_antipodal(t, ANTI), ">=", (0.35,)),
        ),
    ),
    Claim(
        "A1.6",
        SECTION,
        ARENA,
        "Correlated pairs lie side by side if they cannot be orthogonal, and sometimes collapse.",
        (THREE,),
        ("correlated_in_2d",),
        (
            Part("share of pairs at less than 90 degrees where all six are represented", side_by_side, ">=", (0.9,)),
            Part("antipodal partners in best fits", best_antipodal_partners, "=", (0,)),
            Part(
                "smallest cosine of a pair in the sparsest best fit", lambda t: at_sparsest(t, "min"), "in", (0.35, 0.5)
            ),
            Part(
                "largest cosine of a pair in the sparsest best fit", lambda t: at_sparsest(t, "max"), "in", (0.35, 0.5)
            ),
            Part(
                "share of the densest restarts with a collapsed pair, both norms within 0.05 of 0.71",
                share_with_collapse,
                ">=",
                (0.5,),
            ),
        ),
    ),
    Claim(
        "T6",
        SECTION,
        GEOMETRY,
        "Anticorrelated features prefer to be antipodal; six independent features hardly ever form a hexagon.",
        (ANTI_BY_SET, CONTROL),
        ("anticorrelated_in_2d", "correlated_in_2d"),
        (
            Part(
                "largest cosine within an anticorrelated pair of a best fit",
                lambda t: over_best(t, ANTI_BY_SET, "max_cosine", "max"),
                "<",
                (-0.98,),
            ),
            Part("share of antipodal pairs in all restarts", lambda t: share_antipodal(t, ANTI_BY_SET), ">=", (0.35,)),
            Part(
                "share of restarts that represent at most five of six independent features",
                share_without_hexagon,
                ">=",
                (0.9,),
            ),
        ),
    ),
]
