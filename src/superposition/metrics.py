"""How well one sparse autoencoder reconstructs its input and recovers the true features.

Each function is named after the quantity it returns. Shapes: similarity [n_features, n_latents] holds signed cosines of
true features and decoder directions (matching.cosine_similarity, NaN columns for latents without a direction);
x and x_hat [samples, d]; latents and features [samples, n_latents] and [samples, n_features], the activations of the
latents and of the true features. A latent or feature is active where it is not zero.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import linregress

from superposition.matching import cosine_similarity, match_one_to_one

MIN_INPUT_NORM = 1e-6
MIN_LINE_POINTS = 10


class GateScores(NamedTuple):
    """Scores of "latent is active" as a prediction of "feature is active": arrays [n_features], or their means."""

    precision: np.ndarray | float
    recall: np.ndarray | float
    f1: np.ndarray | float


class MagnitudeLine(NamedTuple):
    slope: float
    intercept: float


class ChanceFloor(NamedTuple):
    mean: float
    quantiles: np.ndarray  # in the order asked for


# Recovery of the true dictionary


def mmcs_truth(similarity: ArrayLike) -> float:
    """Mean over true features of the cosine with their nearest latent (Sharkey et al. 2022): have all been found?"""
    return float(_nearest_cosines(similarity).mean())


def mmcs_latent(similarity: ArrayLike) -> float:
    """Mean over latents of the cosine with their nearest true feature: is every latent a feature?

    NaN if a latent has no direction.
    """
    return float(_check_similarity(similarity).max(axis=0).mean())


def recovered(similarity: ArrayLike, threshold: float) -> int:
    """Number of true features with a latent of cosine above threshold. Two features may share that latent."""
    return int(np.count_nonzero(_nearest_cosines(similarity) > threshold))


def matched_cosine(similarity: ArrayLike, absolute: bool = False) -> float:
    """Summed cosine of one-to-one matched pairs over n_features: a feature left without a latent counts 0.

    The mean correlation coefficient (MCC) is the absolute form over matched pairs alone: there, misses are free.
    """
    similarity = _check_similarity(similarity)
    matched = similarity[match_one_to_one(similarity, absolute)]
    return float((np.abs(matched) if absolute else matched).sum() / len(similarity))


def uniqueness(similarity: ArrayLike) -> float:
    """Share of distinct features among those nearest (by |cosine|) to each latent; at most n_features / n_latents.

    Latents without a direction name no feature and count in the denominator.
    """
    similarity = np.abs(_check_similarity(similarity))
    defined = similarity[:, ~np.isnan(similarity).any(axis=0)]
    return len(np.unique(defined.argmax(axis=0))) / similarity.shape[1]


def nearest_angles(similarity: ArrayLike) -> np.ndarray:
    """Angle in degrees, 0 to 180, from each true feature to its nearest latent: [n_features].

    In two dimensions even random latents have high cosines; the angle still tells them apart.
    """
    return np.degrees(np.arccos(np.clip(_nearest_cosines(similarity), -1, 1)))


def chance_floor(
    truth: ArrayLike,
    n_latents: int,
    metric: Callable[[np.ndarray], float],
    n_draws: int,
    rng: np.random.Generator,
    quantiles: Sequence[float] = (0.025, 0.975),
) -> ChanceFloor:
    """Mean and quantiles of metric(similarity) over n_draws dictionaries of n_latents random unit directions.

    truth [n_features, d]. The floor belongs beside every score: in few dimensions chance alone scores high.
    """
    truth = np.asarray(truth, dtype=np.float64)
    if n_draws < 1:
        raise ValueError(f"n_draws must be at least 1, got {n_draws}")
    draws = [metric(cosine_similarity(truth, rng.normal(size=(n_latents, truth.shape[1])))) for _ in range(n_draws)]
    return ChanceFloor(float(np.mean(draws)), np.quantile(draws, quantiles))


# Activity


def l0(latents: ArrayLike) -> float:
    """Mean number of active latents per sample."""
    return float(np.count_nonzero(_check_samples(latents, "latents"), axis=1).mean())


def dead_latents(latents: ArrayLike) -> np.ndarray:
    """Which latents are active in no sample: boolean [n_latents]. The number of samples is part of the definition."""
    return ~_check_samples(latents, "latents").any(axis=0)


def gate_scores(
    features: ArrayLike, latents: ArrayLike, truth_index: np.ndarray, latent_index: np.ndarray
) -> GateScores:
    """Precision, recall and F1 of each true feature's matched latent, as arrays [n_features].

    A missed feature (one that is unmatched, or whose latent is never active) scores 0 in all three; a feature that is
    never active in the samples has nothing to be missed and scores NaN.
    """
    features, latents = _check_samples(features, "features"), _check_samples(latents, "latents")
    if len(features) != len(latents):
        raise ValueError(f"features have {len(features)} samples and latents {len(latents)}; they must be the same")
    actual = features != 0
    predicted = np.zeros_like(actual)
    predicted[:, truth_index] = latents[:, latent_index] != 0
    hits, n_actual, n_predicted = (np.count_nonzero(gate, axis=0) for gate in (actual & predicted, actual, predicted))
    scores = (
        hits / np.maximum(n_predicted, 1),  # a missed feature has neither hits nor predictions
        hits / np.maximum(n_actual, 1),
        2 * hits / np.maximum(n_actual + n_predicted, 1),
    )
    return GateScores(*(np.where(n_actual > 0, score, np.nan) for score in scores))


def macro_scores(scores: GateScores) -> GateScores:
    """Means over the true features that are active in the samples, missed ones included; NaN if there are none."""
    active = ~np.isnan(scores.f1)
    return GateScores(*(float(score[active].mean()) if active.any() else float("nan") for score in scores))


# Reconstruction


def fvu(x: ArrayLike, x_hat: ArrayLike) -> float:
    """Fraction of variance unexplained: sum |x - x_hat|^2 / sum |x - mean(x)|^2; NaN if all x are the same.

    Both sums run over all samples, with one global mean: a mean of ratios per sample or batch is another quantity.
    """
    x, x_hat = _check_pair(x, x_hat)
    if (x == x[0]).all():
        return float("nan")
    return float(np.square(x - x_hat).sum() / np.square(x - x.mean(axis=0)).sum())


def gamma(x: ArrayLike, x_hat: ArrayLike) -> float:
    """Relative reconstruction bias E|x_hat|^2 / E[x . x_hat] (Rajamanoharan et al. 2024, Gated SAEs, eq. 10).

    1 is unbiased; below 1 the reconstruction is shrunk, and x_hat / gamma reconstructs best. NaN if E[x . x_hat] is 0.
    """
    x, x_hat = _check_pair(x, x_hat)
    return _divide(np.square(x_hat).sum(), (x * x_hat).sum())


def norm_ratio(x: ArrayLike, x_hat: ArrayLike) -> float:
    """Mean of |x_hat| / |x| over the samples with |x| > 1e-6; NaN if there are none."""
    norms, norms_hat = (np.linalg.norm(rows, axis=1) for rows in _check_pair(x, x_hat))
    kept = norms > MIN_INPUT_NORM
    return _divide((norms_hat[kept] / norms[kept]).sum(), np.count_nonzero(kept))


def fit_magnitude_line(magnitude: ArrayLike, activation: ArrayLike, mask: ArrayLike) -> MagnitudeLine:
    """Least-squares line activation = slope * magnitude + intercept over the samples in mask, all of shape [samples].

    magnitude is a feature's true length in the input, activation that of its latent times the decoder norm: L1
    shrinkage shows as a negative intercept. NaN with fewer than 10 points, or if they all have one magnitude.
    """
    mask = np.asarray(mask, dtype=bool)
    magnitude, activation = (np.asarray(values, dtype=np.float64)[mask] for values in (magnitude, activation))
    if len(magnitude) < MIN_LINE_POINTS or np.ptp(magnitude) == 0:
        return MagnitudeLine(float("nan"), float("nan"))
    line = linregress(magnitude, activation)
    return MagnitudeLine(float(line.slope), float(line.intercept))


def _divide(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator != 0 else float("nan")


def _nearest_cosines(similarity: ArrayLike) -> np.ndarray:
    """Largest cosine per true feature over the latents that have a direction; NaN if none has."""
    return np.fmax.reduce(_check_similarity(similarity), axis=1)


def _check_similarity(similarity: ArrayLike) -> np.ndarray:
    similarity = np.asarray(similarity, dtype=np.float64)
    if similarity.ndim != 2 or similarity.size == 0:
        raise ValueError(
            f"expected similarity [n_features, n_latents], neither of them 0, got shape {similarity.shape}"
        )
    return similarity


def _check_samples(values: ArrayLike, name: str) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 2 or len(values) == 0:
        raise ValueError(f"expected {name} as [samples, ...] with at least one sample, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} has {np.count_nonzero(~np.isfinite(values))} NaN or infinite values")
    return values


def _check_pair(x: ArrayLike, x_hat: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, x_hat = (_check_samples(v, name).astype(np.float64) for v, name in ((x, "x"), (x_hat, "x_hat")))
    if x.shape != x_hat.shape:
        raise ValueError(f"x {x.shape} and x_hat {x_hat.shape} must have the same shape")
    return x, x_hat
