"""What a synthetic dictionary's samples are: probabilities, trees, sets, correlations and magnitudes against theory.

Rates are held against five standard deviations of a binomial count; seeds are fixed, so a verdict stays what it is.
"""

import math

import numpy as np
import pytest
import torch
from dictionary_blocks import dictionary, make, sample

from superposition.dictionaries import make_dictionary
from superposition.dictionaries.probabilities import firing_probabilities
from superposition.dictionaries.source import DictionarySource
from superposition.seeding import torch_generator

N = 20_000
TREE = [
    {"name": "parents", "n_features": 2, "probability": 0.4},
    {"name": "children", "parent": "parents", "n_features": 3, "probability": 0.1},
]


def tree(**child):
    return [TREE[0], TREE[1] | child]


def assert_rates(x, expected, n_samples=N):
    """That features are present with the expected probabilities."""
    expected = torch.as_tensor(expected, dtype=torch.float64)
    rate, deviation = (x > 0).double().mean(0), (expected * (1 - expected) / n_samples).sqrt()
    assert ((rate - expected).abs() <= 5 * deviation + 1e-9).all(), (rate, expected)


def rate_of(event, among=None):
    """Share of the samples, among those given, and how far it may be from the truth."""
    counted = event if among is None else event[among]
    rate = float(counted.double().mean())
    return rate, 5 * math.sqrt(max(rate * (1 - rate), 1e-9) / len(counted))


# Probabilities


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        (0.3, [0.3, 0.3, 0.3, 0.3]),
        ({"curve": "linear", "first": 0.4, "last": 0.1}, [0.4, 0.3, 0.2, 0.1]),
        ({"curve": "geometric", "first": 0.8, "ratio": 0.5}, [0.8, 0.4, 0.2, 0.1]),
        # ranks^-1 = 1, 1/2, 1/3, 1/4; less 1/4, over 3/4: 1, 1/3, 1/9, 0
        ({"curve": "zipf", "first": 0.55, "last": 0.1, "exponent": 1.0}, [0.55, 0.25, 0.15, 0.1]),
    ],
)
def test_curves_by_hand(curve, expected):
    assert firing_probabilities(curve, 4, np.random.default_rng(0)) == pytest.approx(expected)


def test_log_uniform_probabilities_are_uniform_in_the_logarithm():
    curve = {"curve": "log_uniform", "first": 1e-4, "last": 0.1}
    logs = np.log10(firing_probabilities(curve, 10_000, np.random.default_rng(0)))
    assert logs.min() >= -4
    assert logs.max() <= -1
    counts, _ = np.histogram(logs, bins=3, range=(-4, -1))
    assert counts == pytest.approx(10_000 / 3, rel=0.05)


@pytest.mark.parametrize("curve", [0.1, {"curve": "linear", "first": 0.9, "last": 0.01}])
def test_features_are_present_with_their_probabilities(curve):
    made = make(probability=curve)
    assert_rates(sample(made), made.marginal)
    assert made.marginal.tolist() == pytest.approx(firing_probabilities(curve, 8, None).tolist())


def test_probabilities_are_scaled_to_a_mean_number():
    made = make(probability={"curve": "geometric", "first": 0.9, "ratio": 0.9}, mean_l0=1.5)
    assert float(made.marginal.sum()) == pytest.approx(1.5)
    assert (made.marginal[1:] / made.marginal[:-1]).tolist() == pytest.approx([0.9] * 7, rel=1e-5)
    with pytest.raises(ValueError, match=r"mean_l0 is 9.0: allowed are numbers up to 8"):
        make(mean_l0=9)


# Trees


def test_children_are_present_with_their_own_probability_and_only_with_their_parent():
    made = make(groups=tree())
    x = sample(made)
    assert made.parents.tolist() == [-1, -1, 0, 0, 0, 1, 1, 1]
    assert_rates(x, [0.4] * 2 + [0.1] * 6)
    for child in range(2, 8):
        parent = x[:, made.parents[child]] > 0
        assert not (x[:, child] > 0)[~parent].any()
        rate, tolerance = rate_of(x[:, child] > 0, parent)
        assert abs(rate - 0.25) < tolerance  # .1 / .4


def test_probabilities_given_the_parent():
    made = make(groups=tree(probability=0.3, probability_of="feature_given_parent"))
    assert_rates(sample(made), [0.4] * 2 + [0.4 * 0.3] * 6)
    both = (sample(made)[:, [2, 3]] > 0).all(1)  # siblings are independent, given their parent
    rate, tolerance = rate_of(both)
    assert abs(rate - 0.4 * 0.3**2) < tolerance


