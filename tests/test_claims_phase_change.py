"""The claims on the phase change: tables made from the theory satisfy all of them, and for each part what breaks it."""

import numpy as np
import pandas as pd
import pytest
from claim_checks import check_reproduced, list_parts
from claim_tables import change
from weight_tables import tabulate_weights

from superposition.claims import phase_change
from superposition.claims.judging import judge_claims
from superposition.phase_theory import find_outcomes, outcome_losses

CLAIMS = phase_change.CLAIMS
EXPERIMENTS = {name for claim in CLAIMS for name in claim.experiments}
TWO, THREE, UNBIASED = phase_change.TWO, phase_change.THREE, phase_change.UNBIASED
WEIGHTS = {
    2: {"ignored": [[1.0, 0]], "superposed": [[1.0, -1]], "dedicated": [[0.0, 1]]},
    3: {
        "ignored": [[1.0, 0, 0], [0, 1, 0]],
        "superposed": [[1.0, 0, -1], [0, 1, 0]],
        "dedicated": [[1.0, -1, 0], [0, 0, 1]],
    },
}
PROBABILITIES, IMPORTANCES = np.geomspace(1, 0.01, 13), np.geomspace(0.1, 10, 12)  # importances without a tie at 1


def list_models():
    """(experiment, p, r, expected loss, W) of the best model of each point."""
    for name, n in ((TWO, 2), (THREE, 3), *((name, 2) for name in phase_change.OTHER_OUTPUTS)):
        coarse = 1 if name in (TWO, THREE) else 3
        for p in PROBABILITIES[::coarse]:
            for r in IMPORTANCES[::coarse]:
                outcome = str(find_outcomes(n, p, r)) if coarse == 1 else "superposed"
                yield name, p, r, 0.9 * outcome_losses(n, p, r).min(), np.array(WEIGHTS[n][outcome])
    for p, W in ((0.9, [[-0.7, -0.6]]), (0.5, [[1.0, -1]]), (0.1, [[-1.0, 1]])):
        yield UNBIASED, p, 0.8, 0.1, np.array(W)


def make_tables(seeds=(0, 1, 2)):
    """Two restarts a point; the second is worse in expectation, represents nothing, and won on the few samples held
    out."""
    models = []
    for seed in seeds:
        for point, (experiment, p, r, loss, W) in enumerate(list_models()):
            for restart in (0, 1):
                columns = {"experiment": experiment, "seed": seed, "point": point, "restart": restart}
                columns |= {"feature_probability": p, "last_importance": r, "lowest_loss": restart == 1}
                models.append((columns | {"expected_loss": loss * (1 + restart)}, W * (1 - restart)))
    return tabulate_weights(models)


def judge(tables, available=EXPERIMENTS):
    return judge_claims(CLAIMS, tables, set(available)).set_index(["claim", "part"])


def ignore(experiment, condition):
    """The last feature of the best models where the condition holds is ignored."""
    last = 2 if experiment == THREE else 1
    where = f"experiment == '{experiment}' and restart == 0 and feature == {last} and {condition}"
    return change("features", where, represented=False, norm=0.0)


def set_weight(feature, p, weight):
    where = f"experiment == '{UNBIASED}' and restart == 0 and feature == {feature} and feature_probability == {p}"

    def apply(tables):
        features = tables["features"]
        changed = features.eval(where)
        directions = zip(features["direction"], changed, strict=True)
        features["direction"] = [np.float32([weight]) if other else own for own, other in directions]
        return tables

    return apply


def equalise_outputs(tables):
    """The other output functions represent what the ReLU does."""
    for row in tables["features"].query("experiment in @phase_change.OTHER_OUTPUTS and feature == 1").itertuples():
        if find_outcomes(2, row.feature_probability, row.last_importance) != "superposed":
            tables["features"].at[row.Index, "represented"] = False
    return tables


