"""Every metric on identical, permuted, negated, rescaled and random input, and against answers worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superposition import metrics
from superposition.matching import cosine_similarity, match_one_to_one

NAN = float("nan")
# Feature 0 is shared by latents 0 and 1, feature 1 is near no latent, latent 2 is the inverse of feature 2.
SIMILARITY = np.array([[1.0, 0.8, 0.0], [0.0, 0.6, 0.0], [0.0, 0.0, -1.0]])


def test_recovery_by_hand():
    assert metrics.mmcs_truth(SIMILARITY) == pytest.approx((1.0 + 0.6 + 0.0) / 3)
    assert metrics.mmcs_latent(SIMILARITY) == pytest.approx((1.0 + 0.8 + 0.0) / 3)
    assert metrics.recovered(SIMILARITY, 0.5) == 2
    assert metrics.recovered(SIMILARITY, 0.6) == 1  # strictly above
    # The diagonal sums to 1 + .6 - 1; giving latent 2 to feature 1 instead sums to 1 + 0 + 0, the best there is.
    assert metrics.matched_cosine(SIMILARITY) == pytest.approx(1 / 3)
    assert metrics.matched_cosine(SIMILARITY, absolute=True) == pytest.approx((1.0 + 0.6 + 1.0) / 3)
    assert metrics.uniqueness(SIMILARITY) == pytest.approx(2 / 3)
    np.testing.assert_allclose(metrics.nearest_angles(SIMILARITY), [0, math.degrees(math.acos(0.6)), 90])


def test_missed_features_lower_the_matched_cosine():
    # One latent, on feature 0 exactly: the mean over matched pairs would be 1.
    assert metrics.matched_cosine([[1.0], [0.0], [0.0]]) == pytest.approx(1 / 3)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n_features=st.integers(1, 6), d=st.integers(2, 4))
def test_recovery_of_the_true_dictionary(seed, n_features, d):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n_features, d))
    latents = truth[rng.permutation(n_features)] * rng.uniform(0.1, 9, size=(n_features, 1))
    similarity = cosine_similarity(truth, latents)
    assert metrics.mmcs_truth(similarity) == pytest.approx(1)
    assert metrics.mmcs_latent(similarity) == pytest.approx(1)
    assert metrics.matched_cosine(similarity) == pytest.approx(1)
    assert metrics.recovered(similarity, 0.999) == n_features
    assert metrics.uniqueness(similarity) == 1
    np.testing.assert_allclose(metrics.nearest_angles(similarity), 0, atol=1e-5)
    assert metrics.matched_cosine(-similarity, absolute=True) == pytest.approx(1)


def test_negated_latents_are_not_recovered():
    similarity = cosine_similarity(np.eye(3), -np.eye(3))
    assert metrics.mmcs_truth(similarity) == metrics.mmcs_latent(similarity) == 0
    assert metrics.recovered(similarity, 0.5) == 0
    assert metrics.nearest_angles(np.array([[-1.0]])).tolist() == [180]
    assert metrics.uniqueness(similarity) == 1


def test_the_two_mmcs_are_each_others_transpose():
    similarity = np.random.default_rng(0).uniform(-1, 1, (3, 7))
    assert metrics.mmcs_truth(similarity) == pytest.approx(metrics.mmcs_latent(similarity.T))
    assert metrics.mmcs_truth(similarity) != pytest.approx(metrics.mmcs_latent(similarity))


def test_latents_without_a_direction():
    similarity = np.array([[NAN, 0.9], [NAN, 0.2]])
    assert metrics.mmcs_truth(similarity) == pytest.approx(0.55)
    assert math.isnan(metrics.mmcs_latent(similarity))
    assert metrics.recovered(similarity, 0.5) == 1
    assert metrics.matched_cosine(similarity) == pytest.approx(0.45)
    assert metrics.uniqueness(similarity) == pytest.approx(1 / 2)
    none = np.array([[NAN]])
    assert math.isnan(metrics.mmcs_truth(none))
    assert np.isnan(metrics.nearest_angles(none)).all()
    assert metrics.recovered(none, 0.5) == 0
    assert metrics.uniqueness(none) == 0


def test_empty_similarity_is_an_error():
    for metric in (metrics.mmcs_truth, metrics.mmcs_latent, metrics.matched_cosine, metrics.uniqueness):
        with pytest.raises(ValueError, match=r"got shape \(3, 0\)"):
            metric(np.zeros((3, 0)))


def test_chance_floor_of_two_random_latents_in_the_plane():
    # The angle to the nearer of two uniform directions has density (2/pi)(1 - t/pi) on [0, pi], so the mean cosine is
    # (2/pi) int cos t dt - (2/pi^2) int t cos t dt = 0 + 4/pi^2 = 0.405. For one direction it is 0.
    rng = np.random.default_rng(0)
    truth = np.random.default_rng(1).normal(size=(5, 2))
    two = metrics.chance_floor(truth, 2, metrics.mmcs_truth, 4000, rng)
    assert two.mean == pytest.approx(4 / math.pi**2, abs=0.02)
    assert metrics.chance_floor(truth, 1, metrics.mmcs_truth, 4000, rng).mean == pytest.approx(0, abs=0.05)


def test_chance_floor_is_deterministic_and_orders_its_quantiles():
    truth = np.eye(3)

    def draw(seed):
        rng = np.random.default_rng(seed)
        return metrics.chance_floor(truth, 3, metrics.mmcs_truth, 50, rng, quantiles=(0.1, 0.5, 0.9))

    first = draw(0)
    assert first.mean == draw(0).mean != draw(1).mean
    assert first.quantiles[0] < first.quantiles[1] < first.quantiles[2]
    constant = metrics.chance_floor(truth, 3, lambda similarity: similarity.size, 4, np.random.default_rng(0))
    assert constant.mean == 9
    assert constant.quantiles.tolist() == [9, 9]
    with pytest.raises(ValueError, match="n_draws must be at least 1, got 0"):
        metrics.chance_floor(truth, 3, metrics.mmcs_truth, 0, np.random.default_rng(0))


def test_activity_by_hand():
    latents = np.array([[1.0, 0.0, 0.0], [2.0, 0.5, 0.0]])
    assert metrics.l0(latents) == pytest.approx(3 / 2)
    assert metrics.l0(100 * latents) == pytest.approx(3 / 2)
    assert metrics.dead_latents(latents).tolist() == [False, False, True]
    assert metrics.l0(np.zeros((4, 3))) == 0


def test_gate_scores_by_hand():
    # Feature 0, latent 1: active in samples 0, 1, 2 and 1, 2, 3: 2 hits, precision 2/3, recall 2/3, F1 2/3.
    # Feature 1, latent 0: active in sample 0 and 0, 1: 1 hit, precision 1/2, recall 1, F1 2/3.
    # Feature 2 is unmatched, feature 3 (latent 2) has a dead latent: 0. Feature 4 is never active: NaN.
    features = np.array([[1, 3, 1, 0, 0], [1, 0, 0, 1, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    latents = np.array([[1, 0, 0, 1], [2, 1, 0, 0], [0, -1, 0, 0], [0, 1, 0, 0]])
    scores = metrics.gate_scores(features, latents, np.array([0, 1, 3, 4]), np.array([1, 0, 2, 3]))
    np.testing.assert_allclose(scores.precision, [2 / 3, 1 / 2, 0, 0, NAN])
    np.testing.assert_allclose(scores.recall, [2 / 3, 1, 0, 0, NAN])
    np.testing.assert_allclose(scores.f1, [2 / 3, 2 / 3, 0, 0, NAN])
    macro = metrics.macro_scores(scores)
    assert macro[:3] == pytest.approx(((2 / 3 + 1 / 2) / 4, (2 / 3 + 1) / 4, (4 / 3) / 4))


def test_gate_scores_of_a_perfect_autoencoder():
    rng = np.random.default_rng(0)
    features = rng.uniform(size=(200, 5)) * (rng.uniform(size=(200, 5)) < 0.2)
    order = rng.permutation(5)
    pairs = match_one_to_one(cosine_similarity(np.eye(5), np.eye(5)[order]))
    for latents in (features[:, order], 0.1 * features[:, order]):
        assert metrics.macro_scores(metrics.gate_scores(features, latents, *pairs)) == pytest.approx((1, 1, 1, 1))
    inverted = (features == 0)[:, order]
    assert metrics.macro_scores(metrics.gate_scores(features, inverted, *pairs)) == pytest.approx((0, 0, 0, -1))


def test_gate_scores_of_silent_features_are_undefined():
    scores = metrics.gate_scores(np.zeros((3, 2)), np.ones((3, 2)), np.arange(2), np.arange(2))
    assert all(math.isnan(score) for score in metrics.macro_scores(scores))
    with pytest.raises(ValueError, match="features have 3 samples and latents 4"):
        metrics.gate_scores(np.zeros((3, 2)), np.ones((4, 2)), np.arange(2), np.arange(2))


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(loc=3, size=(500, 4))


def test_fvu(x):
    assert metrics.fvu(x, x) == 0
    assert metrics.fvu(x, np.broadcast_to(x.mean(axis=0), x.shape)) == pytest.approx(1)
    assert metrics.fvu(x + 5, x + 5.5) == pytest.approx(metrics.fvu(x, x + 0.5))
    # Values 0 and 2 about mean 1: variance sum 2; errors 1 and 0 (then 1 and 1).
    assert metrics.fvu([[0], [2]], [[1], [2]]) == pytest.approx(1 / 2)
    assert metrics.fvu([[0], [2]], [[1], [3]]) == pytest.approx(1)


def test_fvu_of_a_constant_is_undefined():
    assert math.isnan(metrics.fvu(np.full((7, 2), 0.1), np.zeros((7, 2))))


@pytest.mark.parametrize("a", [0.3, 1.0, 2.5])
def test_scaled_reconstruction(x, a):
    assert metrics.gamma(x, a * x) == pytest.approx(a)
    assert metrics.norm_ratio(x, a * x) == pytest.approx(a)


def test_gamma_by_hand():
    # |x_hat|^2: 1 + 4 = 5; x . x_hat: 2 + 0 = 2.
    assert metrics.gamma([[2, 0], [3, 0]], [[1, 0], [0, 2]]) == pytest.approx(5 / 2)
    assert math.isnan(metrics.gamma([[2, 0]], [[0, 0]]))
    assert math.isnan(metrics.gamma([[2, 0]], [[0, 2]]))


def test_dividing_by_gamma_reconstructs_best(x):
    x_hat = 0.6 * x + np.random.default_rng(1).normal(size=x.shape)
    gamma = metrics.gamma(x, x_hat)
    best = metrics.fvu(x, x_hat / gamma)
    assert best < metrics.fvu(x, x_hat / (1.01 * gamma))
    assert best < metrics.fvu(x, x_hat / (0.99 * gamma))
    assert metrics.gamma(x, x_hat / gamma) == pytest.approx(1)


def test_norm_ratio_by_hand():
    # Ratios 5/10 and 2/1; the zero input is skipped.
    assert metrics.norm_ratio([[6, 8], [1, 0], [0, 0]], [[3, 4], [0, -2], [9, 9]]) == pytest.approx(1.25)
    assert math.isnan(metrics.norm_ratio([[0, 0]], [[1, 1]]))


@pytest.mark.parametrize("metric", [metrics.fvu, metrics.gamma, metrics.norm_ratio])
def test_reconstruction_refuses_what_it_cannot_measure(metric):
    with pytest.raises(ValueError, match="must have the same shape"):
        metric(np.ones((3, 2)), np.ones((3, 1)))
    with pytest.raises(ValueError, match="x_hat has 1 NaN"):
        metric([[1.0]], [[NAN]])
    with pytest.raises(ValueError, match="at least one sample"):
        metric(np.ones((0, 2)), np.ones((0, 2)))


def test_shrinkage_line_is_recovered():
    # L1 shrinkage by 0.2 above a gate at 0.4; below it the latent is off, and the mask leaves those samples out.
    magnitude = np.linspace(0, 1, 51)
    activation = np.where(magnitude > 0.4, magnitude - 0.2, 0)
    line = metrics.fit_magnitude_line(magnitude, activation, magnitude > 0.4)
    assert line == pytest.approx((1, -0.2))
    assert metrics.fit_magnitude_line(magnitude, activation, magnitude >= 0) != pytest.approx((1, -0.2))


def test_magnitude_line_needs_ten_points_of_different_magnitude():
    magnitude = np.arange(12.0)
    assert metrics.fit_magnitude_line(magnitude, 2 * magnitude + 1, magnitude < 10) == pytest.approx((2, 1))
    for line in (
        metrics.fit_magnitude_line(magnitude, magnitude, magnitude < 9),
        metrics.fit_magnitude_line(np.ones(12), magnitude, magnitude >= 0),
        metrics.fit_magnitude_line(1 + 1e-7 * magnitude, magnitude, magnitude >= 0),
    ):
        assert math.isnan(line.slope)
        assert math.isnan(line.intercept)
