"""Components of models built by hand: which features interfere, and in how many dimensions."""

import math

import numpy as np
import pytest
import torch

from superposition.components import count_dimensions, find_components


def stack(*blocks):
    """The tegum product: each block has dimensions of its own."""
    return torch.block_diag(*blocks)


def k_gon(k):
    angles = 2 * torch.pi * torch.arange(k) / k
    return torch.stack([angles.cos(), angles.sin()])


def in_order(components):
    return [array.tolist() for array in components]


DIGON = torch.tensor([[1.0, -1.0]])


def test_a_digon_a_triangle_and_a_feature_of_its_own():
    W = stack(DIGON, k_gon(3), torch.ones(1, 1))
    component, size, rank = in_order(find_components(W))
    assert component == [0, 0, 1, 1, 1, 2]
    assert size == [2, 2, 3, 3, 3, 1]
    assert rank == [1, 1, 2, 2, 2, 1]


def test_components_do_not_depend_on_the_order_of_features_or_the_basis():
    W = stack(DIGON, k_gon(5))
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0))).Q
    order = torch.tensor([6, 0, 3, 1, 2, 4, 5])
    component, size, rank = find_components((rotation @ W)[:, order])
    assert size.tolist() == [5, 2, 5, 2, 5, 5, 5]
    assert rank.tolist() == [2, 1, 2, 1, 2, 2, 2]
    assert component.tolist() == [0, 1, 0, 1, 0, 0, 0]


def test_short_features_link_nothing():
    # Features 0 and 2 are orthogonal; 1 lies between them, too short to be represented.
    W = torch.tensor([[1.0, 0.3, 0.0], [0.0, 0.3, 1.0]])
    component, size, rank = in_order(find_components(W))
    assert (component, size, rank) == ([0, -1, 1], [1, 0, 1], [1, 0, 1])
    W[:, 1] *= 2  # 0.6 sqrt 2 > 0.5
    assert find_components(W).size.tolist() == [3, 3, 3]


@pytest.mark.parametrize(("cosine", "size"), [(0.09, 1), (0.11, 2), (-0.09, 1), (-0.11, 2)])
def test_features_are_linked_from_a_cosine_of_a_tenth(cosine, size):
    W = torch.tensor([[1.0, cosine], [0.0, math.sqrt(1 - cosine**2)]])
    assert find_components(W).size.tolist() == [size, size]


def test_nothing_represented():
    component, size, rank = find_components(torch.zeros(2, 3))
    assert component.tolist() == [-1] * 3
    assert not np.concatenate([size, rank]).any()


def test_dimensions_count_directions_not_lengths():
    assert count_dimensions(torch.tensor([[1.0, 0.0], [0.0, 0.06]])) == 2
    assert count_dimensions(torch.tensor([[1.0, 1.0], [0.0, 0.05]])) == 1
