"""What is counted chunk by chunk does not depend on the chunks: not on their number, not on their sizes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superposition import metrics

N = 60
rng = np.random.default_rng(0)
FEATURES = rng.uniform(size=(N, 4)) * (rng.uniform(size=(N, 4)) < 0.3)
LATENTS = np.maximum(rng.normal(size=(N, 5)) - 0.5, 0) * [1, 1, 1, 1, 0]
X = rng.normal(loc=1e4, size=(N, 3))  # a large mean, whose square must not swallow the variance
X_HAT = X + rng.normal(scale=0.3, size=X.shape)


def run(chunks):
    """Every number that the accumulators give, over samples cut at `chunks`."""
    activity, reconstruction = metrics.Activity(5, 4), metrics.Reconstruction()
    gates = metrics.GateCounts([0, 1, 3], [2, 0, 4])
    absorption = metrics.AbsorptionCounts(np.array([0, 0]), np.array([1, 2]), np.array([0, 3, 2, 1]))
    for part in np.split(np.arange(N), chunks):
        activity.add(LATENTS[part], FEATURES[part])
        reconstruction.add(X[part], X_HAT[part])
        gates.add(FEATURES[part], LATENTS[part])
        absorption.add(FEATURES[part], LATENTS[part])
    numbers = [activity.l0(), activity.l0_std(), activity.l0_correlation(), activity.true_l0()]
    numbers += [*activity.fraction_active(), *activity.dead(), *activity.n_present, activity.effective_latents()]
    numbers += [reconstruction.fvu(), reconstruction.gamma(), reconstruction.norm_ratio(), *reconstruction.mean()]
    numbers += [*np.concatenate(gates.scores()), *np.concatenate(absorption.scores())]
    return np.array(numbers)


WHOLE = run([])


@settings(max_examples=40, deadline=None)
@given(cuts=st.sets(st.integers(1, N - 1), max_size=N - 1))
def test_scores_do_not_depend_on_the_chunks(cuts):
    np.testing.assert_allclose(run(sorted(cuts)), WHOLE, rtol=1e-9)


def test_whole_equals_formulas():
    centred = X - X.mean(axis=0)
    assert metrics.fvu(X, X_HAT) == pytest.approx(np.square(X - X_HAT).sum() / np.square(centred).sum(), rel=1e-9)
    counts = (LATENTS != 0).sum(1), (FEATURES != 0).sum(1)
    activity = metrics.Activity(5, 4)
    activity.add(LATENTS, FEATURES)
    assert activity.l0() == metrics.l0(LATENTS) == pytest.approx(counts[0].mean())
    assert activity.l0_std() == pytest.approx(counts[0].std())
    assert activity.l0_correlation() == pytest.approx(np.corrcoef(*counts)[0, 1])
    assert activity.dead().tolist() == metrics.dead_latents(LATENTS).tolist() == [False] * 4 + [True]


def test_fvu_of_batches_is_not_the_mean_over_batches():
    # Two batches about different means: each has variance 2 and error 2 (ratio 1); together the variance is far larger.
    x, x_hat = np.array([[0.0], [2], [100], [102]]), np.array([[1.0], [1], [101], [101]])
    sums = metrics.Reconstruction()
    for part in (slice(0, 2), slice(2, 4)):
        sums.add(x[part], x_hat[part])
        assert metrics.fvu(x[part], x_hat[part]) == 1
    assert sums.fvu() == pytest.approx(4 / (2 * (51**2 + 49**2)))


def test_constant_input_in_chunks_has_no_fvu():
    sums = metrics.Reconstruction()
    for size in (3, 1, 7):
        sums.add(np.full((size, 2), 0.1), np.zeros((size, 2)))
    assert math.isnan(sums.fvu())


def test_effective_number():
    assert metrics.effective_number([2, 2, 2, 0]) == pytest.approx(3)
    assert metrics.effective_number([0, 5]) == pytest.approx(1)
    # Shares 1/2, 1/4, 1/4: H = log 2 / 2 + log 4 / 2 = 1.5 log 2.
    assert metrics.effective_number([2, 1, 1]) == pytest.approx(2**1.5)
    assert math.isnan(metrics.effective_number([0, 0]))


def test_correlation_with_a_constant_is_undefined():
    activity = metrics.Activity(2, 2)
    activity.add(np.ones((4, 2)), np.eye(4)[:, :2])
    assert math.isnan(activity.l0_correlation())
