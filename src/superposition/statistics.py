"""Estimates and intervals across seeds. A seed is the unit of repetition: give one value per seed, not per instance."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import bootstrap


class Interval(NamedTuple):
    low: float
    high: float


class Summary(NamedTuple):
    estimate: float
    low: float
    high: float
    n_seeds: int


def bootstrap_interval(
    values_per_seed: ArrayLike,
    statistic: Callable[..., float] = np.mean,
    confidence: float = 0.95,
    n_resamples: int = 10_000,
    *,
    rng: np.random.Generator,
) -> Interval:
    """Percentile bootstrap interval of statistic over seeds; NaN bounds for a single value, which shows no spread.

    For a mean over few seeds it is somewhat too narrow: its standard error is sqrt(1 - 1/n) times the usual one.
    ValueError if there are no values, or if any is NaN or infinite: leaving seeds out has to be the caller's decision.
    """
    values = _check_values(values_per_seed)
    if len(values) == 1:
        return Interval(float("nan"), float("nan"))
    if (values == values[0]).all():  # no spread: resampling would add only rounding
        return Interval(float(statistic(values)), float(statistic(values)))
    result = bootstrap(
        (values,), statistic, confidence_level=confidence, n_resamples=n_resamples, method="percentile", rng=rng
    )
    return Interval(float(result.confidence_interval.low), float(result.confidence_interval.high))


def summarise(
    values_per_seed: ArrayLike, statistic: Callable[..., float] = np.mean, *, rng: np.random.Generator
) -> Summary:
    """The statistic over seeds, its 95 % bootstrap interval and the number of seeds."""
    values = _check_values(values_per_seed)
    return Summary(float(statistic(values)), *bootstrap_interval(values, statistic, rng=rng), len(values))


def _check_values(values: ArrayLike) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"expected one value per seed, at least one, got shape {values.shape}")
    n_undefined = np.count_nonzero(~np.isfinite(values))
    if n_undefined:
        raise ValueError(f"{n_undefined} of {len(values)} values are NaN or infinite; every seed needs a finite value")
    return values