def test_at_most_one_child_is_present():
    groups = tree(choice="at_most_one", probability=0.2, probability_of="feature_given_parent")
    made = make(groups=groups)
    x = sample(made)
    assert_rates(x, [0.4] * 2 + [0.08] * 6)
    for parent, children in ((0, slice(2, 5)), (1, slice(5, 8))):
        count = (x[:, children] > 0).sum(1)
        assert count.max() == 1
        rate, tolerance = rate_of(count == 0, x[:, parent] > 0)
        assert abs(rate - 0.4) < tolerance  # 1 - 3 * .2


def test_exclusive_children_fill_their_parent_where_they_may():
    made = make(groups=tree(choice="at_most_one", probability=0.4 / 3))
    x = sample(made)
    assert_rates(x, [0.4] * 2 + [0.4 / 3] * 6)
    assert torch.equal((x[:, 2:5] > 0).sum(1) == 1, x[:, 0] > 0)


def test_three_levels_keep_the_declared_probabilities():
    groups = [
        {"name": "a", "n_features": 1, "probability": 0.5},
        {"name": "b", "parent": "a", "n_features": 2, "probability": 0.2, "choice": "at_most_one"},
        {"name": "c", "parent": "b", "n_features": 2, "probability": 0.08},
    ]
    made = make(groups=groups)
    assert made.parents.tolist() == [-1, 0, 0, 1, 1, 2, 2, -1]
    assert_rates(sample(made), [0.5, 0.2, 0.2, 0.08, 0.08, 0.08, 0.08, 0.2])
    assert made.gate[3:7].tolist() == pytest.approx([0.4] * 4)  # .08 / .2


def test_children_that_their_parent_leaves_no_room_for():
    groups = tree(choice="at_most_one", probability=0.2)  # 3 * .2 > .4
    with pytest.raises(ValueError, match=r"features 2 to 4 would have the probability 1.5 given feature 0"):
        make(groups=groups)
    lowered = make(groups=groups, probability_excess="lower")
    assert_rates(sample(lowered), [0.4] * 2 + [0.4 / 3] * 6)
    with pytest.raises(ValueError, match=r"feature 2 would have the probability 1.25 given feature 0"):
        make(groups=tree(probability=0.5))
    with pytest.raises(ValueError, match=r"features 0 to 3 would have the probability 1.2: allowed"):
        make(groups=[{"name": "set", "n_features": 4, "choice": "at_most_one", "probability": 0.3}])


def test_a_child_is_scaled_by_its_parent():
    uniform = {"kind": "uniform", "mean": 0.5}
    made = make(groups=tree(scale_by_parent=True), magnitude=uniform, probability=0.4)
    plain = make(groups=tree(), magnitude=uniform, probability=0.4)
    x, unscaled = sample(made), sample(plain)  # the same draws
    assert torch.equal(x[:, :2], unscaled[:, :2])
    torch.testing.assert_close(x[:, 2:5], unscaled[:, 2:5] * x[:, :1] / 0.5)
    assert float(x[:, 2][x[:, 2] > 0].mean()) == pytest.approx(0.5, rel=0.05)


# Sets


def test_every_sample_has_one_feature_of_each_set():
    made = make(groups=[{"name": "sets", "n_features": 4, "count": 2, "choice": "exactly_one"}])
    x = sample(made)
    assert made.sets.tolist() == [0] * 4 + [1] * 4
    assert torch.equal((x > 0).view(N, 2, 4).sum(2), torch.ones(N, 2, dtype=torch.int64))
    assert_rates(x, [0.25] * 8)
    rate, tolerance = rate_of((x[:, 0] > 0) & (x[:, 5] > 0))  # the sets are independent
    assert abs(rate - 1 / 16) < tolerance


def test_probabilities_in_a_set_are_ratios():
    linear = {"curve": "linear", "first": 0.1, "last": 0.4}
    made = make(n_features=5, groups=[{"name": "a", "n_features": 4, "choice": "exactly_one", "probability": linear}])
    assert made.sets.tolist() == [0, 0, 0, 0, -1]
    assert_rates(sample(made), [0.1, 0.2, 0.3, 0.4, 0.2])


def test_one_hot_samples_keep_one_set():
    sets = [{"name": "sets", "n_features": 4, "count": 2, "choice": "exactly_one"}]
    made = make(groups=sets, one_hot_share=0.75)
    x = sample(made)
    rate, tolerance = rate_of((x > 0).sum(1) == 1)
    assert abs(rate - 0.75) < tolerance
    assert_rates(x, [0.25 * (0.25 + 0.75 / 2)] * 8)


