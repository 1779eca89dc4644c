"""Claims on neurons that compute absolute values."""

import numpy as np
import pandas as pd

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.privileged_basis import SECTION
from superposition.claims.selections import at_probability, increases, of_best, of_experiment, share_per_seed

SIX, HUNDRED = "absolute_value_three_in_six", "absolute_value_hundred_in_forty"
ARENA = "ARENA 1.5.4, section 2"
PAPER = 'Elhage et al. 2022, "Computation in Superposition"'

EXACT_LOSS = 1e-4
RESPONSE = 0.5  # of |x|: half of what is right
MIXED_RANGE = (0.02, 0.15)  # the probabilities among which neurons of both kinds are sought


def stack(vectors: pd.Series) -> np.ndarray:
    """(rows, n_features) of a column of lists."""
    return np.stack(vectors.to_list())


# --- three features, six neurons ---


def best_six(tables: Tables) -> pd.DataFrame:
    return of_best(of_experiment(tables["neurons"], SIX))


def of_both_signs(neurons: pd.DataFrame, features: range) -> int:
    """Of `features`, those with two monosemantic neurons of one model: one for each sign, both read out as positive."""
    own = neurons[neurons["monosemantic"]]
    signs: dict[int, set] = {feature: set() for feature in features}
    for neuron in own.itertuples():
        feature = neuron.largest_feature
        if feature in signs and neuron.W_out[feature] > 0:
            signs[feature].add(neuron.W_in[feature] > 0)
    return sum(len(found) == 2 for found in signs.values())


def read_out_error(neurons: pd.DataFrame) -> float:
    """The largest |W_2 - 1| of neurons for their feature, each scaled so that its largest |W_1| is 1."""
    W_1, W_2, own = stack(neurons["W_in"]), stack(neurons["W_out"]), neurons["largest_feature"].to_numpy()
    rows = np.arange(len(own))
    return float(np.abs(np.abs(W_1[rows, own]) * W_2[rows, own] - 1).max())


def per_seed(neurons: pd.DataFrame, measure) -> pd.Series:
    return pd.Series({seed: measure(rows) for seed, rows in neurons.groupby("seed")}, dtype=float)


# --- a hundred features, forty neurons ---


def best_hundred(tables: Tables, probability: float) -> pd.DataFrame:
    return at_probability(of_best(of_experiment(tables["neurons"], HUNDRED)), probability)


def monosemantic_share(tables: Tables, probability: float) -> pd.Series:
    """Of the neurons that are alive."""
    alive = best_hundred(tables, probability).query("n_dominant > 0")
    return share_per_seed(alive, alive["monosemantic"])


def count_monosemantic(tables: Tables) -> pd.DataFrame:
    """Monosemantic neurons of the best fits: seeds x probabilities."""
    neurons = of_best(of_experiment(tables["neurons"], HUNDRED))
    return neurons.pivot_table("monosemantic", "seed", "feature_probability", aggfunc="sum")


def over_probabilities(counts: pd.DataFrame, low: float, high: float, extreme: str) -> pd.Series:
    """Per seed the smallest or largest of the columns from `low` to `high`; undefined if there are none."""
    chosen = counts.loc[:, (counts.columns >= low) & (counts.columns <= high)]
    return chosen.agg(extreme, axis=1).astype(float)


def both_shares(tables: Tables) -> pd.DataFrame:
    """The smaller of the shares of monosemantic and polysemantic neurons: seeds x probabilities."""
    neurons = of_best(of_experiment(tables["neurons"], HUNDRED))
    shares = neurons.groupby(["seed", "feature_probability"])[["monosemantic", "polysemantic"]].mean()
    return shares.min(axis=1).unstack()


def most_mixed(tables: Tables) -> pd.DataFrame:
    """The neurons of the best fits at each seed's probability in MIXED_RANGE where both kinds are most common."""
    low, high = MIXED_RANGE
    shares, neurons = both_shares(tables), of_best(of_experiment(tables["neurons"], HUNDRED))
    within = shares.loc[:, (shares.columns >= low) & (shares.columns <= high)]
    chosen = within.idxmax(axis=1) if within.size else {}
    return neurons[neurons["feature_probability"] == neurons["seed"].map(chosen)]


def count_computed(tables: Tables) -> pd.DataFrame:
    """Features of the best fits whose |x| comes out, for both signs: seeds x probabilities."""
    features = of_best(of_experiment(tables["features"], HUNDRED))
    computed = (features["positive_response"] > RESPONSE) & (features["negative_response"] > RESPONSE)
    counts = computed.groupby([features["seed"], features["feature_probability"]]).sum()
    return counts.unstack()


def quartile_difference(neurons: pd.DataFrame) -> float:
    """Share of monosemantic neurons in the quarter with the most important features, minus that in the last quarter.

    A live neuron is as important as the feature of its largest weight.
    """
    alive = neurons[neurons["n_dominant"] > 0].sort_values(["largest_feature", "neuron"])
    quarter = len(alive) // 4
    if quarter == 0:
        return float("nan")
    return alive["monosemantic"].head(quarter).mean() - alive["monosemantic"].tail(quarter).mean()


