"""How verdicts are given, and the selections that claims are made of."""

import math

import numpy as np
import pandas as pd
import pytest

from superposition.claims.judging import Claim, Part, find_verdict, judge_claims, judge_whole
from superposition.claims.nonprivileged_basis import antipodal_rays, deviation_from_right_angle, distinct_rays
from superposition.claims.selections import at_probability, is_pentagon, share_per_seed

NAN = float("nan")


def judge_values(values, relation, threshold):
    part = Part(
        "quantity", lambda tables: pd.Series(values, index=range(len(values)), dtype=float), relation, threshold
    )
    claim = Claim("X", "section", "source", "sentence", (), (), (part,))
    return judge_claims([claim], {}, set()).iloc[0]


@pytest.mark.parametrize(
    ("values", "relation", "threshold", "expected"),
    [
        ([1, 1, 1, 1, 0], ">=", (0.7,), "borderline"),  # the mean is .8, and some resamples have means of .6
        ([1, 1, 1, 1, 0], ">=", (0.9,), "failed"),
        ([1, 1, 1, 1, 1], ">=", (0.9,), "reproduced"),
        ([0.8] * 6, ">=", (0.8,), "reproduced"),  # although their mean is 0.7999999999999999
        ([0.7] * 7, "<=", (0.7,), "reproduced"),  # 0.7000000000000001
        ([0.8] * 6, "in", (0.8, 1.0), "reproduced"),
        ([0.8] * 6, ">", (0.8,), "failed"),
        ([2, 2, 2], "=", (2,), "reproduced"),
        ([1, 2, 3], "=", (2,), "borderline"),
        ([3, 3, 3], "=", (2,), "failed"),
        ([0.5], "<", (0.6,), "reproduced"),
        ([0.6], "<", (0.6,), "failed"),
        ([NAN, 1, 1], ">", (0,), "not measured"),
        ([math.inf, 1, 1], ">", (0,), "not measured"),
        ([], ">", (0,), "not measured"),
    ],
)
def test_verdicts(values, relation, threshold, expected):
    assert judge_values(values, relation, threshold)["verdict"] == expected


@pytest.mark.parametrize(
    ("relation", "threshold", "inside", "outside"),
    [
        ("<", (1.0,), [0.999], [1.0, 1.001]),
        ("<=", (1.0,), [0.999, 1.0], [1.001]),
        (">", (1.0,), [1.001], [1.0, 0.999]),
        (">=", (1.0,), [1.001, 1.0], [0.999]),
        ("=", (1.0,), [1.0, 1 + 1e-12], [0.999, 1.001]),
        ("in", (1.0, 2.0), [1.0, 1.5, 2.0], [0.999, 2.001]),
    ],
)
def test_relations(relation, threshold, inside, outside):
    part = Part("quantity", lambda tables: None, relation, threshold)
    for value in inside:
        assert find_verdict(part, value, value, value) == "reproduced"
        assert find_verdict(part, value, NAN, NAN) == "reproduced"
        for beyond in outside:
            assert find_verdict(part, value, *sorted((value, beyond))) == "borderline"
    for value in outside:
        assert find_verdict(part, value, *sorted((value, inside[0]))) == "failed"


def test_interval_is_that_of_the_mean_and_repeats():
    row = judge_values([1, 2, 3, 4], ">", (0,))
    assert row["value"] == 2.5
    assert 1 < row["low"] < 2.5 < row["high"] < 4
    assert row.equals(judge_values([1, 2, 3, 4], ">", (0,)))


def test_two_values_of_one_seed_are_refused():
    part = Part("quantity", lambda tables: pd.Series([1.0, 2.0], index=[0, 0]), ">", (0,))
    claim = Claim("X", "section", "source", "sentence", (), (), (part,))
    with pytest.raises(ValueError, match=r"claim X, part 0 \(quantity\): a seed has more than one value"):
        judge_claims([claim], {}, set())


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        (["reproduced", "reproduced"], "reproduced"),
        (["reproduced", "borderline"], "borderline"),
        (["borderline", "not measured"], "not measured"),
        (["not measured", "failed", "reproduced"], "failed"),
    ],
)
def test_claim_is_as_good_as_its_worst_part(verdicts, whole):
    assert judge_whole(pd.Series(verdicts)) == whole


@pytest.mark.parametrize(
    "wrong",
    [
        {"relation": "~"},
        {"origin": "guessed"},
        {"threshold": (1.0, 2.0)},
        {"relation": "in", "threshold": (1.0,)},
    ],
)
def test_malformed_parts_are_refused(wrong):
    with pytest.raises(ValueError, match=r"^quantity: "):
        Part(**({"quantity": "quantity", "measure": len, "relation": "<", "threshold": (1.0,)} | wrong))


# Selections


def test_nearest_probability():
    table = pd.DataFrame({"feature_probability": [1.0, 0.5, 0.24, 0.26, 0.0], "row": range(5)})
    for wanted, row in [(1.0, [0]), (0.9, [0]), (0.55, [1]), (0.25, [3]), (0.7, []), (0.01, [])]:
        assert at_probability(table, wanted)["row"].tolist() == row


def test_share_of_each_seed():
    table = pd.DataFrame({"seed": [3, 3, 3, 3, 8], "value": [1, 2, 3, 4, 5]})
    assert share_per_seed(table, table["value"] > 3).to_dict() == {3: 0.25, 8: 1.0}


def test_pentagons():
    models = pd.DataFrame({"n_represented": [5, 5, 4, 5], "gap_deviation": [11.9, 12.0, 1.0, NAN]})
    assert is_pentagon(models).tolist() == [True, False, False, False]


def rays_of(*directions):
    rows = [
        {"importance": 0.9**i, "represented": math.hypot(*d) > 0.5, "direction": np.float32(d)}
        for i, d in enumerate(directions)
    ]
    return pd.DataFrame(rows)


def test_rays_by_hand():
    # The last two share the first's ray or are too short; the axes are 100 degrees apart, 10 off a right angle.
    tilted = (math.cos(math.radians(100)), math.sin(math.radians(100)))
    features = rays_of((1, 0), (-2, 0), tilted, (0.6, 0.01), (0.3, 0.3))
    assert len(distinct_rays(features)) == 3
    assert antipodal_rays(features) == 1
    assert deviation_from_right_angle(features) == pytest.approx(10, abs=1e-3)


def test_no_rays_at_all():
    features = rays_of((0.1, 0), (0, 0.1))
    assert distinct_rays(features).shape == (0, 2)
    assert antipodal_rays(features) == 0
