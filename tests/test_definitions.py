"""Superposition and alignment with the basis, as Elhage et al. 2022 define them, on examples and random W."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from weight_matrices import columns, random_rotation, random_W

from superposition import geometry


@given(seed=st.integers(0, 1000), n_hidden=st.integers(1, 5), n_features=st.integers(1, 8))
@settings(deadline=None, max_examples=50)
def test_superposition_is_a_singular_gram_matrix(seed, n_hidden, n_features):
    W = random_W(seed, n_hidden, n_features)
    singular = torch.linalg.eigvalsh(W.mT @ W).min() < 1e-12
    assert geometry.has_superposition(W) == singular == (n_features > n_hidden)


def test_superposition_by_hand():
    # Two features on one ray are in superposition even where there is room for both.
    W = torch.stack([columns((1, 0), (0, 1)), columns((1, 0), (2, 0)), columns((1, 1), (1, -1))])
    assert geometry.has_superposition(W).tolist() == [False, True, False]


def test_basis_alignment_by_hand():
    aligned = columns((1, 0), (-2, 0), (0, 0.5), (0, 0))  # an absent feature lies nowhere, and so on no two units
    turned = random_rotation(0, 2) @ aligned
    one_off = columns((1, 0), (0, 1), (0.6, 0.8), (0, 0))
    assert geometry.is_basis_aligned(torch.stack([aligned, turned, one_off])).tolist() == [True, False, False]
    assert geometry.is_basis_aligned(columns((1, 1e-9), (0, 1)))
    assert not geometry.is_basis_aligned(columns((1, 1e-4), (0, 1)))


def test_partially_basis_aligned_is_sparse():
    code = columns((1, 0, 0), (0, -1, 0), (0.7, 0.7, 0), (0, 0, 0))  # two features, and one on the units of both
    dense = columns((1, 0, 0), (0, 1, 0), (0.6, 0.6, 0.5), (0, 0, 0))
    stacked = torch.stack([code, dense])
    for n_units, expected in ((1, [False, False]), (2, [True, False]), (3, [True, True])):
        assert geometry.is_basis_aligned(stacked, n_units=n_units).tolist() == expected


@given(seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=25)
def test_a_rotation_keeps_superposition_but_not_alignment(seed):
    W = torch.eye(3, 4, dtype=torch.float64)
    rotated = random_rotation(seed, 3) @ W
    assert geometry.has_superposition(W)
    assert geometry.has_superposition(rotated)
    assert geometry.is_basis_aligned(W)
    assert not geometry.is_basis_aligned(rotated)


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_features_that_share_one_lost_direction_are_a_simplex(n):
    # Elhage et al. 2022: projecting the basis of R^n orthogonally to (1, ..., 1) leaves n features in n - 1 dimensions.
    W = torch.eye(n).double() - 1 / n
    assert torch.allclose(geometry.compute_dimensionality(W), torch.full((n,), (n - 1) / n).double())
    off_diagonal = geometry.compute_cosines(W)[~torch.eye(n, dtype=torch.bool)]
    assert torch.allclose(off_diagonal, torch.full_like(off_diagonal, -1 / (n - 1)))


def test_features_that_share_two_lost_directions_are_digons():
    # Lost are (1, 0, 1, 0) and (0, 1, 0, 1): features 0 and 2 become antipodal, and so do 1 and 3.
    lost = columns((1.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, 1.0)) / math.sqrt(2)
    W = torch.eye(4).double() - lost @ lost.T
    assert torch.allclose(geometry.compute_dimensionality(W), torch.full((4,), 0.5).double())
    pairs = geometry.find_antipodal_pairs(W * math.sqrt(2))
    assert pairs.nonzero().tolist() == [[0, 2], [1, 3]]
