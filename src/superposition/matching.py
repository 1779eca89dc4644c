"""One-to-one matching of true features and latents by the cosine of their directions."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment


def cosine_similarity(truth: ArrayLike, latents: ArrayLike) -> np.ndarray:
    """Signed cosines between true features [n_features, d] and latents [n_latents, d]: float64 [n_features, n_latents].

    A latent of zero length has no direction: its column is NaN. A true feature of zero length is a ValueError.
    """
    truth, latents = np.asarray(truth, dtype=np.float64), np.asarray(latents, dtype=np.float64)
    if truth.ndim != 2 or latents.ndim != 2 or truth.shape[1] != latents.shape[1]:
        raise ValueError(
            f"expected truth [n_features, d] and latents [n_latents, d], got {truth.shape} and {latents.shape}"
        )
    for name, rows in (("truth", truth), ("latents", latents)):
        if not np.isfinite(rows).all():
            raise ValueError(f"{name} has {np.count_nonzero(~np.isfinite(rows))} NaN or infinite values")
    truth_norms, latent_norms = np.linalg.norm(truth, axis=1), np.linalg.norm(latents, axis=1)
    if not truth_norms.all():
        raise ValueError(f"truth row {truth_norms.argmin()} is zero; every true feature needs a direction")
    latent_norms[latent_norms == 0] = np.nan
    return np.clip((truth / truth_norms[:, None]) @ (latents / latent_norms[:, None]).T, -1, 1)


def match_one_to_one(similarity: ArrayLike, absolute: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The assignment with the largest summed similarity (Hungarian method): (truth_index, latent_index).

    similarity [n_features, n_latents] gives min(n_features, n_latents) pairs in the order of truth_index. NaN columns
    (latents without a direction) stay unmatched. absolute maximises the sum of |similarity| instead.
    """
    similarity = np.asarray(similarity, dtype=np.float64)
    undefined = np.isnan(similarity)
    usable = np.flatnonzero(~undefined.all(axis=0))
    if undefined[:, usable].any():
        raise ValueError("similarity may be NaN only in whole columns, for latents without a direction")
    score = np.abs(similarity) if absolute else similarity
    truth_index, column = linear_sum_assignment(score[:, usable], maximize=True)
    return truth_index, usable[column]
