"""Theorems about trained models: a model that keeps each of them, and one that breaks it."""

import math

import pytest
import torch

from superposition.geometry import (
    InvariantError,
    check_invariants,
    check_outputs,
    check_rotation,
    compute_dimensionality,
)


def k_gon(k):
    angles = 2 * math.pi * torch.arange(k, dtype=torch.float64) / k
    return torch.stack([angles.cos(), angles.sin()])


@pytest.mark.parametrize(
    ("instance", "feature", "value", "message"),
    [
        (1, 2, 1.2, r"instance 1, feature 2: dimensionality is 1\.2, outside \[0, 1\] \(tolerance 0\.001\)"),
        (0, 4, -0.1, r"instance 0, feature 4: dimensionality is -0\.1, outside \[0, 1\]"),
        (0, 0, torch.nan, r"instance 0, feature 0: dimensionality is nan"),
        (1, 3, 0.5, r"instance 1: dimensionality summed over features is 2\.1, outside \[0, 2\]"),
    ],
)
def test_broken_dimensionality(instance, feature, value, message):
    W = torch.stack([k_gon(5), k_gon(5)])
    D = compute_dimensionality(W)
    check_invariants(W, dimensionality=D)
    D[instance, feature] = value
    with pytest.raises(InvariantError, match=message) as caught:
        check_invariants(W, dimensionality=D)
    assert "\n" not in str(caught.value)


def test_breaches_name_every_leading_axis():
    W = k_gon(5).expand(2, 3, 2, 5)
    D = compute_dimensionality(W)
    D[1, 2, 4] = 7
    with pytest.raises(InvariantError, match="instance 1, 2, feature 4"):
        check_invariants(W, dimensionality=D)
    with pytest.raises(InvariantError, match=r"instance 0: .* summed over features is 1\.5, outside \[0, 1\]"):
        check_invariants(torch.ones(2, 2), dimensionality=torch.tensor([0.75, 0.75]))
    with pytest.raises(ValueError, match="does not fit"):
        check_invariants(W, dimensionality=D[0])


def test_dimensionality_of_a_tiny_column_counts_within_the_rank():
    check_invariants(torch.diag(torch.tensor([1.0, 1e-7, 1e-8])))


def test_negative_outputs_break_an_invariant():
    W, x = torch.stack([k_gon(5), k_gon(4)[:, [0, 1, 2, 3, 3]]]), torch.eye(5).double()[None]
    linear_output = x @ W.mT @ W
    check_outputs(linear_output.relu())
    # In the pentagon, sample 0 alone gives feature 2 cos 144 = -0.809.
    with pytest.raises(InvariantError, match=r"instance 0, sample 0, feature 2: output is -0\.809017"):
        check_outputs(linear_output)


def reconstruction_loss(W, activation):
    x = torch.rand(200, 5, generator=torch.Generator().manual_seed(0), dtype=W.dtype)
    output = (activation(x @ W.mT) @ W - 0.1).relu()
    return (x - output).square().mean((-2, -1))


def test_rotation_of_a_privileged_basis_breaks_an_invariant():
    W, generator = torch.stack([k_gon(5)] * 3).float(), torch.Generator().manual_seed(1)
    check_rotation(W, lambda W: reconstruction_loss(W, lambda h: h), generator)
    with pytest.raises(InvariantError, match=r"instance 0: relative change .* outside \[0, 1e-05\]"):
        check_rotation(W, lambda W: reconstruction_loss(W, torch.relu), generator)


def test_rotation_that_lowers_the_loss_breaks_an_invariant():
    # The first feature lies along the first axis: the square of that coordinate is 1, and less in any other basis.
    with pytest.raises(InvariantError, match="relative change of the loss"):
        check_rotation(k_gon(4), lambda W: W[0, 0] ** 2, torch.Generator().manual_seed(1))


def test_rotation_check_accepts_a_loss_of_zero_and_refuses_nan():
    generator = torch.Generator().manual_seed(1)
    check_rotation(k_gon(4), lambda W: 0 * W.sum((-2, -1)), generator)
    with pytest.raises(InvariantError, match="is nan"):
        check_rotation(k_gon(4), lambda W: torch.nan * W.sum((-2, -1)), generator)
