"""How far the reconstruction is from the input, and in which way."""

import numpy as np
from numpy.typing import ArrayLike

from superposition.metrics.checks import check_pair, divide

MIN_INPUT_NORM = 1e-6


class Reconstruction:
    """Sums over samples of inputs and reconstructions, chunk by chunk."""

    def __init__(self):
        self.n_samples = 0
        self._error = self._inner = self._reconstructed = self._ratios = 0.0
        self._n_ratios = 0

    def add(self, x: ArrayLike, x_hat: ArrayLike) -> None:
        x, x_hat = check_pair(x, x_hat)
        if not self.n_samples:
            # Measured from one of the samples, a constant input has variance 0 exactly, and a large mean cancels.
            self._origin, self._sum, self._squares = x[0].copy(), np.zeros(x.shape[1]), 0.0
        moved = x - self._origin
        self.n_samples += len(x)
        self._sum += moved.sum(axis=0)
        self._squares += np.square(moved).sum()
        self._error += np.square(x - x_hat).sum()
        self._inner += (x * x_hat).sum()
        self._reconstructed += np.square(x_hat).sum()
        norms, norms_hat = np.linalg.norm(x, axis=1), np.linalg.norm(x_hat, axis=1)
        kept = norms > MIN_INPUT_NORM
        self._ratios += (norms_hat[kept] / norms[kept]).sum()
        self._n_ratios += np.count_nonzero(kept)

    def mean(self) -> np.ndarray:
        """[d], the mean of x."""
        return self._origin + self._sum / self.n_samples

    def fvu(self) -> float:
        return divide(self._error, self._squares - np.square(self._sum).sum() / self.n_samples)

    def gamma(self) -> float:
        return divide(self._reconstructed, self._inner)

    def norm_ratio(self) -> float:
        return divide(self._ratios, self._n_ratios)


def _measure(x: ArrayLike, x_hat: ArrayLike) -> Reconstruction:
    sums = Reconstruction()
    sums.add(x, x_hat)
    return sums


def fvu(x: ArrayLike, x_hat: ArrayLike) -> float:
    """Fraction of variance unexplained: sum |x - x_hat|^2 / sum |x - mean(x)|^2; NaN if all x are the same.

    Both sums run over all samples, with one global mean: a mean of ratios per sample or batch is another quantity.
    The explained variance is 1 - fvu.
    """
    return _measure(x, x_hat).fvu()


def gamma(x: ArrayLike, x_hat: ArrayLike) -> float:
    """Relative reconstruction bias E|x_hat|^2 / E[x . x_hat] (Rajamanoharan et al. 2024, Gated SAEs, eq. 10).

    1 is unbiased; below 1 the reconstruction is shrunk, and x_hat / gamma reconstructs best. NaN if E[x . x_hat] is 0.
    """
    return _measure(x, x_hat).gamma()


def norm_ratio(x: ArrayLike, x_hat: ArrayLike) -> float:
    """Mean of |x_hat| / |x| over the samples with |x| > 1e-6; NaN if there are none."""
    return _measure(x, x_hat).norm_ratio()
