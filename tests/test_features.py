"""Distributions of features against what they promise, and sparse storage against the dense samples."""

from itertools import combinations

import numpy as np
import pytest
import torch
from builders import toy_model
from scipy.stats import binomtest, chi2_contingency, chisquare, kstest

from superposition.features import (
    SparseFeatures,
    SparseSamples,
    feature_importance,
    feature_probability,
    importance_curve,
    make_distribution,
)
from superposition.seeding import torch_generator

# Seeds are fixed, so a test passes always or never; p-values below are for one draw each.
PROBABILITY = torch.tensor([[1.0, 0.7, 0.3, 0.02], [0.001, 0.5, 0.9, 0.05]])
N = 40_000


@pytest.fixture(scope="module")
def sampled():
    return SparseFeatures(PROBABILITY).sample(N, torch_generator(0, "features"))


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
    distribution = SparseFeatures(torch.tensor([[0.0, 1.0]]))
    sampled = distribution.sample(10_000, torch_generator(0, "extremes"))
    assert not sampled.isnan().any()
    assert (sampled[..., 0] == 0).all()
    assert (sampled[..., 1] > 0).float().mean() > 0.999  # a uniform number may itself be 0


def test_signed_magnitudes():
    """U[-1, 1) where U[0, 1) would be, of the same draws: as many present, and each sign as often."""
    signed = SparseFeatures(PROBABILITY, "signed_uniform").sample(N, torch_generator(0, "signed"))
    unsigned = SparseFeatures(PROBABILITY).sample(N, torch_generator(0, "signed"))
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
    distribution = SparseFeatures(PROBABILITY)
    first, again, other = (distribution.sample(9, torch_generator(seed, "features")) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_unknown_kinds_are_refused():
    with pytest.raises(
        ValueError, match=r"features.magnitude is 'normal': allowed are \['signed_uniform', 'uniform'\]"
    ):
        SparseFeatures(PROBABILITY, "normal")
    with pytest.raises(ValueError, match=r"importance.curve is 'flat': allowed are 'uniform', 'geometric'"):
        importance_curve("flat", 1.0, 3)


def test_importance_curves():
    torch.testing.assert_close(importance_curve("uniform", 1.0, 3), torch.ones(3))
    torch.testing.assert_close(importance_curve("geometric", 0.9, 4), torch.tensor([1.0, 0.9, 0.81, 0.729]))


def test_importance_and_probability_of_the_last_feature():
    sweep = {"last_importance": [1.0, 10.0], "last_probability": [0.5]}
    experiment = toy_model(
        importance={"curve": "geometric", "base": 0.5},
        features={"feature_probability": 0.2},
        sweep=sweep,
        restarts=1,
    )
    first = torch.tensor([1.0, 0.5, 0.25, 0.125, 0.0625])
    torch.testing.assert_close(
        feature_importance(experiment), torch.stack([first, first * torch.tensor([1, 1, 1, 1, 10])])
    )
    torch.testing.assert_close(feature_probability(experiment), torch.tensor([[0.2] * 4 + [0.1]] * 2))


# Sets of features: two correlated, one anticorrelated, one feature alone. Set probabilities .3 and .1, or their thirds.

SETS = {"correlated_sets": 2, "anticorrelated_sets": 1, "set_size": 3}
BY_SET = torch.tensor([[0.3] * 9 + [0.5], [0.1] * 9 + [0.02]])


@pytest.fixture(scope="module")
def in_sets():
    features = SparseFeatures(BY_SET, probability_of="set", **SETS)
    return features.sample(N, torch_generator(0, "sets"))


def test_members_of_a_correlated_set_are_present_together(in_sets):
    for begin in (0, 3):
        present = in_sets[..., begin : begin + 3] != 0
        assert (present.all(-1) == present.any(-1)).float().mean() > 1 - 1e-5  # a magnitude may itself be 0
        assert [
            binomtest(int(each), N, p).pvalue > 1e-3 for each, p in zip(present[..., 0].sum(0), (0.3, 0.1), strict=True)
        ]


def test_one_member_of_an_anticorrelated_set_is_present(in_sets):
    present = in_sets[..., 6:9] != 0
    assert present.sum(-1).max() == 1
    for instance, p in enumerate((0.3, 0.1)):
        counts = present[:, instance].sum(0).tolist()
        assert binomtest(sum(counts), N, p).pvalue > 1e-3
        assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("probability_of", ["feature", "set"])
def test_marginals(probability_of):
    p = torch.tensor([[0.3] * 9 + [0.5]])
    features = SparseFeatures(p, probability_of=probability_of, **SETS)
    share = 1 if probability_of == "feature" else 1 / 3
    torch.testing.assert_close(features.marginals, torch.tensor([[0.3] * 6 + [0.3 * share] * 3 + [0.5]]))
    sampled = features.sample(N, torch_generator(0, "marginals"))[:, 0]
    for count, expected in zip((sampled != 0).sum(0).tolist(), features.marginals[0].tolist(), strict=True):
        assert binomtest(count, N, expected).pvalue > 1e-3


@pytest.mark.parametrize("probability_of", ["feature", "set"])
def test_sets_over_the_sweep_of_the_source(probability_of):
    """ARENA 1.5.4 tests its generators so: batches of 100,000 at 30 probabilities. Here both kinds of pairs at once."""
    p = 10 ** -torch.linspace(0.5, 1, 30)
    features = SparseFeatures(p[:, None].expand(-1, 4).clone(), "uniform", 1, 1, 2, probability_of)
    errors = []
    for point in range(30):  # one at a time: 12 million numbers at once are slow
        single = SparseFeatures(features.probability[[point]], "uniform", 1, 1, 2, probability_of)
        present = single.sample(100_000, torch.Generator().manual_seed(point))[:, 0] != 0
        assert bool((present[:, 0] == present[:, 1]).all())
        assert not bool((present[:, 2] & present[:, 3]).any())
        marginal = p[point] * torch.tensor([1, 1, 0.5, 0.5] if probability_of == "set" else [1.0] * 4)
        errors.append((present.double().mean(0) - marginal).abs().mean())
    assert float(torch.stack(errors).mean()) < 0.002


def test_magnitudes_in_sets_are_uniform_and_independent(in_sets):
    for feature in range(10):
        values = in_sets[:, 0, feature]
        assert kstest(values[values != 0].numpy(), "uniform").pvalue > 1e-3
    together = in_sets[in_sets[:, 0, 0] != 0, 0, :3].T.numpy()
    assert np.abs(np.corrcoef(together) - np.eye(3)).max() < 4 / together.shape[1] ** 0.5


def test_sets_are_independent_of_each_other(in_sets):
    present = (in_sets[:, 0, [0, 3, 6, 9]] != 0).long().T
    for a, b in combinations(present, 2):
        assert chi2_contingency(torch.bincount(2 * a + b, minlength=4).view(2, 2).numpy()).pvalue > 1e-3


def test_signed_magnitudes_in_sets():
    sampled = SparseFeatures(BY_SET, "signed_uniform", probability_of="set", **SETS).sample(N, torch_generator(0, "s"))
    values = sampled[..., 6:9][sampled[..., 6:9] != 0].numpy()
    assert kstest(values, "uniform", (-1, 2)).pvalue > 1e-3


def test_sets_of_impossible_and_certain_features():
    for p, present in ((0.0, 0), (1.0, 1)):
        sampled = SparseFeatures(torch.full((1, 4), p), correlated_sets=1, anticorrelated_sets=1, probability_of="set")
        x = sampled.sample(1_000, torch_generator(0, "certain"))
        assert not x.isnan().any()
        assert (x[:, 0] != 0).sum(-1).tolist() == [3 * present] * 1_000


def test_sets_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="2 sets of 3 features do not fit into 5 features"):
        SparseFeatures(torch.full((1, 5), 0.1), correlated_sets=2, set_size=3)
    with pytest.raises(ValueError, match=r"active with probability 1.2: feature_probability must be at most 1 / 2"):
        SparseFeatures(torch.full((1, 4), 0.6), anticorrelated_sets=2)
    with pytest.raises(ValueError, match="the features of a set differ in probability"):
        SparseFeatures(torch.tensor([[0.1, 0.2]]), correlated_sets=1)
    with pytest.raises(ValueError, match=r"features.probability_of is 'pair': allowed are 'feature', 'set'"):
        SparseFeatures(torch.tensor([[0.1, 0.2]]), probability_of="pair")


