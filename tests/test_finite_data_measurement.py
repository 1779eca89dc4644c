"""The tables of experiments on finite data, against models that are built by hand."""

import math

import numpy as np
import pytest
import torch
from builders import check_schema, finite_data
from test_finite_data import memorise

from superposition import geometry, toy_models
from superposition.features import SparseSamples
from superposition.finite_data import full_batch_loss, to_dense
from superposition.finite_data_measurement import encode, measure_finite_data, measure_model, measure_training_loss
from superposition.finite_data_runs import sample_data_sets
from superposition.kernels.full_batch import evaluate_loss
from superposition.toy_models import initialise


def polygon(count, radius=1.0):
    angles = 2 * torch.pi * torch.arange(count, dtype=torch.float64) / count
    return radius * torch.stack([angles.cos(), angles.sin()])


def test_samples_on_a_heptagon():
    measured = measure_model(polygon(5), polygon(7, 0.5))
    assert measured["median_point_dimensionality"] == pytest.approx(2 / 7)
    assert measured["variation_of_point_dimensionality"] == pytest.approx(0, abs=1e-9)
    assert measured["radius_ratio"] == pytest.approx(1)
    assert measured["point_gap_deviation"] == pytest.approx(0, abs=1e-9)


def test_samples_off_the_heptagon():
    hidden = polygon(7)
    hidden[:, 0] *= 2
    measured = measure_model(polygon(5), hidden)
    assert measured["radius_ratio"] == pytest.approx(2)
    assert measured["variation_of_point_dimensionality"] > 0.1
    measured = measure_model(polygon(5), torch.cat([polygon(7), torch.zeros(2, 1)], dim=1))
    assert np.isnan(measured["radius_ratio"])
    assert measured["point_gap_deviation"] == pytest.approx(0, abs=1e-9)  # of those that are not zero


def test_features_of_a_pentagon_among_short_ones():
    # five of length 1 and 20 of length 0.1 spread evenly: each direction meets 5/2 + 20 * 0.01 / 2 = 2.6
    W = torch.cat([polygon(5), polygon(20, 0.1)], dim=1)
    measured = measure_model(W, polygon(3))
    assert measured["largest_dimensionality"] == pytest.approx(1 / 2.6)
    assert measured["fifth_dimensionality"] == pytest.approx(1 / 2.6)
    assert measured["sixth_dimensionality"] == pytest.approx(0.01 / 2.6)
    assert measured["n_large_dimensionality"] == 5
    assert measured["gap_deviation_of_five"] == pytest.approx(0, abs=1e-9)
    assert measured["frobenius_norm"] == pytest.approx(math.sqrt(5.2))


def test_outside_the_plane_there_are_no_angles():
    measured = measure_model(torch.eye(3), torch.eye(3))
    assert np.isnan([measured["point_gap_deviation"], measured["gap_deviation_of_five"]]).all()
    assert np.isnan(measured["fifth_dimensionality"])
    assert measured["median_point_dimensionality"] == pytest.approx(1)


def test_hidden_vectors_are_sums_of_columns():
    x = torch.tensor([[[0.6, 0.8, 0.0], [0.0, 0.0, 0.0]], [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
    data, W = SparseSamples.from_dense(x), torch.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 1.0]])
    for index in range(2):
        torch.testing.assert_close(encode(W, data, index), (x[index] @ W.T).T.double())
    shared = SparseSamples.from_dense(x[:1])
    torch.testing.assert_close(encode(W, shared, 1), encode(W, shared, 0))


EXPERIMENT = finite_data(sweep={"n_hidden": [2, 3], "n_samples": [4, 7]}, restarts=3, training_set={"shared": False})


@pytest.fixture(scope="module")
def measured():
    data, generator = sample_data_sets("tiny", EXPERIMENT, 0), torch.Generator().manual_seed(0)
    weights = {}
    for point, m in enumerate((2, 2, 3, 3)):
        parameters = initialise("relu_output", 30, m, [generator] * 3, init_std=0.5)
        weights |= {f"{name}.{point}": tensor for name, tensor in parameters.items()}
    return weights, data, measure_finite_data("tiny", EXPERIMENT, 0, weights, data)


