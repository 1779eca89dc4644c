"""The tables of toy models, against models that are built by hand and known to the last number."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from builders import PENTAGON, check_schema, toy_model

from superposition.evaluation import sample_held_out
from superposition.features import SparseSamples
from superposition.toy_model_measurement import hidden_samples, measure_toy_models
from superposition.toy_model_measurement.neurons import count_dominant
from superposition.toy_model_training import train_toy_models
from superposition.toy_models import initialise

COS72, COS144 = math.cos(math.radians(72)), math.cos(math.radians(144))
CROSS = torch.tensor([[1.0, -1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0, 0.0]])  # two antipodal pairs, feature 4 ignored
PAIR = torch.tensor([[1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0]])
ONE = torch.tensor([[0.0, 0.0, 0.0, 0.6, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0]])

NO_HISTORY = pd.DataFrame({"instance": [0], "step": [1], "loss": [1.0], "W": [None]})

# Feature 0 alone, feature 2 alone, their neighbours 0 and 1 together, nothing.
X = torch.tensor(
    [
        [1.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.5, 0.0, 0.0],
        [1.0, 1.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
    ]
)


def measure(name, experiment, seed, parameters, samples, history=NO_HISTORY):
    return measure_toy_models(name, experiment, seed, parameters, samples, history)


@pytest.fixture(scope="module")
def measured():
    """One point, one restart per model."""
    experiment = toy_model(features={"feature_probability": 0.3}, restarts=4)
    bias = torch.tensor([[0.0] * 5, [0.0] * 5, [0.0] * 5, [0.5, -0.1, 0.0, 0.0, 0.1]])
    parameters = {"W": torch.stack([PENTAGON, CROSS, PAIR, ONE]), "b_final": bias}
    return measure("by_hand", experiment, 7, parameters, SparseSamples.from_dense(X[None]))


def test_models_by_hand(measured):
    models = check_schema(measured["models"], "models")
    assert models["n_represented"].tolist() == [5, 4, 2, 1]
    assert models["n_superposed"].tolist() == [5, 4, 0, 0]
    assert models["n_antipodal_pairs"].tolist() == [0, 2, 0, 0]
    assert models["frobenius_norm_squared"].tolist() == pytest.approx([5, 4, 2, 0.36])
    assert models["dimensions_per_feature"].tolist() == pytest.approx([2 / 5, 1 / 2, 1, 2 / 0.36])
    assert models["total_dimensionality"].tolist() == pytest.approx([2, 2, 2, 1])
    assert models["rank"].tolist() == [2, 2, 2, 1]
    # Gaps of 72 degrees, of 90, of 90 and 270 instead of 180; a single feature has none.
    assert models["gap_deviation"].tolist() == pytest.approx([0, 0, 90, math.nan], abs=1e-4, nan_ok=True)
    assert models["mean_bias"].tolist() == pytest.approx([0, 0, 0, 0.1])


def test_hidden_vectors_near_rays():
    experiment = toy_model(features={"feature_probability": 0.3}, sweep={"learning_rate": [1, 2, 3, 4]}, restarts=1)
    parameters = {"W": torch.stack([PENTAGON, CROSS, PAIR, ONE]), "b_final": torch.zeros(4, 5)}
    models = measure("by_hand", experiment, 7, parameters, SparseSamples.from_dense(X[None]))["models"]
    # The first two hidden vectors lie on the pentagon's rays, the third between two of them, the fourth is zero. In the
    # cross features 0 and 1 cancel. To the pair the second is zero, and the third lies at 45 degrees. The last model
    # sees nothing but feature 3.
    assert models["near_ray_fraction"].tolist() == pytest.approx([2 / 3, 1, 1 / 2, math.nan], nan_ok=True)


def test_held_out_loss_by_hand(measured):
    # Pentagon: on feature 0 alone x' is (1, c, 0, 0, c) with c = cos 72, on half of feature 2 the errors are half of
    # those. On 0 and 1 together W^T h is (1 + c, 1 + c, c + d, 2 d, c + d) with d = cos 144 < -c: errors c and c. So
    # 2 c^2 (1 + 1/4 + 1) over 4 samples and 5 features. Cross: 0 and 1 cancel, and both are missed; all else is exact.
    # Pair: only half of feature 2 is missed.
    losses = measured["models"]["loss"].tolist()
    assert losses[:3] == pytest.approx([2 * COS72**2 * 2.25 / 20, 2 / 20, 0.25 / 20], rel=1e-5)


def test_keys_and_settings(measured):
    models = measured["models"]
    assert models["instance"].tolist() == models["restart"].tolist() == [0, 1, 2, 3]
    expected = {"experiment": "by_hand", "seed": 7, "point": 0, "kind": "relu_output", "n_features": 5, "n_hidden": 2}
    expected |= {"feature_probability": 0.3, "learning_rate": 1e-3}
    assert (models[list(expected)] == list(expected.values())).all(axis=None)


def test_features_by_hand(measured):
    features = check_schema(measured["features"], "features").set_index(["instance", "feature"])
    assert len(features) == 20
    for feature in range(5):
        row = features.loc[(0, feature)]
        assert row["norm"] == pytest.approx(1)
        # The other four meet it at 72, 144, 144 and 72 degrees: the squares of the cosines sum to 3/2.
        assert row["interference"] == pytest.approx(1.5)
        assert row["dimensionality"] == pytest.approx(2 / 5)
        assert row["max_cosine"] == pytest.approx(COS72)
        assert row["min_cosine"] == pytest.approx(COS144)
        assert row["represented"]
        assert row["superposed"]
        np.testing.assert_allclose(row["direction"], PENTAGON[:, feature])

    first, ignored = features.loc[(1, 0)], features.loc[(1, 4)]
    assert (first["max_cosine"], first["min_cosine"]) == pytest.approx((0, -1))
    assert (first["interference"], first["dimensionality"]) == pytest.approx((1, 0.5))
    assert (ignored["norm"], ignored["dimensionality"]) == (0, 0)
    assert not ignored["represented"]
    assert not ignored["superposed"]
    assert ignored[["interference", "max_cosine", "min_cosine"]].isna().all()

    lonely = features.loc[(3, 3)]
    assert lonely["represented"]
    assert np.isnan(lonely["max_cosine"])  # no other feature is represented
    assert features.loc[3, "bias"].tolist() == pytest.approx([0.5, -0.1, 0.0, 0.0, 0.1])
    assert features["importance"].eq(1).all()


def test_correlated_pairs_with_a_sign_through_training_and_measurement():
    block = yaml.safe_load("""
      model: {kind: absolute_value, n_features: 4, n_hidden: 6}
      features: {correlated_sets: 2, magnitude: signed_uniform, feature_probability: 0.3}
      training: {steps: 300, learning_rate: 0.02}
    """)
    experiment = toy_model(**block)
    parameters, history = train_toy_models("pairs", experiment, 0)
    tables = measure("pairs", experiment, 0, parameters, sample_held_out("pairs", experiment, 0), history)
    for name, rows in (("models", 2), ("features", 8), ("sets", 4), ("neurons", 12)):
        assert len(check_schema(tables[name], name)) == rows
    assert tables["features"]["set"].tolist() == [0, 0, 1, 1] * 2
    assert (tables["features"]["partner_present"] == 1).all()
    x = np.stack(tables["hidden_samples"]["x"].to_list())
    assert ((x[:, ::2] == 0) == (x[:, 1::2] == 0)).all()
    assert (x < 0).any(0).all()
    assert (tables["models"]["loss"] < 0.3 / 3).all()  # of outputs that are always zero: p E x^2


def test_importance_of_each_feature():
    experiment = toy_model(importance={"curve": "geometric", "base": 0.5}, restarts=1)
    parameters = {"W": PENTAGON[None], "b_final": torch.zeros(1, 5)}
    tables = measure("by_hand", experiment, 0, parameters, SparseSamples.from_dense(X[None]))
    assert tables["features"]["importance"].tolist() == [1, 0.5, 0.25, 0.125, 0.0625]
    # The pentagon errs by c at the neighbours of feature 0, by c / 2 at those of feature 2, by c at 0 and 1 together.
    weights = (1 / 2 + 1 / 16) + (1 / 2 + 1 / 8) / 4 + (1 + 1 / 2)
    assert tables["models"]["loss"].item() == pytest.approx(COS72**2 * weights / 20, rel=1e-5)


def test_hidden_samples_are_those_of_the_best_model(measured):
    assert measured["models"]["lowest_loss"].tolist() == [False, False, True, False]  # 1/80 is less than 4.5 c^2 / 20
    hidden = check_schema(measured["hidden_samples"], "hidden_samples")
    assert hidden["instance"].tolist() == [2, 2, 2]
    assert hidden["sample"].tolist() == [0, 1, 2]
    assert hidden["n_present"].tolist() == [1, 1, 2]
    np.testing.assert_allclose(np.stack(hidden["hidden"].to_list()), [[1, 0], [0, 0], [1, 1]])


@pytest.fixture(scope="module")
def swept():
    sweep = {"feature_probability": [1.0, 0.2, 0.0], "learning_rate": [1e-3, 1e-2]}
    experiment = toy_model(sweep=sweep, restarts=3, evaluation={"n_samples": 50})
    generators = [torch.Generator().manual_seed(i) for i in range(18)]
    return measure(
        "swept", experiment, 0, initialise("relu_output", 5, 2, generators), sample_held_out("swept", experiment, 0)
    )


def test_lowest_loss_marks_one_restart_of_each_point(swept):
    models = check_schema(swept["models"], "models")
    assert len(models) == 18
    for _, restarts in models.groupby(["seed", "point"]):
        assert len(restarts) == 3
        assert restarts["lowest_loss"].sum() == 1
        assert restarts.loc[restarts["lowest_loss"], "loss"].item() == restarts["loss"].min()
    features = check_schema(swept["features"], "features")
    marked = features.groupby("instance")["lowest_loss"].agg(["min", "max"])
    assert (marked["min"] == models["lowest_loss"]).all()
    assert (marked["max"] == models["lowest_loss"]).all()


def test_swept_values_are_those_of_the_instance(swept):
    models = swept["models"]
    assert models["feature_probability"].tolist() == [1.0] * 6 + [0.2] * 6 + [0.0] * 6
    assert models["learning_rate"].tolist() == ([1e-3] * 3 + [1e-2] * 3) * 3


def test_point_without_any_feature_present(swept):
    absent = swept["models"]["feature_probability"] == 0
    assert swept["models"].loc[absent, "near_ray_fraction"].isna().all()
    hidden = check_schema(swept["hidden_samples"], "hidden_samples")
    assert set(hidden["point"]) == {0, 1, 2, 3}


def test_plotted_samples_are_few(monkeypatch, swept):
    assert swept["hidden_samples"].groupby("instance").size().max() == 50
    monkeypatch.setattr(hidden_samples, "N_PLOTTED", 2)
    experiment = toy_model(restarts=1)
    parameters = {"W": PENTAGON[None], "b_final": torch.zeros(1, 5)}
    tables = measure("few", experiment, 0, parameters, SparseSamples.from_dense(X[None]))
    assert tables["hidden_samples"]["sample"].tolist() == [0, 1]


def test_no_angles_outside_two_dimensions():
    experiment = toy_model(model={"n_hidden": 3, "kind": "linear"}, restarts=1)
    parameters = initialise("linear", 5, 3, [torch.Generator().manual_seed(0)])
    tables = measure("deep", experiment, 0, parameters, sample_held_out("deep", experiment, 0))
    models = check_schema(tables["models"], "models")
    assert models["gap_deviation"].isna().all()
    assert models["rank"].item() == 3
    assert {len(direction) for direction in tables["features"]["direction"]} == {3}


# Kinds with a hidden ReLU: one neuron for feature 0, one for its negative.
POSITIVE_AND_NEGATIVE = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]])
SIGNED = torch.tensor([[[0.5, 0.0], [-0.25, 0.0], [0.0, 1.0], [0.0, 0.0]]])


@pytest.mark.parametrize("kind", ["hidden_relu", "absolute_value"])
def test_kinds_with_a_hidden_relu(kind):
    bias = torch.tensor([[0.0, 0.5]])
    parameters = {"W": POSITIVE_AND_NEGATIVE, "b_final": bias}
    if kind == "absolute_value":
        parameters = {"W_1": POSITIVE_AND_NEGATIVE, "W_2": 3 * POSITIVE_AND_NEGATIVE.abs().mT, "b_final": bias}
    experiment = toy_model(model={"kind": kind, "n_features": 2}, features={"magnitude": "signed_uniform"}, restarts=1)
    tables = measure("by_hand", experiment, 0, parameters, SparseSamples.from_dense(SIGNED))
    model, features, hidden = (check_schema(tables[name], name) for name in ("models", "features", "hidden_samples"))
    # Outputs of feature 0 are h_0 - h_1 without the negatives, (.5, 0, 0, 0), or 3 (h_0 + h_1), (1.5, .75, 0, 0);
    # targets are (.5, -.25, 0, 0) or (.5, .25, 0, 0). Feature 1 is always .5 and should be 0, 0, 1, 0.
    errors = {"hidden_relu": 0.25**2, "absolute_value": 1 + 0.5**2}[kind] + 4 * 0.25
    assert model["loss"].item() == pytest.approx(errors / 8)
    assert model["kind"].item() == kind
    assert (model["n_represented"].item(), model["rank"].item(), model["frobenius_norm_squared"].item()) == (1, 1, 2)
    assert features["norm"].tolist() == pytest.approx([2**0.5, 0])  # of W_1, not of W_2
    np.testing.assert_allclose(np.stack(features["direction"].to_list()), [[1, -1], [0, 0]])
    np.testing.assert_allclose(np.stack(hidden["hidden"].to_list()), [[0.5, 0], [0, 0.25], [0, 0]])
    # Both non-zero hidden vectors lie on an axis, 45 degrees from the only direction there is.
    assert model["near_ray_fraction"].item() == 0
    neurons = check_schema(tables["neurons"], "neurons")
    assert neurons["fraction_active"].tolist() == [0.25, 0.25]
    assert neurons["monosemantic"].tolist() == [True, True]
    assert neurons["largest_feature"].tolist() == [0, 0]
    assert neurons["second_feature"].tolist() == [1, 1]
    assert neurons["inhibitor"].tolist() == [-1, -1]
    # Each neuron sees one sign of feature 0: its own output rises by one where the other neuron does not oppose.
    expected = {"hidden_relu": ([1, 0], [0, 0]), "absolute_value": ([3, 0], [3, 0])}[kind]
    assert (features["positive_response"].tolist(), features["negative_response"].tolist()) == expected
    assert model["basis_alignment"].item() == pytest.approx(0.5**0.5)
    assert 0.5**0.5 < model["rotated_alignment"].item() <= 1
    np.testing.assert_allclose(np.stack(neurons["W_in"].to_list()), [[1, 0], [-1, 0]])
    factor = 3 if kind == "absolute_value" else 1
    np.testing.assert_allclose(np.abs(np.stack(neurons["W_out"].to_list())), [[factor, 0], [factor, 0]])


def test_dominant_features_of_neurons():
    # one; the second just above and just below a quarter; a dead neuron; all alike
    W = torch.tensor([[1.0, 0, 0], [1, -0.26, 0], [1, 0.25, 0], [0.3, 0, 0], [0.4, 0.4, -0.4]])
    assert count_dominant(W).tolist() == [1, 2, 1, 0, 3]


def test_response_is_that_beyond_the_bias():
    parameters = {"W": PENTAGON[None], "b_final": torch.full((1, 5), -0.25), "b_hidden": torch.zeros(1, 2)}
    experiment = toy_model(restarts=1, model={"hidden_bias": True})
    features = measure("by_hand", experiment, 0, parameters, SparseSamples.from_dense(X[None]))["features"]
    assert features["positive_response"].tolist() == pytest.approx([0.75] * 5)
    parameters["b_final"] += 0.5  # x'(0) = 0.25, x'(-e_i) = 0
    features = measure("by_hand", experiment, 0, parameters, SparseSamples.from_dense(X[None]))["features"]
    assert features["positive_response"].tolist() == pytest.approx([1] * 5)
    assert features["negative_response"].tolist() == pytest.approx([-0.25] * 5)
    parameters["b_hidden"] += PENTAGON[:, 0]  # which the response leaves out, as it is there without the feature
    features = measure("by_hand", experiment, 0, parameters, SparseSamples.from_dense(X[None]))["features"]
    assert features["positive_response"][0] == pytest.approx(1)
    assert features["negative_response"][0] == pytest.approx(-1)


def test_rotations_are_tried_on_the_best_models_alone(measured):
    models = measured["models"]
    assert models["rotated_alignment"].notna().tolist() == models["lowest_loss"].tolist()
    assert models["basis_alignment"].tolist()[1:] == pytest.approx([1, 1, 1])


def test_models_without_a_privileged_basis_have_no_neurons(measured):
    assert len(check_schema(measured["neurons"], "neurons")) == 0


def test_dynamics():
    experiment = toy_model(restarts=2, training={"snapshots": 3})
    parameters = {"W": torch.stack([PENTAGON, PAIR]), "b_final": torch.zeros(2, 5)}
    kept = [np.float32(W.flatten()) for W in (CROSS, ONE, PENTAGON, PAIR)]
    history = pd.DataFrame(
        {"instance": [0, 1, 0, 0, 1], "step": [0, 0, 5, 9, 9], "loss": [np.nan, np.nan, 3.0, 1.0, 2.0]}
    ).assign(W=[kept[0], kept[1], None, kept[2], kept[3]])
    tables = measure("moving", experiment, 0, parameters, SparseSamples.from_dense(X[None]), history)
    dynamics = check_schema(tables["dynamics"], "dynamics")
    assert dynamics["instance"].tolist() == [0, 1, 0, 1]
    assert dynamics["step"].tolist() == [0, 0, 9, 9]
    assert dynamics["loss"].tolist()[2:] == [1.0, 2.0]
    assert dynamics["lowest_loss"].tolist() == tables["models"]["lowest_loss"].tolist() * 2
    np.testing.assert_allclose(np.stack(dynamics["dimensionality"])[0], [0.5] * 4 + [0])
    np.testing.assert_allclose(np.stack(dynamics["norm"])[1], [0, 0, 0, 0.6, 0])
    np.testing.assert_allclose(np.stack(dynamics["W"])[3], PAIR.flatten())


def test_no_dynamics_without_snapshots(measured):
    assert len(check_schema(measured["dynamics"], "dynamics")) == 0


def test_features_of_sets():
    settings = {"correlated_sets": 1, "anticorrelated_sets": 1, "probability_of": "set", "feature_probability": 0.4}
    parameters = {"W": PENTAGON[None], "b_final": torch.zeros(1, 5)}
    experiment = toy_model(features=settings, restarts=1, sweep={"last_probability": [0.5]})
    features = measure("sets", experiment, 0, parameters, SparseSamples.from_dense(X[None]))["features"]
    assert features["set"].tolist() == [0, 0, 1, 1, -1]
    assert features["probability"].tolist() == pytest.approx([0.4, 0.4, 0.2, 0.2, 0.2])
