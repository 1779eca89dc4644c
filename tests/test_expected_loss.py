"""Expected losses against closed forms, against samples, and where they are not computed."""

import math

import pandas as pd
import pytest
import torch
from builders import toy_model

from superposition.evaluation import sample_held_out
from superposition.expected_loss import expected_losses
from superposition.features import SparseFeatures, feature_importance, feature_probability
from superposition.toy_model_measurement import measure_toy_models
from superposition.toy_models import initialise, reconstruction_loss

ANTIPODAL = {"W": torch.tensor([[[1.0, -1.0]]]), "b_final": torch.zeros(1, 2)}
ONE_IGNORED = {"W": torch.tensor([[[1.0, 0.0]]]), "b_final": torch.tensor([[0.0, 0.1]])}


@pytest.mark.parametrize("p", [0.01, 0.4, 1.0])
def test_closed_forms(p):
    features, importance = SparseFeatures(torch.full((1, 2), p)), torch.tensor([[1.0, 0.5]])
    # Both are wrong by the smaller of the two magnitudes where both are present: E[min^2] = 1/6.
    antipodal = 1.5 * p**2 / 6 / 2
    assert expected_losses("relu_output", ANTIPODAL, features, importance) == pytest.approx(antipodal, rel=5e-3)
    # E[(x - 0.1)^2] = p (1/3 - 0.1) + 0.01, a polynomial: exact
    ignored = 0.5 * (p * (1 / 3 - 0.1) + 0.01) / 2
    assert expected_losses("relu_output", ONE_IGNORED, features, importance) == pytest.approx(ignored, rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "magnitude", "n_features"),
    [("relu_output", "uniform", 3), ("absolute_value", "signed_uniform", 2), ("gelu_output", "uniform", 1)],
)
def test_many_samples_agree(kind, magnitude, n_features):
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    parameters = initialise(kind, n_features, 2, generators, init_std=0.7)
    parameters["b_final"] += 0.1
    probability = torch.linspace(0.2, 0.9, 2 * n_features).view(2, n_features)
    importance = torch.linspace(0.5, 2.0, 2 * n_features).view(2, n_features)
    features = SparseFeatures(probability, magnitude)
    x = features.sample(400_000, torch.Generator().manual_seed(3))
    sampled = reconstruction_loss(kind, parameters, x, importance)
    assert expected_losses(kind, parameters, features, importance) == pytest.approx(sampled.numpy(), rel=0.01)


def test_passes_do_not_matter(monkeypatch):
    parameters = initialise("relu_output", 2, 1, [torch.Generator().manual_seed(seed) for seed in range(5)])
    features, importance = SparseFeatures(torch.linspace(0.1, 1, 10).view(5, 2)), torch.ones(5, 2)
    together = expected_losses("relu_output", parameters, features, importance)
    monkeypatch.setattr("superposition.expected_loss.OUTPUTS", 1)
    assert expected_losses("relu_output", parameters, features, importance) == pytest.approx(together, rel=1e-12)


@pytest.mark.parametrize(
    "features",
    [SparseFeatures(torch.full((1, 4), 0.5)), SparseFeatures(torch.full((1, 2), 0.5), correlated_sets=1)],
    ids=["too many features", "sets of features"],
)
def test_what_is_not_computed_is_undefined(features):
    shape = features.probability.shape
    parameters = {"W": torch.ones(1, 1, shape[1]), "b_final": torch.zeros(shape)}
    assert math.isnan(expected_losses("relu_output", parameters, features, torch.ones(shape)))


def test_the_table_of_models_has_it():
    experiment = toy_model(
        model={"n_features": 2, "n_hidden": 1},
        sweep={"feature_probability": [0.5, 0.1], "last_importance": [0.5]},
        restarts=1,
        evaluation={"n_samples": 200_000},
    )
    parameters = {name: tensor.repeat(2, *[1] * (tensor.ndim - 1)) for name, tensor in ANTIPODAL.items()}
    history = pd.DataFrame({"instance": [0], "step": [1], "loss": [1.0], "W": [None]})
    samples = sample_held_out("small", experiment, 0)
    models = measure_toy_models("small", experiment, 0, parameters, samples, history)["models"]
    assert models["expected_loss"].tolist() == pytest.approx(models["loss"].tolist(), rel=0.05)
    fixed = SparseFeatures(feature_probability(experiment)), feature_importance(experiment)
    assert models["expected_loss"].to_numpy() == pytest.approx(expected_losses("relu_output", parameters, *fixed))
