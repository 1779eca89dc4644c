"""What random dictionaries score: the floor that belongs beside every score of recovery.

In few dimensions chance alone scores high. What depends on the single nearest latent has a closed form, the same for
every true dictionary; the rest is drawn.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc

from superposition.matching import cosine_similarity

N_ANGLES = 100_001  # in the plane the integrand falls within 1 / n_latents: enough for tens of thousands of latents


class ChanceFloor(NamedTuple):
    mean: float
    quantiles: np.ndarray  # in the order asked for


def chance_floor(
    truth: ArrayLike,
    n_latents: int,
    metric: Callable[[np.ndarray], float],
    n_draws: int,
    rng: np.random.Generator,
    quantiles: Sequence[float] = (0.025, 0.975),
) -> ChanceFloor:
    """Mean and quantiles of metric(similarity) over n_draws dictionaries of n_latents random unit directions.

    truth [n_features, d].
    """
    truth = np.asarray(truth, dtype=np.float64)
    if n_draws < 1:
        raise ValueError(f"n_draws must be at least 1, got {n_draws}")
    draws = [metric(cosine_similarity(truth, rng.normal(size=(n_latents, truth.shape[1])))) for _ in range(n_draws)]
    return ChanceFloor(float(np.mean(draws)), np.quantile(draws, quantiles))


def share_below(cosine: ArrayLike, d: int) -> np.ndarray:
    """P(cosine of a fixed and a random direction in d dimensions <= `cosine`): (1 + cosine) / 2 is Beta distributed."""
    if d < 1:
        raise ValueError(f"d must be at least 1, got {d}")
    half = np.clip((1 + np.asarray(cosine, dtype=np.float64)) / 2, 0, 1)
    if d == 1:  # only the directions 1 and -1
        return np.where(half >= 1, 1.0, 0.5)
    return betainc((d - 1) / 2, (d - 1) / 2, half)


def nearest_cosine_of_random(d: int, n_latents: int) -> float:
    """Expected mmcs_truth of random directions: E max of n_latents cosines, 1 - integral of F(t)^n_latents over t."""
    angles = np.linspace(0, np.pi, N_ANGLES)
    return float(1 - np.trapezoid(share_below(np.cos(angles), d) ** n_latents * np.sin(angles), angles))


def nearest_angle_of_random(d: int, n_latents: int) -> float:
    """Expected nearest angle of random directions, in degrees."""
    angles = np.linspace(0, np.pi, N_ANGLES)
    return float(np.degrees(np.trapezoid(share_below(np.cos(angles), d) ** n_latents, angles)))


def recovered_share_of_random(d: int, n_latents: int, threshold: float) -> float:
    """Expected share of features that have a random direction with a cosine above the threshold."""
    return float(1 - share_below(threshold, d) ** n_latents)
