"""Whole trainings by the kernels are those of the specification on the samples that the kernels draw.

With all that changes from step to step or from instance to instance: rates, their schedule and warm-up, weight decay.
"""

import io

import pytest
import torch
from autoencoders import PENTAGON, every_architecture
from test_kernels_sampling import draw
from test_kernels_toy_models import initialise, loss_of_specification

from superposition.features import SparseFeatures
from superposition.kernels import sae_training, toy_models
from superposition.progress import Progress
from superposition.training import Recorder, minimise

STEPS, BATCH, N_FEATURES = 40, 64, 5
TRAINING = {"batch_size": BATCH, "steps": STEPS, "schedule": "cosine", "warmup_steps": 8, "weight_decay": 0.3}
RATES, SEEDS = torch.tensor([1e-2, 3e-3]), [7, 8]
NO_RESAMPLING = {"method": "none", "every": 10, "window": 5, "scale": 0.5}


def make_recorder():
    return Recorder(15, Progress("replay", STEPS, stream=io.StringIO()))


def replay(probabilities, signed=False):
    """(steps, batch, instances, n_features): what the kernels draw for two instances."""
    drawn = [
        torch.tensor(draw([p] * N_FEATURES, BATCH, seed=seed, batches=STEPS, signed=signed))
        for p, seed in zip(probabilities, SEEDS, strict=True)
    ]
    return torch.stack([x.view(STEPS, BATCH, N_FEATURES) for x in drawn], dim=2)


def same(parameters, expected, recorder, by_autograd):
    torch.testing.assert_close(parameters, expected, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(torch.stack(recorder.losses), torch.stack(by_autograd.losses), rtol=1e-4, atol=0)


@pytest.mark.parametrize("p", [0.3, 0.03])
@pytest.mark.parametrize("kind", ["relu_output", "hidden_relu", "absolute_value"])
def test_toy_models(kind, p):
    probabilities, signed = [p, p / 2], kind == "absolute_value"
    importance = 0.5 + torch.rand(2, N_FEATURES, generator=torch.Generator().manual_seed(0))
    penalty = torch.tensor([0.0, 0.05])
    parameters = initialise(kind, N_FEATURES, 3, [0, 1], True)
    expected = {name: tensor.clone() for name, tensor in parameters.items()}
    per_feature = torch.tensor(probabilities)[:, None].expand(-1, N_FEATURES)
    distribution = SparseFeatures(per_feature, "signed_uniform" if signed else "uniform")
    recorder, by_autograd = make_recorder(), make_recorder()
    toy_models.minimise(kind, parameters, distribution, importance, TRAINING, RATES, penalty, SEEDS, recorder)
    batches = iter(replay(probabilities, signed))

    def loss():
        return loss_of_specification(kind, expected, next(batches), importance, penalty)

    minimise(expected, loss, TRAINING, RATES, by_autograd)
    same(parameters, expected, recorder, by_autograd)


@every_architecture
def test_autoencoders(architecture):
    probabilities, penalty = [0.2, 0.05], torch.tensor([0.2, 0.1])
    parameters = architecture.initialise(2, N_FEATURES, [torch.Generator().manual_seed(seed) for seed in (0, 1)])
    expected = {name: tensor.clone() for name, tensor in parameters.items()}
    distribution = SparseFeatures(torch.tensor(probabilities)[:, None].expand(-1, N_FEATURES))
    recorder, by_autograd = make_recorder(), make_recorder()
    sae_training.minimise(
        architecture, parameters, PENTAGON, distribution, penalty, TRAINING, NO_RESAMPLING, RATES, SEEDS, recorder,
        lambda *_: None, lambda _: None,
    )  # fmt: skip
    batches = iter(replay(probabilities))
    minimise(
        expected,
        lambda: architecture.losses(expected, next(batches) @ PENTAGON.T, penalty).total,
        TRAINING,
        RATES,
        by_autograd,
        after_step=lambda _: architecture.after_step(expected),
    )
    same(parameters, expected, recorder, by_autograd)
