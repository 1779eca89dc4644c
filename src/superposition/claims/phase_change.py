"""Claims on the phase change: what becomes of the last of two or three features, by sparsity and importance."""

import numpy as np
import pandas as pd

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import at_probability, of_experiment, share_per_seed
from superposition.phase_theory import OUTCOMES, find_outcomes, outcome_losses, superposed_importances

SECTION = "phase_change"
ELHAGE = 'Elhage et al. 2022, "Superposition as a Phase Change"'
MCGRATH, SACHAN = "McGrath's comment on Elhage et al. 2022", "Sachan's comment on Elhage et al. 2022"
TWO, THREE, UNBIASED = "phase_two_in_one", "phase_three_in_two", "phase_without_bias"
OTHER_OUTPUTS = ("phase_gelu", "phase_silu", "phase_softplus", "phase_quadratic")
DEDICATED_INTERFERENCE = 0.25
CLEAR_MARGIN = 0.2  # of the loss of the best outcome below the next
TIE = 1e-9  # relative difference between losses that are equal but for rounding
KEYS = ["experiment", "seed", "instance"]
POINT = ["feature_probability", "last_importance"]


def choose_best(models: pd.DataFrame) -> pd.DataFrame:
    """The model of lowest expected loss of each seed and point."""
    return models.sort_values(["expected_loss", "instance"]).drop_duplicates(["seed", "point"])


def best_models(tables: Tables, experiment: str) -> pd.DataFrame:
    """The best models of an experiment, with `norm` and `outcome` of their last features."""
    features = of_experiment(tables["features"], experiment)
    last = features[features["feature"] == features["feature"].max()]
    last = last[[*KEYS, "norm", "represented", "interference"]]
    best = choose_best(of_experiment(tables["models"], experiment)).merge(last, on=KEYS, validate="one_to_one")
    return best.assign(outcome=outcomes(best)).sort_values(["seed", *POINT])


def outcomes(features: pd.DataFrame) -> np.ndarray:
    """What became of each feature: one of phase_theory.OUTCOMES."""
    shares = features["interference"] >= DEDICATED_INTERFERENCE
    return np.where(~features["represented"], "ignored", np.where(shares, "superposed", "dedicated"))


def place(models: pd.DataFrame) -> tuple[int, np.ndarray, np.ndarray]:
    """What the theory takes: n_features, probability, importance."""
    return int(models["n_features"].iloc[0]), *models[POINT].to_numpy(float).T


def agreement(tables: Tables, experiment: str, margin: float = 0.0, lowest_probability: float = 0.0) -> pd.Series:
    """Share of points whose best fit has the outcome that the theory says (or one of two that tie), among those where
    the theory's best outcome is ahead of the next by `margin` of its loss, and those at least so dense."""
    best = best_models(tables, experiment)
    best = best[best["feature_probability"] >= lowest_probability]
    losses = outcome_losses(*place(best))
    lowest, next_lowest = np.sort(losses, axis=0)[:2]
    observed = np.take_along_axis(losses, pd.Categorical(best["outcome"], OUTCOMES).codes[None].astype(int), 0)[0]
    agrees = pd.Series(observed <= lowest * (1 + TIE), index=best.index)
    ahead = next_lowest - lowest >= margin * lowest
    return share_per_seed(best[ahead], agrees[ahead])


def per_seed(models: pd.DataFrame, values):
    return pd.Series(np.asarray(values), index=models.index).groupby(models["seed"])


def boundary_agreement(tables: Tables) -> pd.Series:
    """Share of points at which the closed boundary tells superposition from the rest as the lowest loss does."""
    best = best_models(tables, TWO)
    _, probability, importance = place(best)
    lower, upper = superposed_importances(probability)
    inside = (importance > lower) & (importance < upper)  # nowhere where the boundary is undefined
    return per_seed(best, inside == (find_outcomes(*place(best)) == "superposed")).mean().astype(float)


def loss_ratios(tables: Tables, experiment: str):
    """Expected loss of each best fit over the lowest of the theory's, per seed."""
    best = best_models(tables, experiment)
    return per_seed(best, best["expected_loss"] / outcome_losses(*place(best)).min(0))


def largest_jump(tables: Tables, experiment: str, probability: float = 0.3) -> pd.Series:
    """Largest change of the last feature's norm between neighbouring importances."""
    best = at_probability(best_models(tables, experiment), probability)
    return per_seed(best, best.groupby("seed")["norm"].diff().abs()).max()


def weights_without_bias(tables: Tables, probability: float) -> pd.DataFrame:
    """The two weights of the best fit of each seed, columns 0 and 1."""
    models = of_experiment(tables["models"], UNBIASED)
    best = at_probability(choose_best(models), probability)
    features = of_experiment(tables["features"], UNBIASED).merge(best[KEYS], on=KEYS)
    features = features.assign(weight=features["direction"].str[0].astype(float))
    return features.pivot_table("weight", "seed", "feature")