def test_magnitudes_of_a_sample_are_equal():
    sets = [{"name": "sets", "n_features": 4, "count": 2, "choice": "exactly_one"}]
    x = sample(make(groups=sets, equal_magnitudes=True, magnitude={"kind": "uniform", "mean": 0.5}))
    values = x[x > 0].view(N, 2)
    assert torch.equal(values[:, 0], values[:, 1])
    assert float(values.mean()) == pytest.approx(0.5, abs=0.01)
    assert values.std() > 0.25


def test_empty_samples_get_a_feature():
    changes = {"n_features": 9, "probability": 0.05, "groups": tree(), "magnitude": {"kind": "uniform", "mean": 0.3}}
    x, plain = sample(make(zero_samples="one_feature", **changes)), sample(make(**changes))
    empty = ~(plain > 0).any(1)
    assert empty.any()
    assert torch.equal(x[~empty], plain[~empty])
    assert torch.equal(x[empty].sum(1), torch.ones(int(empty.sum())))
    assert set(x[empty].argmax(1).tolist()) == {0, 1, 8}  # those without a parent


# Correlation


def joint_of_normals(p, q, correlation):
    """P(both below their quantiles) of two standard normal numbers, by numerical integration."""
    from scipy.stats import multivariate_normal, norm

    return multivariate_normal([0, 0], [[1, correlation], [correlation, 1]]).cdf([norm.ppf(p), norm.ppf(q)])


@pytest.mark.parametrize("correlation", [0.8, -0.6])
def test_a_copula_has_the_marginals_and_the_joint_probability(correlation):
    matrix = [[1, correlation, 0], [correlation, 1, 0], [0, 0, 1]]
    curve = {"curve": "linear", "first": 0.3, "last": 0.1}
    made = make(n_features=3, probability=curve, correlation={"kind": "given", "matrix": matrix})
    x = sample(made) > 0
    assert_rates(x, [0.3, 0.2, 0.1])
    for pair, joint in (((0, 1), joint_of_normals(0.3, 0.2, correlation)), ((1, 2), 0.2 * 0.1)):
        rate, tolerance = rate_of(x[:, list(pair)].all(1))
        assert abs(rate - joint) < tolerance


@pytest.mark.parametrize(
    "correlation", [{"kind": "random_matrix", "strength": 1.0}, {"kind": "low_rank", "rank": 3, "strength": 0.4}]
)
def test_random_correlations_keep_the_marginals(correlation):
    made = make(n_features=30, correlation=correlation, probability={"curve": "linear", "first": 0.5, "last": 0.05})
    x = sample(made)
    assert_rates(x, made.marginal)
    found = np.corrcoef((x > 0).numpy().T) - np.eye(30)
    assert np.sqrt((found**2).mean()) > 5 / math.sqrt(N)  # they are correlated
    normals = made.correlation.normals(N, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(normals.std(0), 1, atol=0.03)
    measured = np.corrcoef(normals.numpy().T)[~np.eye(30, dtype=bool)]
    assert math.sqrt((measured**2).mean()) == pytest.approx(made.correlation.rms, rel=0.02)


def test_a_matrix_that_is_no_correlation_matrix_is_repaired():
    from superposition.dictionaries.correlation import nearest_correlation

    impossible = torch.tensor([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]], dtype=torch.float64)
    assert torch.linalg.eigvalsh(impossible)[0] < 0
    repaired = nearest_correlation(impossible)
    assert torch.linalg.eigvalsh(repaired)[0] > 0
    torch.testing.assert_close(repaired.diagonal(), torch.ones(3, dtype=torch.float64))
    assert repaired[0, 1] > 0.4
    assert repaired[0, 2] < -0.4
    possible = torch.tensor([[1, 0.5], [0.5, 1]], dtype=torch.float64)
    assert torch.equal(nearest_correlation(possible), possible)


def test_correlated_parents_leave_trees_whole():
    made = make(groups=tree(), correlation={"kind": "given", "matrix": [[1, 0.9], [0.9, 1]]})
    x = sample(made)
    assert_rates(x, [0.4] * 2 + [0.1] * 6)
    assert (x[:, 0] > 0)[x[:, 1] > 0].double().mean() > 0.7


# Magnitudes


@pytest.mark.parametrize("kind", ["constant", "uniform", "exponential", "rectified_normal", "log_normal"])
def test_magnitudes_have_their_means(kind):
    std = {"std": 0.5} if kind.endswith("normal") else {}
    ends = {"first": 5, "last": 2}
    made = make(n_features=4, magnitude={"kind": kind, "mean": ends} | std, probability=0.9)
    x = sample(made)
    for feature, mean in enumerate([5, 4, 3, 2]):
        values = x[:, feature][x[:, feature] > 0]
        spread = {"constant": 0, "uniform": mean / math.sqrt(3), "exponential": mean}.get(kind, 0.5)
        assert float(values.mean()) == pytest.approx(mean, abs=5 * spread / math.sqrt(len(values)) + 1e-5)
        assert float(values.std()) == pytest.approx(spread, rel=0.05, abs=1e-5)


