"""The claims on the basic results: tables that satisfy all of them, and for each part what breaks it."""

import math

import numpy as np
import pandas as pd
import pytest
from claim_checks import check_reproduced, list_parts
from claim_tables import PENTAGON, change
from weight_tables import tabulate_weights

from superposition.claims import basic_results, demonstration
from superposition.claims.judging import judge_claims

CLAIMS = [*basic_results.CLAIMS, *demonstration.CLAIMS]
EXPERIMENTS = {name for claim in CLAIMS for name in claim.experiments}
DENSITIES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
CROSS = np.array([[1.0, -1, 0, 0, 0], [0, 0, 1, -1, 0]])
FIVE_IN_TWO = {1.0: np.eye(2, 5), 0.2: CROSS, 0.1: np.array(PENTAGON).T}


def pair_up(n_hidden, n_features, count):
    """Axes for the first features; the next `count` - n_hidden are antipodes of the last of those, in turn."""
    W = np.eye(n_hidden, n_features)
    W[n_hidden - 1 - np.arange(count - n_hidden), np.arange(n_hidden, count)] = -1
    return W


def scatter(n_hidden, n_features, count):
    """The first `count` features in unrelated directions."""
    W = np.zeros((n_hidden, n_features))
    W[:, :count] = np.random.default_rng(0).normal(size=(n_hidden, count))
    return W / np.maximum(np.linalg.norm(W, axis=0), 1e-12)


def list_models():
    """(experiment, probability, W) of the models, whose restarts are alike."""
    for name, sparse in (("intro_five_in_two", FIVE_IN_TWO[0.1]), ("intro_steep_importance", CROSS)):
        yield from ((name, p, W) for p, W in (FIVE_IN_TWO | {0.1: sparse}).items())
    for name, scale in (("twenty_in_five", 1), ("eighty_in_twenty", 4)):
        for p, count in zip(DENSITIES, (5, 8, 10, 11, 12, 13, 14), strict=True):
            arrange = pair_up if p > 0.05 else scatter
            yield name, p, arrange(5 * scale, 20 * scale, count * scale)
    yield from (("twenty_in_five_linear", p, np.eye(5, 20)) for p in DENSITIES)
    yield from (("eighty_in_twenty_linear", p, np.eye(20, 80)) for p in DENSITIES)
    for p, count in zip(np.geomspace(1, 0.05, 10), (20, 21, 24, 30, 36, 40, 43, 44, 48, 53), strict=True):
        yield "hundred_in_twenty", p, pair_up(20, 100, 20) if p == 1 else scatter(20, 100, count)


def make_tables(seeds=(0, 1, 2)):
    models = []
    for seed in seeds:
        for experiment, p, W in list_models():
            for restart in range(5):
                columns = {"experiment": experiment, "seed": seed, "feature_probability": p, "restart": restart}
                bias = np.where(np.linalg.norm(W, axis=0) > 0, 0.01, p / 2)
                models.append((columns | {"lowest_loss": restart == 0, "bias": bias}, W))
    models.append((models[0][0] | {"experiment": "decoy"}, np.full((2, 5), 9.0)))
    return tabulate_weights(models)


def judge(tables, available=EXPERIMENTS):
    return judge_claims(CLAIMS, tables, set(available)).set_index(["claim", "part"])


def where(experiment, p=None, best=False, rest=""):
    conditions = [f"experiment == '{experiment}'", rest, "lowest_loss" if best else ""]
    conditions += [f"abs(feature_probability - {p}) < 1e-9"] if p else []
    return " and ".join(filter(None, conditions))


HUNDRED, INTRO, RELU, LINEAR = "hundred_in_twenty", "intro_five_in_two", "twenty_in_five", "twenty_in_five_linear"
AXES = {i: np.eye(5, dtype=np.float32)[i] for i in range(5)}

