"""Recovery of the true dictionary, from the cosines of features and decoder directions alone."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from superposition.matching import cosine_similarity, match_one_to_one
from superposition.metrics.checks import NAN, check_similarity


def mmcs_truth(similarity: ArrayLike) -> float:
    """Mean over true features of the cosine with their nearest latent (Sharkey et al. 2022): have all been found?"""
    return float(_nearest_cosines(similarity).mean())


def mmcs_latent(similarity: ArrayLike) -> float:
    """Mean over latents of the cosine with their nearest true feature: is every latent a feature?

    NaN if a latent has no direction.
    """
    return float(check_similarity(similarity).max(axis=0).mean())


def recovered(similarity: ArrayLike, threshold: float) -> int:
    """Number of true features with a latent of cosine above threshold. Two features may share that latent."""
    return int(np.count_nonzero(_nearest_cosines(similarity) > threshold))


def matched_cosine(similarity: ArrayLike, absolute: bool = False) -> float:
    """Summed cosine of one-to-one matched pairs over n_features: a feature left without a latent counts 0.

    Beside `mcc`, where misses are free, and where a latent of the opposite direction is as good as one of the right.
    """
    similarity = check_similarity(similarity)
    matched = similarity[match_one_to_one(similarity, absolute)]
    return float((np.abs(matched) if absolute else matched).sum() / len(similarity))


def mcc(similarity: ArrayLike) -> float:
    """Mean correlation coefficient: mean |cosine| of the one-to-one matched pairs alone (Song et al. 2025,
    arXiv:2505.20254).

    With fewer latents than features the features left out cost nothing: see `matched_cosine`. NaN without a pair.
    """
    similarity = check_similarity(similarity)
    matched = np.abs(similarity[match_one_to_one(similarity, absolute=True)])
    return float(matched.mean()) if len(matched) else NAN


def mcc_with_others(decoders: Sequence[ArrayLike]) -> np.ndarray:
    """[n_dictionaries] the mean `mcc` of each dictionary [n_latents, d] with the others.

    Rows without a direction are left out; NaN for a dictionary that has no other, or where one has no rows.
    """
    decoders = [np.asarray(rows, dtype=np.float64) for rows in decoders]
    decoders = [rows[np.linalg.norm(rows, axis=1) > 0] for rows in decoders]
    agreement = np.full((len(decoders), len(decoders)), np.nan)
    for (i, one), (j, other) in itertools.combinations(enumerate(decoders), 2):
        if len(one) and len(other):
            agreement[i, j] = agreement[j, i] = mcc(cosine_similarity(one, other))
    return np.array([np.delete(row, i).mean() if len(row) > 1 else NAN for i, row in enumerate(agreement)])


def pairwise_mcc(decoders: Sequence[ArrayLike]) -> float:
    """PW-MCC: mean over pairs of dictionaries of their `mcc` (Song et al. 2025, arXiv:2505.20254).

    Do fits to the same data that start differently find the same directions? NaN with fewer than two.
    """
    each = mcc_with_others(decoders)
    return float(each.mean()) if len(each) else NAN


def uniqueness(similarity: ArrayLike) -> float:
    """Share of distinct features among those nearest (by |cosine|) to each latent; at most n_features / n_latents.

    Latents without a direction name no feature and count in the denominator.
    """
    similarity = np.abs(check_similarity(similarity))
    defined = similarity[:, ~np.isnan(similarity).any(axis=0)]
    return len(np.unique(defined.argmax(axis=0))) / similarity.shape[1]


def nearest_angles(similarity: ArrayLike) -> np.ndarray:
    """Angle in degrees, 0 to 180, from each true feature to its nearest latent: [n_features].

    In two dimensions even random latents have high cosines; the angle still tells them apart.
    """
    return np.degrees(np.arccos(np.clip(_nearest_cosines(similarity), -1, 1)))


def _nearest_cosines(similarity: ArrayLike) -> np.ndarray:
    """Largest cosine per true feature over the latents that have a direction; NaN if none has."""
    return np.fmax.reduce(check_similarity(similarity), axis=1)
