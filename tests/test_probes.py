"""Logistic probes against the stationarity of their loss, and on features that can and cannot be told apart."""

import numpy as np
import pytest
from scipy.special import expit

from superposition.probes import RIDGE, best_threshold, fit_logistic, probe


def test_probe_finds_the_logistic_model():
    rng = np.random.default_rng(0)
    h = rng.normal(size=(40_000, 3))
    true = np.array([2.0, -1.0, 0.0, -1.5])
    present = rng.uniform(size=len(h)) < expit(h @ true[:3] + true[3])
    weights = fit_logistic(h, present)
    np.testing.assert_allclose(weights, true, atol=0.1)
    residual = expit(h @ weights[:3] + weights[3]) - present
    np.testing.assert_allclose(h.T @ residual / len(h) + RIDGE * weights[:3], 0, atol=1e-4)
    assert residual.mean() == pytest.approx(0, abs=1e-4)


def test_separable_features_have_finite_weights_and_perfect_scores():
    present = np.arange(400) % 4 == 0
    h = np.column_stack([present + 0.0, np.arange(400) % 3])
    assert np.isfinite(fit_logistic(h, present)).all()
    assert probe(h, present) == (1, 1, 1)


def test_noise_is_judged_on_samples_that_the_probe_has_not_seen():
    # 200 inputs of noise let a probe learn 250 samples by heart; what it learned is worth nothing on the others.
    rng = np.random.default_rng(0)
    h, present = rng.normal(size=(500, 200)), rng.uniform(size=500) < 0.3
    assert probe(h, present).auroc == pytest.approx(0.5, abs=0.12)
    weights = fit_logistic(h[:250], present[:250])
    assert ((h[:250] @ weights[:-1] + weights[-1] > 0) == present[:250]).all()


def test_best_threshold_by_hand():
    # "Present" from 4 up: F1 = 2/(1 + 3); from 3: 4/(2 + 3); from 2, both of them: 4/(4 + 3); from 1: 6/8.
    score, present = np.array([4.0, 3, 2, 2, 1]), np.array([True, True, False, False, True])
    assert best_threshold(score, present) == 3
    assert best_threshold(np.array([1.0, 1, 0]), np.array([True, False, False])) == 1
