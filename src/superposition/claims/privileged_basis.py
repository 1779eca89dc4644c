"""Claims on superposition in a privileged basis: hidden units with a ReLU, that is, neurons."""

import numpy as np
import pandas as pd

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import at_probability, increases, of_best, of_experiment

SECTION = "privileged_basis"
NEURONS, DIRECTIONS, BIASED = "neurons_ten_in_five", "directions_ten_in_five", "biased_neurons_ten_in_five"
ARENA = "ARENA 1.5.4, section 2"
PAPER = 'Elhage et al. 2022, "Superposition in a Privileged Basis"'
OLDER_ARENA = "ARENA 2.0, chapter on superposition"

DENSE, CODED = 0.75, 0.35
SWEEP = (0.75, 0.35, 0.15, 0.10, 0.06, 0.02, 0.01)  # of ARENA
MONOSEMANTIC = (5, 3, 2, 1, 0, 0, 0)
REPRESENTED = (5, 6, 7, 7, 8, 10, 10)
MIXED = (0.35, 0.15, 0.10)
CROWDED = (0.06, 0.04, 0.02, 0.01)  # where the paper has no monosemantic neuron left
CODE_WEIGHT = 0.4


def best_neurons(tables: Tables, experiment: str = NEURONS) -> pd.DataFrame:
    return of_best(of_experiment(tables["neurons"], experiment))


def count_best(tables: Tables, column: str, probabilities: tuple[float, ...]) -> pd.DataFrame:
    """Neurons of the best fit for which `column` holds: seeds x probabilities, those that were trained."""
    neurons = best_neurons(tables)
    counts = {p: at_probability(neurons, p).groupby("seed")[column].sum() for p in probabilities}
    return pd.DataFrame({p: values for p, values in counts.items() if len(values)}, columns=probabilities)


def represented_by_best(tables: Tables, probabilities: tuple[float, ...]) -> pd.DataFrame:
    """Features that the best fit represents: seeds x probabilities."""
    models = of_best(of_experiment(tables["models"], NEURONS))
    counts = {p: at_probability(models, p).set_index("seed")["n_represented"] for p in probabilities}
    return pd.DataFrame(counts, columns=probabilities)


def largest_deviation(counts: pd.DataFrame, expected: tuple[int, ...]) -> pd.Series:
    return (counts - list(expected)).abs().max(axis=1, skipna=False)


def count_at(tables: Tables, column: str, probability: float) -> pd.Series:
    return count_best(tables, column, (probability,))[probability]


def monosemantic_of(tables: Tables, experiment: str) -> pd.Series:
    return best_neurons(tables, experiment).groupby("seed")["monosemantic"].sum()


def fewest_of_kinds(tables: Tables, experiment: str) -> pd.Series:
    """The smaller of the numbers of monosemantic and of polysemantic neurons."""
    return best_neurons(tables, experiment).groupby("seed")[["monosemantic", "polysemantic"]].sum().min(axis=1)


def beats_rotations(tables: Tables, experiment: str) -> pd.Series:
    """Per seed, whether the best dense fit is more aligned than 99 of 100 rotations of it."""
    best = at_probability(of_best(of_experiment(tables["models"], experiment)), DENSE).set_index("seed")
    known = best[["basis_alignment", "rotated_alignment"]].notna().all(axis=1)
    return (best["basis_alignment"] > best["rotated_alignment"]).astype(float).where(known)


def alignment_of_best(tables: Tables) -> pd.Series:
    best = at_probability(of_best(of_experiment(tables["models"], NEURONS)), DENSE)
    return best.set_index("seed")["basis_alignment"]


def is_binary_code(neurons: pd.DataFrame) -> float:
    """Whether one model has two polysemantic neurons that host three features, like 01, 10 and 11.

    Exactly one feature has a weight above 0.4 in both, and each of the two neurons has exactly one more. Negative
    weights do not count: they keep a neuron silent.
    """
    shared = neurons[neurons["polysemantic"]]
    if len(shared) != 2:
        return 0.0
    uses = np.stack(shared["W_in"].to_list()) > CODE_WEIGHT
    return float((uses.sum(0) == 2).sum() == 1 and (uses.sum(1) == 2).all())


def has_binary_code(tables: Tables) -> pd.Series:
    groups = at_probability(best_neurons(tables), CODED).groupby("seed")
    return pd.Series({seed: is_binary_code(neurons) for seed, neurons in groups}, dtype=float)


def monosemantic_part(probability: float, relation: str, threshold: tuple[float, ...]) -> Part:
    return Part(
        f"monosemantic neurons of the best fit at p = {probability:g}",
        lambda t: count_at(t, "monosemantic", probability),
        relation,
        threshold,
    )


def represented_part(probability: float, relation: str, threshold: tuple[float, ...]) -> Part:
    return Part(
        f"features represented by the best fit at p = {probability:g}",
        lambda t: represented_by_best(t, (probability,))[probability],
        relation,
        threshold,
    )