def test_tables_obey_their_schemas(measured):
    tables = {name: check_schema(frame, name) for name, frame in measured[2].items()}
    assert {name: len(frame) for name, frame in tables.items()} == {
        "finite_models": 12,
        "finite_features": 4 * 30,
        "training_points": 2 * (4 + 7),
    }


def test_losses_are_those_of_the_specification(measured):
    weights, data, tables = measured
    for point, size in enumerate((4, 7, 4, 7)):
        parameters = {name: weights[f"{name}.{point}"] for name in ("W", "b_final")}
        rows = tables["finite_models"].query(f"point == {point}")
        for column, samples in (("train_loss", data.training[size]), ("test_loss", data.test)):
            x = to_dense(samples, 3, parameters["W"])
            expected = full_batch_loss(parameters, x, 1 / samples.n_samples)
            np.testing.assert_allclose(rows[column], expected, rtol=1e-4)


def test_the_training_loss_chooses(measured):
    models, features = measured[2]["finite_models"], measured[2]["finite_features"]
    best = models[models["lowest_training_loss"]]
    assert best["point"].to_list() == [0, 1, 2, 3]
    assert best["train_loss"].to_list() == models.groupby("point")["train_loss"].min().to_list()
    assert features["instance"].unique().tolist() == best["instance"].to_list()
    assert (models.groupby("point")["test_loss"].idxmin() != best.index).any()  # the test loss would choose others


def test_losses_close_to_zero_are_not_rounding():
    # Four hundred samples of a feature each on a polygon; the fast sum is off by more than the loss
    x = torch.eye(400)
    exact = {key: tensor.float() for key, tensor in memorise(x.double()).items()}
    parameters = {"W": exact["W"].repeat(3, 1, 1), "b_final": exact["b_final"] + torch.tensor([[1e-3], [0], [-1e-3]])}
    data = SparseSamples.from_dense(x[None])
    in_double = {key: tensor.double() for key, tensor in parameters.items()}
    expected = full_batch_loss(in_double, x.double()[:, None], 1 / 400).numpy()
    assert expected.max() < 1e-5
    assert expected.argmin() == 1
    assert np.abs(evaluate_loss(parameters, data, "sum").numpy() - expected).max() > expected.min()
    np.testing.assert_allclose(measure_training_loss(parameters, data), expected, rtol=1e-6)


def test_features_come_longest_first(measured):
    norms = measured[2]["finite_features"].query("point == 0")["norm"]
    assert norms.is_monotonic_decreasing


def test_a_single_data_set_for_all():
    experiment = finite_data(restarts=2)
    data = sample_data_sets("tiny", experiment, 0)
    parameters = initialise("relu_output", 30, 2, [torch.Generator().manual_seed(i) for i in range(2)])
    tables = measure_finite_data("tiny", experiment, 0, {f"{k}.0": v for k, v in parameters.items()}, data)
    assert tables["finite_models"]["train_loss"].nunique() == 2


class WithoutItsRelu(toy_models.Kind):
    """Says that its output is rectified."""

    def forward(self, parameters, x):
        return super().forward(parameters, x) - 0.5


def test_negative_output_is_refused(measured, monkeypatch):
    wrong = WithoutItsRelu(tied=True, hidden=toy_models.identity, output=torch.relu)
    monkeypatch.setitem(toy_models.KINDS, "relu_output", wrong)
    said = r"wrong, seed 0, point 0: instance 0, sample \d+, feature \d+: output is -"
    with pytest.raises(geometry.InvariantError, match=said):
        measure_finite_data("wrong", EXPERIMENT, 0, *measured[:2])


def test_points_with_more_than_a_dimension_are_refused(measured, monkeypatch):
    correct = geometry.compute_dimensionality

    def doubled_for_points(W):  # the models have 30 features
        return correct(W) * (1 if W.shape[-1] == 30 else 2)

    monkeypatch.setattr(geometry, "compute_dimensionality", doubled_for_points)
    said = r"wrong, seed 0, point 0, training points as features: instance 0.*: dimensionality.* is \d"
    with pytest.raises(geometry.InvariantError, match=said):
        measure_finite_data("wrong", EXPERIMENT, 0, *measured[:2])
