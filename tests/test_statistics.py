"""Intervals that are known in advance, and input that has none."""

import math

import numpy as np
import pytest

from superposition.statistics import bootstrap_interval, summarise


def rng(seed=0):
    return np.random.default_rng(seed)


def test_interval_of_two_values_spans_them():
    # Resamples of {0, 1} have means 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4: the 2.5 and 97.5 % points are 0 and 1,
    # the 30 and 70 % points both 1/2.
    assert bootstrap_interval([0, 1], rng=rng()) == (0, 1)
    assert bootstrap_interval([0, 1], confidence=0.4, rng=rng()) == (0.5, 0.5)


def test_interval_has_the_width_of_the_standard_error():
    values = rng(1).normal(size=400)
    low, high = bootstrap_interval(values, rng=rng())
    error = values.std() / math.sqrt(len(values))
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


def test_interval_is_deterministic_given_the_generator():
    values = rng(1).normal(size=6)
    assert bootstrap_interval(values, n_resamples=500, rng=rng(7)) == bootstrap_interval(
        values, n_resamples=500, rng=rng(7)
    )
    assert bootstrap_interval(values, n_resamples=500, rng=rng(7)) != bootstrap_interval(
        values, n_resamples=500, rng=rng(8)
    )


def test_interval_moves_and_scales_with_the_values():
    values = rng(1).normal(size=6)
    low, high = bootstrap_interval(values, n_resamples=500, rng=rng())
    assert bootstrap_interval(2 * values + 3, n_resamples=500, rng=rng()) == pytest.approx((2 * low + 3, 2 * high + 3))


def test_statistic_with_and_without_an_axis():
    values = [1, 2, 3, 4, 100]
    assert bootstrap_interval(values, np.max, n_resamples=500, rng=rng()).high == 100
    assert bootstrap_interval(values, lambda v: max(v), n_resamples=500, rng=rng()).high == 100
    assert bootstrap_interval(values, np.median, confidence=0.5, n_resamples=500, rng=rng()).high <= 4


def test_one_value_has_no_interval():
    assert all(math.isnan(bound) for bound in bootstrap_interval([3.0], rng=rng()))


def test_constant_values_have_an_interval_of_no_width():
    assert bootstrap_interval([0.5, 0.5, 0.5], rng=rng()) == (0.5, 0.5)
    values = np.full(39, 0.915)  # the mean rounds one way by rows and another by columns
    assert bootstrap_interval(values, rng=rng()) == (values.mean(), values.mean())
    assert bootstrap_interval([True, True], rng=rng()) == (1, 1)
    assert bootstrap_interval([0.5, 0.5, 0.5], np.std, rng=rng()) == (0, 0)


def test_undefined_values_are_refused_by_number():
    with pytest.raises(ValueError, match="2 of 4 values are NaN or infinite"):
        bootstrap_interval([1, math.nan, 2, math.inf], rng=rng())
    with pytest.raises(ValueError, match=r"at least one, got shape \(0,\)"):
        bootstrap_interval([], rng=rng())
    with pytest.raises(ValueError, match=r"got shape \(2, 2\)"):
        bootstrap_interval([[1, 2], [3, 4]], rng=rng())


def test_summary():
    summary = summarise([1, 2, 6], rng=rng())
    assert summary.estimate == 3
    assert (summary.low, summary.high) == bootstrap_interval([1, 2, 6], rng=rng())
    assert summary.low < 3 < summary.high
    assert summary.n_seeds == 3
    assert summarise([1, 2, 6], np.median, rng=rng()).estimate == 2
    assert math.isnan(summarise([4], rng=rng()).low)
