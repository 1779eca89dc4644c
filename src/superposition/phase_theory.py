"""What the closed forms of Elhage et al. 2022 ("Superposition as a Phase Change") say of two features in one dimension
and of three in two: which solution is best, as a function of sparsity and of the last feature's importance.

The others have importance 1 and the last one r; every feature is present with probability p and then uniform on [0, 1].
A feature without a direction is answered by its mean, the bias p / 2, at the cost of its variance p/3 - p^2/4. Two
antipodal features cost each E[min^2] = 1/6 where both are present. Biases of represented features are taken to be zero
and their norms one, so that trained models may do better.
"""

import numpy as np
from numpy.typing import ArrayLike

OUTCOMES = ("ignored", "superposed", "dedicated")  # what may become of the last feature
HIGHEST_DENSITY = 4 / 7  # of superposition of two features in one dimension


def outcome_losses(n_features: int, probability: ArrayLike, importance: ArrayLike) -> np.ndarray:
    """(3, ...) lowest loss, mean over features, among the solutions of each outcome, in the order of OUTCOMES.

    Args:
        n_features: 2 (in one dimension) or 3 (in two)
        probability, importance: p and r, of shapes that broadcast
    """
    p, r = np.broadcast_arrays(np.asarray(probability, float), np.asarray(importance, float))
    variance = p / 3 - p**2 / 4
    ignored, superposed, dedicated = r * variance, (1 + r) * p**2 / 6, variance  # of another feature, which is ignored
    if n_features == 3:
        dedicated = np.minimum(dedicated, p**2 / 3)  # the two others may be antipodal instead
    elif n_features != 2:
        raise ValueError(f"n_features is {n_features}: allowed are 2 and 3")
    return np.stack([ignored, superposed, dedicated]) / n_features


def find_outcomes(n_features: int, probability: ArrayLike, importance: ArrayLike) -> np.ndarray:
    """The best outcome of the last feature, as one of OUTCOMES; shape of the arguments."""
    return np.array(OUTCOMES)[outcome_losses(n_features, probability, importance).argmin(0)]


def superposed_importances(probability: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Importances between which two features in one dimension are best antipodal, ends excluded; NaN where nowhere.

    From equal losses: r = 2p / (4 - 5p) and its reciprocal, which meet at r = 1 and p = 4/7.
    """
    p = np.asarray(probability, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        lower = np.where(p < HIGHEST_DENSITY, 2 * p / (4 - 5 * p), np.nan)
        return lower, 1 / lower
