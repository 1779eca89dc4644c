"""A latent's activation as a ranking of samples: does it put those with its feature first, at any threshold?"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from superposition.metrics.checks import NAN


class Ranking(NamedTuple):
    auroc: float
    average_precision: float


def rank(score: ArrayLike, present: ArrayLike) -> Ranking:
    """AUROC and average precision of score [samples] for the boolean present [samples], exact with ties.

    AUROC is the rank-sum statistic: P(score with the feature > without it), ties counting half. Average precision is
    the sum over distinct scores, from the highest down, of precision times the recall gained. A constant score has
    AUROC 1/2 and average precision equal to the share of samples with the feature. NaN if all or none have it.
    """
    score, present = np.asarray(score), np.asarray(present, dtype=bool)
    if score.ndim != 1 or score.shape != present.shape:
        raise ValueError(f"expected score and present as [samples], got {score.shape} and {present.shape}")
    if not np.isfinite(score).all():
        raise ValueError(f"score has {np.count_nonzero(~np.isfinite(score))} NaN or infinite values")
    n_positive = np.count_nonzero(present)
    n_negative = len(present) - n_positive
    if not n_positive or not n_negative:
        return Ranking(NAN, NAN)
    positives, negatives = _tally(score, present)
    positives_above = positives.cumsum() - positives
    auroc = (negatives * (positives_above + positives / 2)).sum() / (n_positive * n_negative)
    precision = positives.cumsum() / (positives + negatives).cumsum()
    return Ranking(float(auroc), float((positives * precision).sum() / n_positive))


def _tally(score: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Samples with and without the feature at each distinct score, highest first, as float64.

    Only scores other than 0 are sorted: most activations are 0.
    """
    active = np.flatnonzero(score)
    values, group = np.unique(score[active], return_inverse=True)
    group = group + (values > 0)[group]  # leaves room for the samples at 0
    n_groups, at_zero = len(values) + 1, np.count_nonzero(values < 0)
    counts = []
    for members in (present, ~present):
        count = np.bincount(group[members[active]], minlength=n_groups)
        count[at_zero] = np.count_nonzero(members) - np.count_nonzero(members[active])
        counts.append(count[::-1].astype(np.float64))
    return counts[0], counts[1]
