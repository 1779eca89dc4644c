"""How many latents are active, and which."""

import numpy as np
from numpy.typing import ArrayLike

from superposition.metrics.checks import NAN, check_samples, check_samples_alike


class Activity:
    """Counts of active latents and features, chunk by chunk."""

    def __init__(self, n_latents: int, n_features: int):
        self.n_samples = 0
        self.n_active = np.zeros(n_latents, dtype=np.int64)  # samples on which each latent is active
        self.n_present = np.zeros(n_features, dtype=np.int64)  # samples in which each feature is
        self.magnitude = np.zeros(n_latents)  # sum of |latent|
        self._latents: list[np.ndarray] = []  # per sample, how many are active; and how many features are
        self._features: list[np.ndarray] = []

    def add(self, latents: ArrayLike, features: ArrayLike) -> None:
        latents, features = check_samples(latents, "latents"), check_samples(features, "features")
        check_samples_alike(features, latents)
        active = latents != 0
        self.n_samples += len(latents)
        self.n_active += np.count_nonzero(active, axis=0)
        self.n_present += np.count_nonzero(features, axis=0)
        self.magnitude += np.abs(latents).sum(axis=0, dtype=np.float64)
        self._latents.append(np.count_nonzero(active, axis=1))
        self._features.append(np.count_nonzero(features, axis=1))

    def dead(self) -> np.ndarray:
        """Which latents are active in no sample: boolean [n_latents]."""
        return self.n_active == 0

    def fraction_active(self) -> np.ndarray:
        """[n_latents]"""
        return self.n_active / self.n_samples

    def l0(self) -> float:
        """Mean number of active latents per sample."""
        return float(self.n_active.sum() / self.n_samples)

    def true_l0(self) -> float:
        """Mean number of features present per sample."""
        return float(self.n_present.sum() / self.n_samples)

    def l0_std(self) -> float:
        """Standard deviation over samples of the number of active latents."""
        return float(np.concatenate(self._latents).std())

    def l0_correlation(self) -> float:
        """Correlation over samples of the numbers of active latents and of features present; NaN if one is constant."""
        latents, features = np.concatenate(self._latents), np.concatenate(self._features)
        if np.ptp(latents) == 0 or np.ptp(features) == 0:
            return NAN
        return float(np.corrcoef(latents, features)[0, 1])

    def effective_latents(self) -> float:
        """Exponential of the entropy of the latents' shares of all magnitude; NaN if nothing is active."""
        return effective_number(self.magnitude)


def effective_number(weights: ArrayLike) -> float:
    """e^H of weights [n] >= 0, scaled to sum to 1: n if they are equal, 1 if one has it all; NaN if all are zero."""
    weights = np.asarray(weights, dtype=np.float64)
    weights = weights[weights > 0]
    if not len(weights):
        return NAN
    shares = weights / weights.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def l0(latents: ArrayLike) -> float:
    """Mean number of active latents per sample."""
    return float(np.count_nonzero(check_samples(latents, "latents"), axis=1).mean())


def dead_latents(latents: ArrayLike) -> np.ndarray:
    """Which latents are active in no sample: boolean [n_latents]. The number of samples is part of the definition."""
    return ~check_samples(latents, "latents").any(axis=0)
