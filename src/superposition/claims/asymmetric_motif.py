"""Claims on how ten neurons compute twenty absolute values, and on the motif of asymmetric superposition."""

import numpy as np
import pandas as pd

from superposition.claims.computation import ARENA, PAPER, of_both_signs, per_seed, stack
from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.privileged_basis import SECTION
from superposition.claims.selections import at_probability, of_best, of_experiment, share_per_seed

TWENTY = "absolute_value_twenty_in_ten"
MOST_IMPORTANT = 3  # features


def share_of_motifs(tables: Tables) -> pd.DataFrame:
    """Share of models with at least one asymmetric motif: seeds x probabilities."""
    neurons = of_experiment(tables["neurons"], TWENTY)
    has_motif = (neurons["inhibitor"] >= 0).groupby(
        [neurons["seed"], neurons["feature_probability"], neurons["instance"]]
    )
    return has_motif.any().groupby(["seed", "feature_probability"]).mean().unstack()


def reciprocity(neurons: pd.DataFrame) -> float:
    """Correlation over polysemantic neurons of log |W_1 ratio| and log |W_2 ratio| of a neuron's two largest features.

    The ratio is of the more important feature to the less important one, in both matrices.
    """
    shared = neurons[neurons["polysemantic"]]
    if shared.empty:
        return float("nan")
    pair = np.sort(shared[["largest_feature", "second_feature"]].to_numpy(), axis=1)
    weights = [np.abs(np.take_along_axis(stack(shared[column]), pair, axis=1)) for column in ("W_in", "W_out")]
    weights = np.stack(weights)[:, (np.stack(weights) > 0).all(axis=(0, 2))].astype(float)  # a zero has no ratio
    if weights.shape[1] < 2:
        return float("nan")
    return float(np.corrcoef(np.log(weights[..., 0] / weights[..., 1]))[0, 1])


def neurons_at(tables: Tables, probability: float) -> pd.DataFrame:
    return at_probability(of_experiment(tables["neurons"], TWENTY), probability)


CLAIMS = [
    Claim(
        "A2.3-a",
        SECTION,
        ARENA,
        "With half as many neurons as features, most neurons still stand for one feature.",
        (TWENTY,),
        ("discrete_neurons",),
        (
            Part(
                "monosemantic share of the neurons of all restarts at p = 0.5",
                lambda t: share_per_seed(n := neurons_at(t, 0.5), n["monosemantic"]),
                ">=",
                (0.6,),
            ),
        ),
    ),
    Claim(
        "A2.3-b",
        SECTION,
        ARENA,
        "The most important features have two neurons of their own, one for each sign.",
        (TWENTY,),
        ("discrete_neurons",),
        (
            Part(
                "of the top three features, those with a neuron for each sign in the best fit at p = 0.5",
                lambda t: per_seed(
                    of_best(neurons_at(t, 0.5)), lambda neurons: of_both_signs(neurons, range(MOST_IMPORTANT))
                ),
                "=",
                (3,),
            ),
        ),
    ),
    Claim(
        "T15-a",
        SECTION,
        PAPER,
        "Models discover asymmetric superposition: a neuron with two unequal features, another that inhibits one.",
        (TWENTY,),
        ("asymmetric_motif",),
        (
            Part(
                "share of models with the motif, at the probability with most of them",
                lambda t: share_of_motifs(t).max(axis=1),
                ">=",
                (0.1,),
            ),
        ),
    ),
    Claim(
        "T15-b",
        SECTION,
        PAPER,
        "What a neuron with two features reads in strongly it reads out weakly.",
        (TWENTY,),
        ("asymmetric_motif",),
        (
            Part(
                "correlation of the logarithms of both ratios over polysemantic neurons",
                lambda t: per_seed(of_experiment(t["neurons"], TWENTY), reciprocity),
                "<=",
                (-0.5,),
            ),
        ),
    ),
]
