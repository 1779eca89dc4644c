"""Alignment of features with hidden units, by hand and under rotations."""

import math

import pytest
import torch

from superposition.basis_alignment import N_ROTATIONS, compute_alignment, draw_rotations, quantile_of_rotated

AXES = torch.tensor([[1.0, 0.0, 0.1], [0.0, -2.0, 0.1]])  # two features on axes, one that is not represented
DIAGONAL = torch.tensor([[1.0, 3.0, 0.0], [1.0, 4.0, 0.0]])


@pytest.fixture(scope="module")
def rotations():
    return draw_rotations(2, torch.Generator().manual_seed(0))


def test_alignment_by_hand():
    # 1 / sqrt 2 on the diagonal, 4 / 5 beside it
    assert compute_alignment(torch.stack([AXES, DIAGONAL])).tolist() == pytest.approx([1, (0.5**0.5 + 0.8) / 2])


def test_nothing_represented_has_no_alignment(rotations):
    assert compute_alignment(0.1 * AXES).isnan()
    assert math.isnan(quantile_of_rotated(0.1 * AXES, rotations))


def test_rotations_are_orthogonal_and_uniform(rotations):
    identity = torch.eye(2, dtype=torch.float64).expand(N_ROTATIONS, 2, 2)
    torch.testing.assert_close(rotations @ rotations.mT, identity)
    # Half are reflections, and the first column is as often to the left as to the right: 6 sigma of 1,000 coins.
    assert abs((torch.linalg.det(rotations) > 0).double().mean() - 0.5) < 0.1
    assert abs((rotations[:, 0, 0] > 0).double().mean() - 0.5) < 0.1


def test_quantile_of_one_feature_is_known(rotations):
    # The direction is uniform on the circle: max(|cos|, |sin|) is below cos(1 %  of 45 degrees) in 99 % of the cases.
    one = torch.tensor([[0.0], [3.0]])
    assert quantile_of_rotated(one, rotations) == pytest.approx(math.cos(0.01 * math.pi / 4), abs=1e-4)


def test_quantile_does_not_see_a_rotation_of_the_weights(rotations):
    turned = draw_rotations(2, torch.Generator().manual_seed(1))[0].float() @ DIAGONAL
    # 1,000 draws place the quantile of 0.99 within a few thousandths
    assert quantile_of_rotated(turned, rotations) == pytest.approx(quantile_of_rotated(DIAGONAL, rotations), abs=5e-3)
    assert quantile_of_rotated(AXES, rotations) < compute_alignment(AXES).item()