BREAKING = {
    ("T3-b", 0): ignore(TWO, "feature_probability < 0.02"),
    ("T3-b", 1): ignore(TWO, "feature_probability < 0.011"),
    ("T3-c", 0): ignore(THREE, "feature_probability < 0.04"),
    ("T3-c", 1): ignore(THREE, "0.3 < feature_probability < 0.4"),
    ("T3-d", 0): change("models", f"experiment == '{TWO}'", expected_loss=1e-9),
    ("T3-d", 1): change("models", f"experiment == '{TWO}' and point == 40", expected_loss=1.0),
    ("T3-e", 0): ignore(TWO, "0.3 < feature_probability < 0.4"),
    ("T3-e", 1): ignore(THREE, "0.3 < feature_probability < 0.4"),
    ("T3c", 0): set_weight(0, 0.9, 0.7),
    ("T3c", 1): set_weight(0, 0.9, -1.2),
    ("T3c", 2): set_weight(0, 0.1, 1.0),
    ("T3d", 0): equalise_outputs,
}
THEOREMS = [("T3-a", 0)]  # of formulas alone: no measured table can break them


@pytest.fixture(scope="module")
def satisfying():
    return make_tables()


def copy(tables):
    return {name: table.copy() for name, table in tables.items()}


def test_every_part_has_tables_that_break_it():
    assert [*THEOREMS, *BREAKING] == list_parts(CLAIMS)


@pytest.mark.parametrize("seeds", [(0, 1, 2), (5,)])
def test_satisfying_tables(seeds):
    check_reproduced(judge(make_tables(seeds)), seeds)


@pytest.mark.parametrize(("claim", "part"), BREAKING)
def test_breaking_tables(satisfying, claim, part):
    judged = judge(BREAKING[claim, part](copy(satisfying)))
    assert judged.loc[(claim, part), "verdict"] == "failed"
    assert judged.loc[(claim, part), "n_seeds"] == 3


def test_a_wrong_boundary_is_found_out(satisfying, monkeypatch):
    wrong = lambda p: (np.full_like(p, 0.3), np.full_like(p, 3.0))  # noqa: E731 - shorter than a function
    monkeypatch.setattr(phase_change, "superposed_importances", wrong)
    assert judge(copy(satisfying)).loc[("T3-a", 0), "verdict"] == "failed"


def test_of_two_outcomes_that_tie_either_agrees():
    # n = 2, p = 1, r = 1: to ignore the one feature or the other costs the same; to superpose them, more.
    columns = {"experiment": TWO, "seed": 0, "lowest_loss": True, "feature_probability": 1.0, "last_importance": 1.0}
    for outcome, agrees in (("ignored", 1.0), ("dedicated", 1.0), ("superposed", 0.0)):
        tables = tabulate_weights([(columns | {"point": 0, "expected_loss": 0.1}, np.array(WEIGHTS[2][outcome]))])
        assert phase_change.agreement(tables, TWO).tolist() == [agrees]


def test_outcomes_of_a_feature():
    features = pd.DataFrame(
        {"represented": [False, True, True, True], "interference": [np.nan, 0.0, 0.24, 0.25], "norm": [0, 1, 1, 1]}
    )
    assert phase_change.outcomes(features).tolist() == ["ignored", "dedicated", "dedicated", "superposed"]


def test_areas_are_compared_on_the_coarse_grid(satisfying):
    coarse = satisfying["models"].query("experiment == 'phase_gelu'")
    on_grid = [find_outcomes(2, p, r) == "superposed" for p in PROBABILITIES[::3] for r in IMPORTANCES[::3]]
    relu = phase_change.superposed_area(satisfying, TWO, coarse)
    assert relu.tolist() == pytest.approx([np.mean(on_grid)] * 3)
    difference = phase_change.largest_difference_in_area(satisfying)
    assert difference.tolist() == pytest.approx([1 / np.mean(on_grid) - 1] * 3)


def test_order_of_rows_does_not_matter(satisfying):
    shuffled = {name: table.sample(frac=1, random_state=0) for name, table in satisfying.items()}
    pd.testing.assert_frame_equal(judge(shuffled), judge(satisfying))
