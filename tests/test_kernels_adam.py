"""The kernels' update against torch.optim, which the specification's optimiser is held to as well."""

import numpy as np
import pytest
import torch

from superposition.kernels.adam import pack, unpack, update, update_factors


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_steps_equal_those_of_torch(weight_decay, schedule):
    training = {"schedule": schedule, "steps": 100, "warmup_steps": 10}
    factors = update_factors(training, 0, 100)
    generator = torch.Generator().manual_seed(0)
    start, gradients = 0.3 * torch.randn(37, generator=generator), torch.randn(100, 37, generator=generator)

    theirs = start.clone().requires_grad_(True)
    optimizer = torch.optim.AdamW([theirs], lr=1e-3, weight_decay=weight_decay)
    ours, first, second = start.clone().numpy(), np.zeros(37, np.float32), np.zeros(37, np.float32)
    for step in range(100):
        theirs.grad = gradients[step]
        optimizer.param_groups[0]["lr"] = 1e-3 * factors[step, 0]
        optimizer.step()
        update(ours, gradients[step].numpy(), first, second, factors, step, 1e-3, weight_decay)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=0, atol=1e-6)


def test_moments_without_gradient_become_zero_and_change_no_step():
    # after one gradient, m falls as .9^k: below 1e-38, where subnormal numbers begin, after 850 steps
    steps = 1500
    factors = update_factors({"schedule": "constant", "steps": steps, "warmup_steps": 0}, 0, steps)
    theirs = torch.full((4,), 0.5, requires_grad=True)
    optimizer = torch.optim.AdamW([theirs], lr=1e-3, weight_decay=0.0)
    ours, first, second = theirs.detach().clone().numpy(), np.zeros(4, np.float32), np.zeros(4, np.float32)
    for step in range(steps):
        theirs.grad = torch.tensor([1.0, 1e-3, 1e-6, 1e-9]) * (step == 0)
        optimizer.step()
        update(ours, theirs.grad.numpy(), first, second, factors, step, 1e-3, 0.0)
    assert not first.any()
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=0, atol=1e-6)


def test_factors_do_not_depend_on_where_a_stretch_begins():
    training = {"schedule": "cosine", "steps": 50, "warmup_steps": 5}
    whole = update_factors(training, 0, 50)
    np.testing.assert_array_equal(whole[20:30], update_factors(training, 20, 30))


def test_packed_parameters_come_back():
    parameters = {"W": torch.arange(12.0).view(2, 2, 3), "b": torch.arange(4.0).view(2, 2)}
    packed = pack(parameters)
    assert packed.tolist() == [[0, 1, 2, 3, 4, 5, 0, 1], [6, 7, 8, 9, 10, 11, 2, 3]]
    W, b = parameters["W"], parameters["b"]
    unpack(packed + 1, parameters)
    assert W.flatten().tolist() == list(range(1, 13))
    assert b.tolist() == [[1, 2], [3, 4]]
