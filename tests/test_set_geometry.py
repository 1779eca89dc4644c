"""Sets of features on matrices whose cosines, dimensionalities and angles are known by hand."""

import math

import numpy as np
import pytest
import torch
from builders import check_schema, toy_model
from test_toy_model_measurement import NO_HISTORY

from superposition.features import SparseSamples
from superposition.set_geometry import (
    angle_to_set_sums,
    count_directions,
    describe_set,
    smallest_cosine_within,
)
from superposition.toy_model_measurement import measure_toy_models

FIRST, SECOND = slice(0, 2), slice(2, 4)
HALF = math.sqrt(0.5)
# Features 0 and 1 at right angles, 2 opposite to 0, 3 between 0 and 1 with length 2.
W = torch.tensor([[1.0, 0.0, -1.0, 2 * HALF], [0.0, 1.0, 0.0, 2 * HALF]])


def test_a_set_by_hand():
    first, second = describe_set(W, FIRST), describe_set(W, SECOND)
    assert (first["min_cosine"], first["max_cosine"], first["mean_abs_cosine"]) == pytest.approx((0, 0, 0))
    assert second["min_cosine"] == second["max_cosine"] == pytest.approx(-HALF)
    # With the others: 0 has -1 and sqrt(1/2), 1 has 0 and sqrt(1/2)
    assert first["mean_abs_cosine_across"] == pytest.approx((1 + 2 * HALF) / 4)
    assert first["weakest_opposition"] == pytest.approx(0)  # feature 1 opposes nothing
    assert second["weakest_opposition"] == pytest.approx(HALF)  # nor does 3: its smallest cosine is sqrt(1/2)
    assert first["local_dimensionality"] == pytest.approx(2)
    # D_2 = 1 / (1 + 2), D_3 = 4 / (4 + 1/2)
    assert second["local_dimensionality"] == pytest.approx(1 / 3 + 8 / 9)
    assert (second["min_norm"], second["max_norm"]) == pytest.approx((1, 2))


def test_a_set_of_every_feature_has_nothing_across():
    described = describe_set(W, slice(0, 4))
    assert math.isnan(described["mean_abs_cosine_across"])
    assert math.isnan(described["weakest_opposition"])


def test_an_absent_member_has_no_cosine():
    described = describe_set(W * torch.tensor([1.0, 0.0, 1.0, 1.0]), FIRST)
    assert math.isnan(described["min_cosine"])
    assert math.isnan(described["weakest_opposition"])
    assert described["min_norm"] == 0


def test_smallest_cosine_of_all_sets():
    stack = torch.stack([W, W[:, [0, 3, 1, 3]]])
    # Of the second: 0 and 3 at 45 degrees, 1 and 3 too
    assert smallest_cosine_within(stack, [FIRST, SECOND]).tolist() == pytest.approx([-HALF, HALF])
    assert smallest_cosine_within(stack, []).isnan().tolist() == [True, True]


def test_directions_are_counted_above_a_tenth_of_the_largest():
    values = torch.tensor([[1.0, 0.5, 0.2], [1.0, 0.101, 0.099], [2.0, 0.1, 0.1], [0.0, 0.0, 0.0]])
    assert count_directions(torch.diag_embed(values)).tolist() == [3, 2, 1, 0]


def test_angle_between_rows_and_sums_of_sets():
    sums = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.3, 0.3, -1.0, -1.0]])
    assert angle_to_set_sums(sums, [FIRST, SECOND]) == pytest.approx(0, abs=1e-5)
    # One row is a difference within a set: orthogonal to all sums
    assert angle_to_set_sums(torch.tensor([[1.0, -1.0, 0.0, 0.0]]), [FIRST, SECOND]) == pytest.approx(90)
    # (1, 0) makes 45 degrees with (1, 1)
    assert angle_to_set_sums(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), [FIRST, SECOND]) == pytest.approx(45)
    # The larger of the two angles counts
    both = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    assert angle_to_set_sums(both, [FIRST, SECOND]) == pytest.approx(45)


def test_angle_is_undefined_where_sets_leave_features_out_or_nothing_is_represented():
    assert math.isnan(angle_to_set_sums(W, [FIRST]))
    assert math.isnan(angle_to_set_sums(W, []))
    assert math.isnan(angle_to_set_sums(torch.zeros(2, 4), [FIRST, SECOND]))


# Features 0 and 1 correlated, 2 and 3 anticorrelated, 4 alone.
MIXED = {"correlated_sets": 1, "anticorrelated_sets": 1, "feature_probability": 0.3}
X = torch.tensor(
    [[0.5, 0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5, 0.0]]
)


@pytest.fixture(scope="module")
def mixed():
    matrix = torch.cat([W, torch.tensor([[0.0], [-1.0]])], dim=1)
    parameters = {"W": matrix.repeat(2, 1, 1), "b_final": torch.zeros(2, 5)}
    experiment = toy_model(features=MIXED)
    return measure_toy_models("mixed", experiment, 7, parameters, SparseSamples.from_dense(X[None]), NO_HISTORY)


def test_table_of_sets(mixed):
    sets = check_schema(mixed["sets"], "sets")
    assert sets["set"].tolist() == [0, 1, 0, 1]
    assert sets["correlated"].tolist() == [True, False] * 2
    assert sets["min_cosine"].tolist() == pytest.approx([0, -HALF] * 2)
    assert sets["instance"].tolist() == [0, 0, 1, 1]
    assert math.isnan(check_schema(mixed["models"], "models")["angle_to_set_sums"][0])


def test_presence_of_features_and_their_partners(mixed):
    features = check_schema(mixed["features"], "features")
    assert features["fraction_present"].tolist()[:5] == [0.5, 0.5, 0.5, 0.5, 0]
    # 0 and 1 always together, 2 and 3 in one of their two samples each, 4 has no partner
    np.testing.assert_array_equal(features["partner_present"][:5], [1, 1, 0.5, 0.5, np.nan])


def test_no_sets_no_rows():
    parameters = {"W": W[:, [0, 1, 2, 3, 0]].repeat(2, 1, 1), "b_final": torch.zeros(2, 5)}
    experiment = toy_model(features={"feature_probability": 0.3})
    tables = measure_toy_models("alone", experiment, 7, parameters, SparseSamples.from_dense(X[None]), NO_HISTORY)
    assert len(check_schema(tables["sets"], "sets")) == 0
    assert check_schema(tables["features"], "features")["partner_present"].isna().all()


def test_hidden_samples_hold_their_features(mixed):
    samples = check_schema(mixed["hidden_samples"], "hidden_samples")
    np.testing.assert_array_equal(np.stack(samples["x"]), X[[0, 1, 3]])