def test_exponential_magnitudes_have_no_memory():
    # P(x > 2 mean) = P(x > mean)^2 = e^-2
    x = sample(make(probability=0.9, magnitude={"kind": "exponential", "mean": 3}))
    values = x[x > 0]
    for length in (1, 2):
        error = 5 * math.sqrt(math.exp(-length) / len(values))
        assert float((values > 3 * length).double().mean()) == pytest.approx(math.exp(-length), abs=error)


def test_a_normal_magnitude_below_zero_is_absence():
    # max(0, N(1, 1)) is 0 with probability Phi(-1) = .15866, and else has the mean 1 + phi(1) / Phi(1) = 1.28760.
    made = make(probability=0.5, magnitude={"kind": "rectified_normal", "mean": 1, "std": 1})
    x = sample(made)
    assert_rates(x, [0.5 * 0.84134] * 8)
    assert float(x[x > 0].mean()) == pytest.approx(1.28760, rel=0.01)
    assert made.magnitudes.present_mean.tolist() == pytest.approx([1.28760] * 8, rel=1e-4)


def test_children_of_rectified_parents_keep_their_probability():
    magnitude = {"kind": "rectified_normal", "mean": 1, "std": 1}
    made = make(groups=tree(), magnitude=magnitude)
    x = sample(made)
    assert_rates(x, [0.4 * 0.84134] * 2 + [0.1 * 0.84134] * 6)
    assert not (x[:, 2:5] > 0).any(1)[x[:, 0] == 0].any()


def test_standard_deviations_are_folded_normal():
    made = make(n_features=5_000, magnitude={"kind": "log_normal", "mean": 1, "std": {"mean": 0.5, "std": 0.5}})
    std = made.magnitudes.std
    assert (std >= 0).all()
    # mean of |N(.5, .5)| = .5 (sqrt(2 / pi) exp(-1/2) + 1 - 2 Phi(-1)) = .58331
    assert float(std.mean()) == pytest.approx(0.58331, rel=0.03)


# The whole


def test_a_seed_gives_the_same_bits():
    changes = {
        "groups": tree(scale_by_parent=True),
        "magnitude": {"kind": "log_normal", "std": 0.5},
        "correlation": {"kind": "low_rank", "rank": 2, "strength": 0.5},
        "noise": 0.1,
        "bias_norm": 1.0,
    }
    one, again, other = make(**changes), make(**changes), make(seed=1, **changes)
    assert torch.equal(one.W, again.W)
    assert torch.equal(one.bias, again.bias)
    assert torch.equal(sample(one), sample(again))
    assert not torch.equal(one.W, other.W)
    assert not torch.equal(sample(one), sample(one, seed=2))


def test_a_stored_dictionary_draws_the_same_samples():
    for correlation in ({}, {"correlation": {"kind": "low_rank", "rank": 2, "strength": 0.5}}):
        block = dictionary(groups=tree(), magnitude={"kind": "log_normal", "std": 0.5}, noise=0.1, **correlation)
        made = make_dictionary("tiny", block, 0)
        restored = type(made).from_tensors(block, made.to_tensors())
        assert torch.equal(sample(restored), sample(made))


def test_activations_are_sums_of_directions():
    made = make(bias_norm=2.0, noise=0.5, probability=0.5)
    x = sample(made, 4_000)
    h = made.embed(x)
    torch.testing.assert_close(h, x @ made.W.T + made.bias)
    assert float(made.bias.norm()) == pytest.approx(2)
    noise = made.embed(x, torch.Generator().manual_seed(0)) - h
    assert float(noise.std()) == pytest.approx(0.5, rel=0.05)
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)


def test_autoencoders_of_a_sweep_share_the_activations_of_a_dictionary():
    made = make(noise=0.1, bias_norm=1.0)
    source = DictionarySource(made)
    h = source.sample(50, 7, torch_generator(0, "batches"))
    assert h.shape == (50, 1, 6)
    generator = torch_generator(0, "batches")
    x = made.sample(50, generator)
    assert torch.equal(h[:, 0], made.embed(x, generator))
    assert not torch.equal(h[:, 0], made.embed(x))  # there is noise
    assert torch.equal(source.W, made.W)
    assert torch.equal(source.bias, made.bias)
