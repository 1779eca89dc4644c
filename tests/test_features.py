"""Distributions of features against what they promise, and sparse storage against the dense samples."""

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, chi2_contingency, kstest

from superposition.features import SparseSamples, feature_importance, make_distribution
from superposition.seeding import torch_generator

# Seeds are fixed, so a test passes always or never; p-values below are for one draw each.
PROBABILITY = torch.tensor([[1.0, 0.7, 0.3, 0.02], [0.001, 0.5, 0.9, 0.05]])
N = 40_000


@pytest.fixture(scope="module")
def sampled():
    return make_distribution("independent", PROBABILITY).sample(N, torch_generator(0, "features"))


def test_shape_and_type(sampled):
    assert sampled.shape == (N, 2, 4)
    assert sampled.dtype == torch.float32
    assert 0 <= sampled.min() <= sampled.max() <= 1


def test_features_are_present_with_their_probability(sampled):
    counts = (sampled != 0).sum(0)
    for count, p in zip(counts.flatten().tolist(), PROBABILITY.flatten().tolist(), strict=True):
        assert binomtest(count, N, p).pvalue > 1e-3


def test_magnitudes_are_uniform(sampled):
    for instance in range(2):
        for feature in range(4):
            values = sampled[:, instance, feature]
            assert kstest(values[values != 0].numpy(), "uniform").pvalue > 1e-3


def test_features_are_independent(sampled):
    first, second = sampled[:, 0, 1], sampled[:, 0, 2]
    pairs = [(first, second), (first, sampled[:, 1, 1]), (first[:-1], first[1:])]  # features, instances, samples
    for a, b in pairs:
        present = torch.stack([a != 0, b != 0]).long()
        table = torch.bincount(2 * present[0] + present[1], minlength=4).view(2, 2)
        assert chi2_contingency(table.numpy()).pvalue > 1e-3
        both = (present[0] & present[1]).bool()
        assert abs(np.corrcoef(a[both], b[both])[0, 1]) < 4 / both.sum().sqrt()  # 4 standard deviations


def test_magnitude_does_not_depend_on_the_probability(sampled):
    # u / p for u < p: a mistake here would leave magnitudes that grow with p.
    means = [float(values[values != 0].mean()) for values in sampled.flatten(1).T]
    errors = [4 / (12 * N * p) ** 0.5 for p in PROBABILITY.flatten().tolist()]  # U[0, 1) has variance 1 / 12
    assert all(abs(mean - 0.5) < error for mean, error in zip(means, errors, strict=True))


def test_impossible_and_certain_features():
    distribution = make_distribution("independent", torch.tensor([[0.0, 1.0]]))
    sampled = distribution.sample(10_000, torch_generator(0, "extremes"))
    assert not sampled.isnan().any()
    assert (sampled[..., 0] == 0).all()
    assert (sampled[..., 1] > 0).float().mean() > 0.999  # a uniform number may itself be 0


def test_signed_magnitudes():
    """U[-1, 1) where U[0, 1) would be, of the same draws: as many present, and each sign as often."""
    signed = make_distribution("independent", PROBABILITY, "signed_uniform").sample(N, torch_generator(0, "signed"))
    unsigned = make_distribution("independent", PROBABILITY).sample(N, torch_generator(0, "signed"))
    present = unsigned != 0
    torch.testing.assert_close(signed[present], 2 * unsigned[present] - 1)
    assert not signed[~present].any()
    assert -1 <= signed.min() <= signed.max() <= 1
    for instance in range(2):
        for feature in range(4):
            values = signed[:, instance, feature]
            values = values[values != 0].numpy()
            assert kstest(values, "uniform", (-1, 2)).pvalue > 1e-3
            assert binomtest(int((values > 0).sum()), len(values)).pvalue > 1e-3


def test_samples_are_the_generators():
    distribution = make_distribution("independent", PROBABILITY)
    first, again, other = (distribution.sample(9, torch_generator(seed, "features")) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_unknown_kinds_are_refused():
    with pytest.raises(ValueError, match=r"features.distribution is 'zipf': allowed are \['independent'\]"):
        make_distribution("zipf", PROBABILITY)
    with pytest.raises(
        ValueError, match=r"features.magnitude is 'normal': allowed are \['signed_uniform', 'uniform'\]"
    ):
        make_distribution("independent", PROBABILITY, "normal")
    with pytest.raises(ValueError, match=r"importance.curve is 'flat': allowed are 'uniform', 'geometric'"):
        feature_importance("flat", 1.0, 3)


def test_importance_curves():
    torch.testing.assert_close(feature_importance("uniform", 1.0, 3), torch.ones(3))
    torch.testing.assert_close(feature_importance("geometric", 0.9, 4), torch.tensor([1.0, 0.9, 0.81, 0.729]))


# Sparse storage

BY_HAND = torch.tensor(
    [
        [[0.0, 0.5, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.25]],  # a row in the middle is empty
        [[0.0, 0.0, 0.0], [0.125, 0.5, 1.0], [0.0, 0.0, 0.0]],  # the first and the last are
    ]
)


def test_sparse_form_by_hand():
    sparse = SparseSamples.from_dense(BY_HAND)
    assert sparse.values.tolist() == [0.5, 1.0, 0.25, 0.125, 0.5, 1.0]
    assert sparse.features.tolist() == [1, 0, 2, 0, 1, 2]
    assert sparse.offsets.tolist() == [[0, 1, 1, 3], [3, 3, 6, 6]]
    assert (sparse.n_points, sparse.n_samples, sparse.n_features) == (2, 3, 3)


@pytest.mark.parametrize(
    "dense",
    [
        BY_HAND,
        torch.zeros(3, 4, 5),
        torch.cat([torch.zeros(1, 4, 5), torch.ones(1, 4, 5), torch.zeros(1, 4, 5)]),
        torch.ones(1, 1, 1),
        torch.tensor([[[-1.0, 0.0]]]),
        make_distribution("independent", torch.full((3, 7), 0.2)).sample(50, torch_generator(0, "s")).transpose(0, 1),
        make_distribution("independent", torch.full((3, 7), 0.2), "signed_uniform")
        .sample(50, torch_generator(0, "s"))
        .transpose(0, 1),
    ],
    ids=["by hand", "all empty", "empty points", "one number", "negative", "sampled", "signed"],
)
def test_sparse_samples_come_back(dense):
    sparse = SparseSamples.from_tensors(SparseSamples.from_dense(dense).to_tensors())
    assert len(sparse.values) == dense.count_nonzero()
    for point in range(len(dense)):
        assert torch.equal(sparse.to_dense(point), dense[point])