BREAKING = {
    ("A1.2-a", 0): change("models", where(HUNDRED, 1.0), n_represented=22),
    ("A1.2-a", 1): change("models", where(HUNDRED, 1.0), n_superposed=3),
    ("A1.2-b", 0): change("models", where(HUNDRED, rest="0.1 < feature_probability < 0.3"), n_represented=20),
    ("A1.2-b", 1): change("models", where(HUNDRED, 0.05), n_represented=44),
    ("A1.2-c", 0): change("models", where(HUNDRED, 0.05), n_superposed=40),
    ("A1.2-d", 0): change("models", where(HUNDRED, 0.05, rest="seed == 1"), rank=21),
    ("T1-a", 0): change("models", where(INTRO, 1.0, best=True), n_represented=3),
    ("T1-a", 1): change("features", where(INTRO, 1.0, best=True, rest="seed == 1 and feature == 1"), represented=False),
    ("T1-b", 0): change("models", where(INTRO, 0.2, best=True), n_represented=5),
    ("T1-b", 1): change("models", where(INTRO, 0.2, best=True), n_antipodal_pairs=1),
    ("T1-b", 2): change("features", where(INTRO, 0.2, best=True, rest="feature == 4"), represented=True),
    ("T1-b", 3): change("features", where(INTRO, 0.2, rest="restart > 2 and feature == 4"), represented=True),
    ("T1-c", 0): change("models", where(INTRO, 0.1, best=True), n_represented=4),
    ("T1-c", 1): change("models", where(INTRO, 0.1, best=True), gap_deviation=13.0),
    ("T1-steep", 0): change("models", where("intro_steep_importance", 0.1, best=True), n_represented=5),
    ("T2-a", 0): change("features", where(LINEAR, 0.1, rest="restart == 2 and feature == 5"), represented=True),
    ("T2-a", 1): change("models", where(LINEAR, 0.1, rest="restart == 2"), frobenius_norm_squared=4.8),
    ("T2-a", 2): change("features", where(LINEAR, 0.1, rest="restart == 2 and feature == 3"), interference=0.03),
    ("T2-a", 3): change("features", where("eighty_in_twenty_linear", 0.1, rest="feature == 19"), represented=False),
    ("T2-b", 0): change("models", where(RELU, 1.0, best=True), n_represented=6),
    ("T2-b", 1): change("features", where(RELU, 1.0, best=True, rest="feature == 6"), represented=True),
    ("T2-b", 2): change("features", where(RELU, 1.0, best=True, rest="feature == 6"), direction=AXES[0] / 10),
    ("T2-c", 0): change("features", where(RELU, 1.0, best=True, rest="feature == 3"), bias=-0.03),
    ("T2-c", 1): change("features", where(RELU, 1.0, best=True, rest="feature == 9"), bias=0.4),
    ("T2-c", 2): change("features", where(RELU, 1.0, best=True, rest="feature == 9"), bias=0.6),
    **{
        ("T2-d", part): change("models", where(RELU, p, best=True), n_represented=most + 1)
        for part, (p, (_, most)) in enumerate(demonstration.REPRESENTED.items())
    },
    ("T2-d", 7): change("models", where(RELU, rest="feature_probability < 0.05"), n_represented=8),
    ("T2-e", 0): change("features", where(RELU, 0.3, rest="restart > 2 and feature == 1"), interference=0.1),
    ("T2-e", 1): change("models", where(RELU, 0.003, rest="restart == 3"), n_superposed=12),
    ("T2-f", 0): change("features", where(RELU, 0.3, rest="feature == 4"), direction=AXES[0]),
    ("T2-f", 1): change("features", where(RELU, 0.1, rest="feature in (3, 4)"), direction=AXES[0]),
    ("T2-f", 2): change("features", where(RELU, 0.003, rest="feature not in (0, 1)"), superposed=False),
    ("T2-f", 3): change("features", where(RELU, 0.001, rest="feature not in (0, 1)"), superposed=False),
    ("T2-g", 0): change("models", where("eighty_in_twenty", 0.003), n_represented=60),
}


def make_antipodal(tables, p):
    """Features 0 and 1 antipodal, in every model."""
    rows = where(RELU, p)
    change("features", f"{rows} and feature == 0", direction=AXES[0])(tables)
    return change("features", f"{rows} and feature == 1", direction=-AXES[0])(tables)


def break_part(claim, part, tables):
    if (claim, part) in (("T2-f", 2), ("T2-f", 3)):
        tables = make_antipodal(tables, {2: 0.003, 3: 0.001}[part])
    return BREAKING[claim, part](tables)


@pytest.fixture(scope="module")
def satisfying():
    return make_tables()


def copy(tables):
    return {name: table.copy() for name, table in tables.items()}


def test_every_part_has_tables_that_break_it():
    assert list(BREAKING) == list_parts(CLAIMS)


@pytest.mark.parametrize("seeds", [(0, 1, 2), (5,)])
def test_satisfying_tables(seeds):
    check_reproduced(judge(make_tables(seeds)), seeds)


@pytest.mark.parametrize(("claim", "part"), BREAKING)
def test_breaking_tables(satisfying, claim, part):
    judged = judge(break_part(claim, part, copy(satisfying)))
    assert judged.loc[(claim, part), "verdict"] == "failed"
    # what it says of other experiments stays as it is
    own = set(judged.loc[(claim, part), "experiments"].split())
    others = [not own & set(experiments.split()) for experiments in judged["experiments"]]
    assert (judged.loc[others, "verdict"] == "reproduced").all()


def test_order_of_rows_does_not_matter(satisfying):
    shuffled = {name: table.sample(frac=1, random_state=0) for name, table in satisfying.items()}
    pd.testing.assert_frame_equal(judge(shuffled), judge(satisfying))


def test_values_by_hand(satisfying):
    judged = judge(satisfying)["value"]
    assert judged["A1.2-b", 0] == pytest.approx(1)
    assert judged["T2-c", 1] == pytest.approx(0.5)
    assert judged["T2-f", 0] == 1
    assert judged["T2-g", 0] == 0
    tables = change("models", where("eighty_in_twenty", 0.003), n_represented=62)(copy(satisfying))
    assert judge(tables).loc[("T2-g", 0), "value"] == pytest.approx(62 / 20 - 13 / 5)


def test_a_model_that_represents_nothing_counts(satisfying):
    nothing = change("features", where(RELU, 0.1), represented=False, superposed=False)(copy(satisfying))
    assert judge(nothing).loc[("T2-f", 1), "verdict"] == "not measured"  # no feature that could have an antipode
    empty = change("models", where(HUNDRED, 1.0), n_represented=0, n_superposed=0)(copy(satisfying))
    assert judge(empty).loc[("A1.2-a", 1), "verdict"] == "not measured"
    assert math.isnan(judge(empty).loc[("A1.2-a", 1), "value"])


def test_claims_without_their_experiments_are_not_measured(satisfying):
    judged = judge(satisfying, available=EXPERIMENTS - {RELU})
    skipped = set(judged[judged["verdict"] == "not measured"].index.get_level_values("claim"))
    assert skipped == {claim.id for claim in CLAIMS if RELU in claim.experiments}