def test_distribution_of_a_configuration():
    block = toy_model(features={"correlated_sets": 2, "magnitude": "signed_uniform", "probability_of": "set"})
    features = make_distribution(block["features"], torch.full((1, 5), 0.1))
    assert (features.correlated_sets, features.anticorrelated_sets, features.set_size) == (2, 0, 2)
    assert (features.n_in_sets, features.lowest, features.is_independent) == (4, -1, False)


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
        SparseFeatures(torch.full((3, 7), 0.2)).sample(50, torch_generator(0, "s")).transpose(0, 1),
        SparseFeatures(torch.full((3, 7), 0.2), "signed_uniform").sample(50, torch_generator(0, "s")).transpose(0, 1),
    ],
    ids=["by hand", "all empty", "empty points", "one number", "negative", "sampled", "signed"],
)
def test_sparse_samples_come_back(dense):
    sparse = SparseSamples.from_tensors(SparseSamples.from_dense(dense).to_tensors())
    assert len(sparse.values) == dense.count_nonzero()
    for point in range(len(dense)):
        assert torch.equal(sparse.to_dense(point), dense[point])
        for most in (0, 1, len(dense[point]) - 1, len(dense[point]) + 5):
            assert torch.equal(sparse.to_dense(point, most), dense[point][:most])
