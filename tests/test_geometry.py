"""Polytopes whose answers are worked out by hand, and theorems as properties of random W."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from weight_matrices import columns, random_rotation, random_W

from superposition import geometry


def k_gon(k, start=0.0):
    angles = [start + 2 * math.pi * i / k for i in range(k)]
    return columns(*[(math.cos(a), math.sin(a)) for a in angles])


def square_antiprism():
    # Two squares, 45 degrees apart, at heights +-h, each vertex r from the axis. W W^T = diag(4 r^2, 4 r^2, 8 h^2) is a
    # multiple of the identity if r^2 = 2 h^2, and unit vectors need r^2 + h^2 = 1: h^2 = 1/3, r^2 = 2/3, W W^T = 8/3 I.
    h, r = math.sqrt(1 / 3), math.sqrt(2 / 3)
    turns = [(i * math.pi / 2, h) for i in range(4)] + [((i + 0.5) * math.pi / 2, -h) for i in range(4)]
    return columns(*[(r * math.cos(a), r * math.sin(a), z) for a, z in turns])


def tetrahedron():
    return columns((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)) / math.sqrt(3)


def octahedron():
    return torch.cat([torch.eye(3), -torch.eye(3)], dim=1).double()


# For unit vectors with W W^T = (n/m) I, the denominator What_i^T W W^T What_i is n/m, so D_i = m/n.
POLYTOPES = [
    pytest.param(torch.eye(4).double(), 1, id="orthonormal"),
    pytest.param(columns((1.0,), (-1.0,)), 1 / 2, id="digon"),
    pytest.param(k_gon(3), 2 / 3, id="triangle"),
    pytest.param(tetrahedron(), 3 / 4, id="tetrahedron"),
    pytest.param(k_gon(5), 2 / 5, id="pentagon"),
    pytest.param(square_antiprism(), 3 / 8, id="square antiprism"),
    pytest.param(octahedron(), 1 / 2, id="octahedron"),
]


@pytest.mark.parametrize(("W", "expected"), POLYTOPES)
def test_dimensionality_of_polytopes(W, expected):
    D = geometry.compute_dimensionality(W)
    assert D.tolist() == pytest.approx([expected] * W.shape[1])
    # Unit vectors: the denominator is 1 + interference, so interference = 1/D - 1; and |W|_F^2 = n.
    assert geometry.compute_interference(W).tolist() == pytest.approx([1 / expected - 1] * W.shape[1])
    assert geometry.compute_dimensions_per_feature(W).item() == pytest.approx(W.shape[0] / W.shape[1])
    assert geometry.find_superposed(W).all().item() == (expected < 1)
    geometry.check_invariants(W)


@pytest.mark.parametrize("k", [3, 4, 5, 6, 7, 12])
def test_dimensionality_of_k_gons_is_two_over_k(k):
    assert geometry.compute_dimensionality(k_gon(k)).tolist() == pytest.approx([2 / k] * k)


def test_parallel_and_antiparallel_features_share_one_dimension():
    W = columns((1, 0, 0), (-1, 0, 0), (1, 0, 0), (0, 1, 0))
    assert geometry.compute_dimensionality(W).tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1])
    assert geometry.compute_rank(W).item() == 2


def test_unequal_norms_by_hand():
    # Columns 2 and 1 on one axis: D = 4 / (4 + 1), 1 / (4 + 1); interference is the other's square.
    W = columns((2.0, 0.0), (1.0, 0.0), (0.0, 0.4))
    assert geometry.compute_norms(W).tolist() == pytest.approx([2, 1, 0.4])
    assert geometry.compute_dimensionality(W).tolist() == pytest.approx([0.8, 0.2, 1.0])
    assert geometry.compute_interference(W).tolist() == pytest.approx([1.0, 4.0, 0.0])
    assert geometry.find_represented(W).tolist() == [True, True, False]
    assert geometry.find_represented(W, threshold=0.3).tolist() == [True, True, True]
    assert geometry.find_superposed(W).tolist() == [True, True, False]
    assert geometry.compute_dimensions_per_feature(W).item() == pytest.approx(2 / (4 + 1 + 0.16))


def test_find_superposed_needs_a_represented_feature():
    # The short column has interference 1, but stands for no feature; the long one gets only 0.3^2 = 0.09.
    assert geometry.find_superposed(columns((1.0, 0.0), (0.3, 0.0))).tolist() == [False, False]


@pytest.mark.parametrize("short", [0.0, 1e-9])
def test_absent_features(short):
    W = columns((1.0, 0.0), (0.0, short), (1.0, 0.0))
    assert geometry.compute_dimensionality(W).tolist() == pytest.approx([0.5, 0.0, 0.5])
    assert geometry.compute_interference(W).isnan().tolist() == [False, True, False]
    assert geometry.find_superposed(W).tolist() == [True, False, True]
    cosines = geometry.compute_cosines(W)
    assert cosines.isnan().tolist() == [[False, True, False], [True, True, True], [False, True, False]]
    assert cosines[0, 0] == cosines[2, 2] == 1
    geometry.check_invariants(W)


def test_zero_W():
    W = torch.zeros(2, 3)
    assert geometry.compute_dimensionality(W).tolist() == [0, 0, 0]
    assert geometry.compute_dimensions_per_feature(W).isnan()
    assert geometry.compute_rank(W).item() == 0


def test_cosines_by_hand():
    cosines = geometry.compute_cosines(columns((2, 0), (3, 3), (0, -1)))
    half = math.sqrt(0.5)
    assert cosines.flatten().tolist() == pytest.approx([1, half, 0, half, 1, -half, 0, -half, 1])
    assert cosines.diagonal().tolist() == [1, 1, 1]


def test_rank_ignores_rounding_of_the_given_dtype():
    W = torch.cat([random_W(0, 5, 2) @ random_W(1, 2, 6), torch.zeros(5, 1)], dim=1)
    assert geometry.compute_rank(W).item() == 2
    assert geometry.compute_rank(W.float()).item() == 2
    assert geometry.compute_rank(torch.diag(torch.tensor([1, 1e-9]).double())).item() == 2


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n_hidden=st.integers(1, 5), n_features=st.integers(1, 8), n_zero=st.integers(0, 3))
def test_theorems_and_invariances(seed, n_hidden, n_features, n_zero):
    W = random_W(seed, 3, n_hidden, n_features)
    W[:, :, :n_zero] = 0
    D, interference = geometry.compute_dimensionality(W), geometry.compute_interference(W)
    assert (D >= 0).all()
    assert not (interference < 0).any()
    assert (D <= 1 + 1e-12).all()
    assert (D.sum(-1) - geometry.compute_rank(W) <= 1e-9).all()

    rotated = random_rotation(seed, n_hidden) @ W
    torch.testing.assert_close(geometry.compute_dimensionality(rotated), D)
    torch.testing.assert_close(geometry.compute_interference(rotated), interference, equal_nan=True)
    torch.testing.assert_close(geometry.compute_cosines(rotated), geometry.compute_cosines(W), equal_nan=True)

    order = torch.randperm(n_features, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(geometry.compute_dimensionality(W[:, :, order]), D[:, order])

    torch.testing.assert_close(geometry.compute_dimensionality(3 * W), D)
    torch.testing.assert_close(geometry.compute_interference(3 * W), 9 * interference, equal_nan=True)
    torch.testing.assert_close(
        geometry.compute_dimensions_per_feature(3 * W), geometry.compute_dimensions_per_feature(W) / 9, equal_nan=True
    )


def test_interference_equals_the_textbook_sum():
    W = random_W(3, 4, 7)
    overlaps = (W / W.norm(dim=0)).T @ W
    overlaps.fill_diagonal_(0)
    torch.testing.assert_close(geometry.compute_interference(W), overlaps.square().sum(1))


def test_batched_models_are_measured_one_by_one_in_float64():
    W = random_W(4, 2, 3, 2, 5).float()
    for measure in (
        geometry.compute_norms,
        geometry.compute_cosines,
        geometry.compute_interference,
        geometry.compute_dimensionality,
        geometry.compute_dimensions_per_feature,
        geometry.compute_rank,
        geometry.compute_gap_deviation,
        geometry.find_antipodal_pairs,
    ):
        together = measure(W)
        assert together.dtype in (torch.float64, torch.int64, torch.bool)
        assert together.shape[:2] == (2, 3)
        torch.testing.assert_close(together[1, 2], measure(W[1, 2]), equal_nan=True)


def test_parameters_that_require_gradients_are_measured():
    W = torch.nn.Parameter(k_gon(5))
    assert not geometry.compute_dimensionality(W).requires_grad


@pytest.mark.parametrize("k", [2, 3, 5, 7])
def test_gap_deviation_of_regular_polygons(k):
    for start in (0.0, 0.3, -2.0, math.pi):
        assert geometry.compute_gap_deviation(k_gon(k, start)).item() == pytest.approx(0, abs=1e-9)


def test_gap_deviation_by_hand():
    # Directions at 0, 90 and 180 degrees, a short column at 300: gaps 90, 90, 180 against 120. Then 0 and 90: 90, 270.
    W = columns((1, 0), (0, 1), (-1, 0), (0.2, -0.3))
    assert geometry.compute_gap_deviation(W).item() == pytest.approx(60)
    assert geometry.compute_gap_deviation(W[:, [3, 1, 0]]).item() == pytest.approx(90)
    assert geometry.compute_gap_deviation(5 * W, threshold=6).isnan()


def test_gap_deviation_counts_features_per_model():
    triangle = torch.cat([k_gon(3), torch.zeros(2, 2)], dim=1)[:, [3, 0, 4, 2, 1]]
    single = torch.cat([k_gon(1), torch.zeros(2, 4)], dim=1)
    deviations = geometry.compute_gap_deviation(torch.stack([k_gon(5), triangle, single, torch.zeros(2, 5)]))
    assert deviations[:2].tolist() == pytest.approx([0, 0], abs=1e-9)
    assert deviations[2:].isnan().all()


def test_gap_deviation_needs_two_hidden_dimensions():
    with pytest.raises(ValueError, match="n_hidden = 2, got 3"):
        geometry.compute_gap_deviation(torch.eye(3))


def test_antipodal_pairs_by_hand():
    # 0 and 2 are exactly opposite; 1 and 3 too, but 3 is not represented; 1 and 4 are at 170 degrees, cosine -0.985.
    a = math.radians(260)
    W = columns((1, 0), (0, 1), (-1, 0), (0, -0.1), (math.cos(a), math.sin(a)))
    pairs = geometry.find_antipodal_pairs(W)
    assert pairs.nonzero().tolist() == [[0, 2], [1, 4]]
    assert geometry.count_antipodal_pairs(W).item() == 2
    assert geometry.count_antipodal_pairs(W, threshold=-0.99).item() == 1
    assert geometry.count_antipodal_pairs(torch.stack([k_gon(4), k_gon(4, 1.0)])).tolist() == [2, 2]
    assert geometry.count_antipodal_pairs(k_gon(5)).item() == 0


def test_fraction_near_rays_by_hand():
    # Rays at 0 and 90 degrees; the feature at 180 is not represented. At 4 and 94: near. At 45 and 180: not.
    W = columns((1, 0), (0, 1), (-0.3, 0))
    angles = torch.tensor([4, 94, 45, 180]).double().deg2rad()
    hidden = torch.stack([angles.cos(), angles.sin()], dim=1) * torch.tensor([[0.01], [1], [2], [3]])
    hidden = torch.cat([hidden, torch.zeros(3, 2)])
    assert geometry.fraction_near_rays(hidden, W) == pytest.approx(2 / 4)
    assert geometry.fraction_near_rays(hidden, W, degrees=3) == 0
    assert geometry.fraction_near_rays(hidden, W, degrees=46) == pytest.approx(3 / 4)
    assert geometry.fraction_near_rays(hidden, 0.1 * W) == 0
    assert math.isnan(geometry.fraction_near_rays(torch.zeros(3, 2), W))
    with pytest.raises(ValueError, match=r"got \[3, 3\] and \[2, 3\]"):
        geometry.fraction_near_rays(torch.zeros(3, 3), W)


def test_input_that_cannot_be_measured():
    with pytest.raises(ValueError, match=r"got shape \[3\]"):
        geometry.compute_norms(torch.ones(3))
    with pytest.raises(ValueError, match=r"2 of 8 values are NaN or infinite, the first at \[1, 0, 1\]"):
        geometry.compute_norms(torch.tensor([[[1.0, 1], [1, 1]], [[1, torch.nan], [torch.inf, 1]]]))
