"""Models that break what holds for every toy model: measuring them stops, and says which."""

import pandas as pd
import pytest
import torch
from builders import PENTAGON, toy_model

from superposition import geometry, toy_models
from superposition.features import SparseSamples
from superposition.toy_model_measurement import measure_toy_models
from superposition.toy_models import initialise

NO_HISTORY = pd.DataFrame({"instance": [0], "step": [1], "loss": [1.0], "W": [None]})
SAMPLES = SparseSamples.from_dense(torch.tensor([[[1.0, 0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0, 0.0]]]))


class SecretlyRectified(toy_models.Kind):
    """Says that its hidden layer is linear."""

    def encode(self, parameters, x):
        return torch.relu(super().encode(parameters, x))


def test_loss_that_depends_on_the_hidden_basis_is_refused(monkeypatch):
    wrong = SecretlyRectified(tied=True, hidden=toy_models.identity, output=torch.relu)
    monkeypatch.setitem(toy_models.KINDS, "relu_output", wrong)
    parameters = initialise("relu_output", 5, 2, [torch.Generator().manual_seed(0)])
    with pytest.raises(geometry.InvariantError, match="wrong, seed 0: instance 0: relative change of the loss under"):
        measure_toy_models("wrong", toy_model(restarts=1), 0, parameters, SAMPLES, NO_HISTORY)


class WithoutItsRelu(toy_models.Kind):
    """Says that its output is rectified."""

    def forward(self, parameters, x):
        return super().forward(parameters, x) - 0.5


def test_negative_output_is_refused(monkeypatch):
    wrong = WithoutItsRelu(tied=True, hidden=torch.relu, output=torch.relu)
    monkeypatch.setitem(toy_models.KINDS, "hidden_relu", wrong)
    parameters = initialise("hidden_relu", 5, 2, [torch.Generator().manual_seed(0)])
    experiment = toy_model(model={"kind": "hidden_relu"}, restarts=1)
    with pytest.raises(geometry.InvariantError, match=r"instance 0, sample \d+, feature \d+: output is -"):
        measure_toy_models("wrong", experiment, 0, parameters, SAMPLES, NO_HISTORY)


def test_impossible_measurement_is_refused(monkeypatch):
    monkeypatch.setattr(geometry, "compute_dimensionality", lambda W: W.norm(dim=-2))  # five features of length 1
    parameters = {"W": PENTAGON[None], "b_final": torch.zeros(1, 5)}
    with pytest.raises(geometry.InvariantError, match="instance 0: dimensionality summed over features is 5"):
        measure_toy_models("wrong", toy_model(restarts=1), 0, parameters, SAMPLES, NO_HISTORY)


def test_broken_model_is_refused():
    parameters = {"W": PENTAGON[None].clone(), "b_final": torch.zeros(1, 5)}
    parameters["W"][0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="1 of 10 values are NaN or infinite"):
        measure_toy_models("broken", toy_model(restarts=1), 0, parameters, SAMPLES, NO_HISTORY)