CLAIMS = [
    Claim(
        "A2.1-a",
        SECTION,
        ARENA,
        "With dense features every neuron stands for one feature.",
        (NEURONS,),
        ("neurons_by_probability", "neuron_staircase"),
        (monosemantic_part(DENSE, "=", (5,)),),
    ),
    Claim(
        "A2.1-b",
        SECTION,
        ARENA,
        "As features become sparse, fewer and fewer neurons stand for one feature alone, until none does.",
        (NEURONS,),
        ("neurons_by_probability", "neuron_staircase"),
        (
            Part(
                "largest deviation of the monosemantic neurons from 5, 3, 2, 1, 0, 0, 0",
                lambda t: largest_deviation(count_best(t, "monosemantic", SWEEP), MONOSEMANTIC),
                "<=",
                (1,),
            ),
            Part("increases along the sweep", lambda t: increases(count_best(t, "monosemantic", SWEEP)), "=", (0,)),
        ),
    ),
    Claim(
        "A2.1-c",
        SECTION,
        ARENA,
        "In between, neurons that stand for one feature live beside neurons that stand for several.",
        (NEURONS,),
        ("neurons_by_probability", "neuron_staircase"),
        (
            Part(
                "fewest monosemantic neurons at p = 0.35, 0.15, 0.1",
                lambda t: count_best(t, "monosemantic", MIXED).min(axis=1, skipna=False),
                ">=",
                (1,),
            ),
            Part(
                "fewest polysemantic neurons at p = 0.35, 0.15, 0.1",
                lambda t: count_best(t, "polysemantic", MIXED).min(axis=1, skipna=False),
                ">=",
                (2,),
            ),
        ),
    ),
    Claim(
        "A2.1-d",
        SECTION,
        ARENA,
        "The sparser the features, the more of them the five neurons represent: from five to all ten.",
        (NEURONS,),
        ("neurons_by_probability", "neuron_staircase"),
        (
            Part(
                "largest deviation of the features represented from 5, 6, 7, 7, 8, 10, 10",
                lambda t: largest_deviation(represented_by_best(t, SWEEP), REPRESENTED),
                "<=",
                (1,),
            ),
        ),
    ),
    Claim(
        "A2.1-e",
        SECTION,
        OLDER_ARENA,
        "As many features as neurons: one each. With more features some neurons take several, and some keep to one.",
        ("neurons_five_in_five", "neurons_six_in_five", "neurons_eight_in_five"),
        ("more_features_than_neurons",),
        (
            Part(
                "monosemantic neurons of the best fit, five features",
                lambda t: monosemantic_of(t, "neurons_five_in_five"),
                "=",
                (5,),
            ),
            Part(
                "fewer of monosemantic and polysemantic neurons, six features",
                lambda t: fewest_of_kinds(t, "neurons_six_in_five"),
                ">=",
                (1,),
            ),
            Part(
                "fewer of monosemantic and polysemantic neurons, eight features",
                lambda t: fewest_of_kinds(t, "neurons_eight_in_five"),
                ">=",
                (1,),
            ),
        ),
    ),
    Claim(
        "T12-a",
        SECTION,
        PAPER,
        "A ReLU on the hidden layer makes features line up with neurons; without it they point anywhere.",
        (NEURONS, DIRECTIONS),
        ("basis_alignment",),
        (
            Part("alignment of the best dense fit with the neurons", alignment_of_best, ">=", (0.95,)),
            Part(
                "share of seeds where neurons beat 99 % of rotations",
                lambda t: beats_rotations(t, NEURONS),
                ">=",
                (0.8,),
            ),
            Part(
                "share of seeds where linear hidden units do",
                lambda t: beats_rotations(t, DIRECTIONS),
                "<=",
                (0.2,),
            ),
        ),
    ),
    Claim(
        "T12-b",
        SECTION,
        PAPER,
        "The best fits pass from monosemantic to polysemantic neurons one neuron at a time.",
        (NEURONS,),
        ("neurons_by_probability", "neuron_staircase"),
        (
            monosemantic_part(DENSE, ">=", (4,)),
            monosemantic_part(0.35, "in", (2, 4)),
            monosemantic_part(0.15, "in", (1, 3)),
            monosemantic_part(0.12, "in", (0, 2)),
            Part(
                "most monosemantic neurons of the best fits at p = 0.06 and below",
                lambda t: count_best(t, "monosemantic", CROWDED).max(axis=1, skipna=False),
                "=",
                (0,),
            ),
        ),
    ),
    Claim(
        "T12-c",
        SECTION,
        PAPER,
        "The best fits represent five, six, then up to all ten features.",
        (NEURONS,),
        ("neurons_by_probability", "neuron_staircase"),
        (
            represented_part(DENSE, "=", (5,)),
            represented_part(0.35, "=", (6,)),
            represented_part(0.15, "in", (6, 8)),
            represented_part(0.12, "in", (6, 8)),
            represented_part(0.06, "in", (7, 9)),
            represented_part(0.04, "in", (9, 11)),
        ),
    ),
    Claim(
        "T12-d",
        SECTION,
        PAPER,
        "The first neurons to be shared are two that store three features as a binary code.",
        (NEURONS,),
        ("neurons_by_probability",),
        (Part("share of seeds whose best fit at p = 0.35 has the code", has_binary_code, ">=", (0.8,)),),
    ),
    Claim(
        "T12-e",
        SECTION,
        PAPER,
        "Given a bias, neurons move to where their ReLU is linear, and the basis is no longer privileged.",
        (BIASED,),
        ("biased_neurons",),
        (
            Part(
                "median hidden bias of the best fits",
                lambda t: best_neurons(t, BIASED).groupby("seed")["bias"].median(),
                ">",
                (0,),
            ),
            Part(
                "mean share of samples on which a neuron of the best fits is active",
                lambda t: best_neurons(t, BIASED).groupby("seed")["fraction_active"].mean(),
                ">=",
                (0.9,),
            ),
            Part(
                "share of seeds where the best dense fit beats 99 % of rotations",
                lambda t: beats_rotations(t, BIASED),
                "<=",
                (0.2,),
            ),
        ),
    ),
]