def median_second_weight(neurons: pd.DataFrame) -> float:
    """Median over polysemantic neurons of the second largest |W_1| over the largest; undefined if there are none."""
    shared = neurons[neurons["polysemantic"]]
    if shared.empty:
        return float("nan")
    weights = np.sort(np.abs(stack(shared["W_in"])), axis=1)
    return float(np.median(weights[:, -2] / weights[:, -1]))


CLAIMS = [
    Claim(
        "T13",
        SECTION,
        PAPER,
        "With two neurons for each feature, |x| is computed exactly: one neuron for x, one for −x.",
        (SIX,),
        ("six_neurons",),
        (
            Part(
                "loss of the best fit",
                lambda t: of_best(of_experiment(t["models"], SIX)).set_index("seed")["loss"],
                "<",
                (1e-5,),
            ),
            Part(
                "monosemantic neurons of the best fit",
                lambda t: best_six(t).groupby("seed")["monosemantic"].sum(),
                "=",
                (6,),
            ),
            Part(
                "features with a neuron for each sign",
                lambda t: per_seed(best_six(t), lambda neurons: of_both_signs(neurons, range(3))),
                "=",
                (3,),
            ),
            Part(
                "largest deviation of a read-out from 1", lambda t: per_seed(best_six(t), read_out_error), "<=", (0.05,)
            ),
            Part(
                "share of restarts with a loss below 0.0001",
                lambda t: share_per_seed(m := of_experiment(t["models"], SIX), m["loss"] < EXACT_LOSS),
                ">=",
                (0.4,),
            ),
        ),
    ),
    Claim(
        "T14-a",
        SECTION,
        PAPER,
        "With dense features nearly every neuron stands for one feature.",
        (HUNDRED,),
        ("computing_neurons",),
        tuple(
            Part(
                f"monosemantic share of the live neurons at p = {p:g}",
                lambda t, p=p: monosemantic_share(t, p),
                ">=",
                (0.95,),
            )
            for p in (1.0, 0.3)
        ),
    ),
    Claim(
        "T14-b",
        SECTION,
        PAPER,
        "The sparser the features, the fewer neurons stand for one feature alone.",
        (HUNDRED,),
        ("computing_neurons", "computing_staircase"),
        (
            Part(
                "fewest monosemantic neurons at p = 0.3 and above",
                lambda t: over_probabilities(count_monosemantic(t), 0.3, 1, "min"),
                ">=",
                (36,),
            ),
            Part(
                "monosemantic neurons at p = 0.03",
                lambda t: best_hundred(t, 0.03).groupby("seed")["monosemantic"].sum(),
                "<=",
                (25,),
            ),
            Part(
                "most monosemantic neurons at p = 0.01 and below",
                lambda t: over_probabilities(count_monosemantic(t), 0, 0.01, "max"),
                "<=",
                (4,),
            ),
            Part(
                "increases of the monosemantic neurons along the sweep",
                lambda t: increases(count_monosemantic(t).sort_index(axis=1, ascending=False)),
                "=",
                (0,),
            ),
        ),
    ),
    Claim(
        "T14-c",
        SECTION,
        PAPER,
        "At some sparsity neurons for one feature and neurons for several live side by side.",
        (HUNDRED,),
        ("computing_neurons", "computing_staircase"),
        (
            Part(
                "share of neurons of the rarer of both kinds, largest for p from 0.02 to 0.15",
                lambda t: over_probabilities(both_shares(t), *MIXED_RANGE, "max"),
                ">=",
                (0.1,),
            ),
        ),
    ),
    Claim(
        "T14-d",
        SECTION,
        PAPER,
        "In superposition the neurons compute more features than they could one at a time.",
        (HUNDRED,),
        ("computing_staircase",),
        (
            Part(
                "features computed for both signs, most for p of 0.03 and below",
                lambda t: over_probabilities(count_computed(t), 0, 0.03, "max"),
                ">",
                (20,),
            ),
        ),
    ),
    Claim(
        "T14-e",
        SECTION,
        PAPER,
        "Where both kinds live side by side, the more important features have the neurons of their own.",
        (HUNDRED,),
        ("computing_neurons",),
        (
            Part(
                "monosemantic share, most minus least important quarter",
                lambda t: per_seed(most_mixed(t), quartile_difference),
                ">",
                (0,),
            ),
        ),
    ),
    Claim(
        "T14-f",
        SECTION,
        PAPER,
        "Neurons that take several features have a primary one and weaker ones beside it.",
        (HUNDRED,),
        ("computing_neurons",),
        (
            Part(
                "median of the second weight over the first",
                lambda t: per_seed(most_mixed(t), median_second_weight),
                "<=",
                (0.7,),
            ),
        ),
    ),
]