def product_without_bias(tables: Tables, probability: float) -> pd.Series:
    return weights_without_bias(tables, probability).prod(axis=1, skipna=False)


def difference_without_bias(tables: Tables, probability: float) -> pd.Series:
    weights = weights_without_bias(tables, probability)
    return (weights[0] - weights[1]).abs()


def superposed_area(tables: Tables, experiment: str, coarse: pd.DataFrame) -> pd.Series:
    """Share of points at which the best fit has the last feature in superposition, among the points of `coarse`."""
    best = best_models(tables, experiment)
    at = [np.isclose(best[[key]], np.unique(coarse[key])).any(1) for key in POINT]
    best = best[at[0] & at[1]]
    return per_seed(best, best["outcome"] == "superposed").mean().astype(float)


def largest_difference_in_area(tables: Tables) -> pd.Series:
    """Of another output function's area from the ReLU's, relative to the ReLU's."""
    coarse = of_experiment(tables["models"], OTHER_OUTPUTS[0])
    relu = superposed_area(tables, TWO, coarse)
    areas = pd.DataFrame({name: superposed_area(tables, name, coarse) for name in OTHER_OUTPUTS})
    areas, relu = areas.align(relu, join="inner", axis=0)  # at the seeds of all
    return areas.sub(relu, axis=0).abs().div(relu.where(relu > 0), axis=0).max(axis=1, skipna=False)


FIGURE_TWO, FIGURE_THREE = ("phase_change_two_in_one",), ("phase_change_three_in_two",)

CLAIMS = [
    Claim(
        "T3-a",
        SECTION,
        ELHAGE,
        "In theory two features in one dimension are superposed between two importances that depend on density, "
        "2p / (4 − 5p) and its reciprocal, and nowhere above p = 4/7.",
        (TWO,),
        FIGURE_TWO,
        (
            Part(
                "share of points where this and the lowest of the closed-form losses agree",
                boundary_agreement,
                "=",
                (1,),
                origin="derived",
            ),
        ),
    ),
    Claim(
        "T3-b",
        SECTION,
        ELHAGE,
        "Trained models of two features in one dimension do what the theory says.",
        (TWO,),
        FIGURE_TWO,
        (
            Part("share of points with the theory's outcome", lambda t: agreement(t, TWO), ">=", (0.93,)),
            Part(
                "the same where the theory's best is ahead by a fifth of its loss",
                lambda t: agreement(t, TWO, margin=CLEAR_MARGIN),
                ">=",
                (0.97,),
            ),
        ),
    ),
    Claim(
        "T3-c",
        SECTION,
        ELHAGE,
        "So do models of three features in two dimensions.",
        (THREE,),
        FIGURE_THREE,
        (
            Part("share of points with the theory's outcome", lambda t: agreement(t, THREE), ">=", (0.85,)),
            Part(
                "the same at p ≥ 0.1",
                lambda t: agreement(t, THREE, lowest_probability=0.0999),
                ">=",
                (0.95,),
            ),
        ),
    ),
    Claim(
        "T3-d",
        SECTION,
        "new; a check of the theory",
        "The trained models' losses are a little below those of the theory, whose norms and biases are fixed.",
        (TWO,),
        FIGURE_TWO,
        (
            Part(
                "median over points of the loss relative to the theory's",
                lambda t: loss_ratios(t, TWO).median(),
                "in",
                (0.8, 0.95),
            ),
            Part("its maximum", lambda t: loss_ratios(t, TWO).max(), "<=", (1.1,)),
        ),
    ),
    Claim(
        "T3-e",
        SECTION,
        ELHAGE,
        "The change is of first order: from one importance to the next the last feature appears at nearly full length.",
        (TWO, THREE),
        (*FIGURE_TWO, *FIGURE_THREE),
        tuple(
            Part(
                f"largest jump of its norm at p = 0.3, {name}",
                lambda t, experiment=experiment: largest_jump(t, experiment),
                ">=",
                (0.5,),
            )
            for name, experiment in (("two features", TWO), ("three features", THREE))
        ),
    ),
    Claim(
        "T3c",
        SECTION,
        MCGRATH,
        "Without a bias, dense features of similar importance share one direction, with the same sign; sparse ones are "
        "antipodal.",
        (UNBIASED,),
        ("phase_without_bias",),
        (
            Part("product of the two weights at p = 0.9", lambda t: product_without_bias(t, 0.9), ">", (0,)),
            Part("their difference", lambda t: difference_without_bias(t, 0.9), "<", (0.4,)),
            Part("product of the two weights at p = 0.1", lambda t: product_without_bias(t, 0.1), "<", (0,)),
        ),
    ),
    Claim(
        "T3d",
        SECTION,
        SACHAN,
        "The phase diagram depends on the output function.",
        (TWO, *OTHER_OUTPUTS),
        ("phase_change_outputs",),
        (
            Part(
                "largest difference in the area of superposition from the ReLU's, relative to it",
                largest_difference_in_area,
                ">",
                (0.1,),
            ),
        ),
    ),
]
