"""What dictionaries do other than find one feature each: mix, hedge, split and compose features."""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from superposition.matching import cosine_similarity
from superposition.metrics.checks import NAN, check_similarity, divide

COMPOSED_MARGIN = 0.05
MAX_BLOCK = 2**22  # numbers held at once


class Composition(NamedTuple):
    """share: of latents nearer, by COMPOSED_MARGIN in cosine, to a sum of two features than to any feature;
    composed_cosine, true_cosine: means over latents of the largest cosine with a sum of two, and with a feature."""

    share: float
    composed_cosine: float
    true_cosine: float


def unmatched_cosines(similarity: ArrayLike, truth_index: np.ndarray, latent_index: np.ndarray) -> tuple[float, float]:
    """Mean over matched latents and all features but their own of max(cosine, 0), and of max(-cosine, 0).

    They add up to the mean |cosine| with unwanted features. On decoder rows the first is large under hedging (Chanin et
    al. 2025, "Feature Hedging"), on encoder rows the second under absorption. NaN without such a pair.
    """
    similarity = check_similarity(similarity)
    if len(similarity) < 2 or not len(latent_index):
        return NAN, NAN
    rows = similarity[:, latent_index].copy()
    rows[truth_index, np.arange(len(latent_index))] = 0.0
    n = rows.shape[1] * (len(similarity) - 1)
    return float(np.maximum(rows, 0).sum() / n), float(np.maximum(-rows, 0).sum() / n)


def hedging_rate(control: ArrayLike, extended: ArrayLike, rng: np.random.Generator, n_draws: int = 50) -> float:
    """How far a dictionary had mixed in the features that it gives to new latents once it has them.

    Chanin et al. 2025, "Feature Hedging".
    With D' the extended dictionary and d'_j its first rows, h = mean |P (d'_j - d_j)| / mean |d_j|, where P projects on
    the span of the new rows; b is the same for the span of as many random directions, averaged over draws. The rate is
    max(0, (h - b) / (1 - b)), and NaN where b = 1: the new rows span everything.

    Args:
        control: [n_latents, d]; extended: [n_latents + n_new, d], trained from the same initialisation
    """
    control, extended = np.asarray(control, dtype=np.float64), np.asarray(extended, dtype=np.float64)
    n_new, d = len(extended) - len(control), control.shape[1]
    if n_new < 1 or extended.shape[1] != d:
        raise ValueError(f"expected extended to have more rows than control, got {extended.shape} and {control.shape}")
    if n_new >= d:
        return NAN
    change = extended[: len(control)] - control

    def share_in_span(rows: np.ndarray) -> float:
        basis = np.linalg.qr(rows.T)[0]
        return divide(np.linalg.norm(change @ basis, axis=1).mean(), np.linalg.norm(control, axis=1).mean())

    h = share_in_span(extended[len(control) :])
    b = np.mean([share_in_span(rng.normal(size=(n_new, d))) for _ in range(n_draws)])
    return max(0.0, divide(h - b, 1 - b)) if b != 1 else NAN


def latents_per_feature(similarity: ArrayLike, threshold: float) -> np.ndarray:
    """[n_features] latents that are nearest to each feature with a cosine of at least the threshold: more than one is
    splitting. Latents without a direction count nowhere."""
    similarity = check_similarity(similarity)
    defined = similarity[:, ~np.isnan(similarity).any(axis=0)]
    if not defined.shape[1]:
        return np.zeros(len(similarity), np.int64)
    near = defined.max(axis=0) >= threshold
    return np.bincount(defined.argmax(axis=0)[near], minlength=len(similarity))


def composition(truth: ArrayLike, sets: ArrayLike, decoder: ArrayLike) -> Composition:
    """Are latents features, or sums of two features of different sets (Anders et al. 2024)? All NaN without two sets.

    Args:
        truth: [n_features, d], with the features' lengths, which the directions of sums depend on
        sets: [n_features], the set of each feature, -1 for none
        decoder: [n_latents, d], rows without a direction are left out
    """
    truth, sets, decoder = np.asarray(truth, np.float64), np.asarray(sets), np.asarray(decoder, np.float64)
    decoder = decoder[np.linalg.norm(decoder, axis=1) > 0]
    groups = [np.flatnonzero(sets == number) for number in np.unique(sets[sets >= 0])]
    if len(groups) < 2 or not len(decoder):
        return Composition(NAN, NAN, NAN)
    composed = np.full(len(decoder), -np.inf)
    for one, other in itertools.combinations(groups, 2):
        step = max(1, MAX_BLOCK // (len(other) * max(len(decoder), truth.shape[1])))
        for start in range(0, len(one), step):
            sums = (truth[one[start : start + step], None] + truth[None, other]).reshape(-1, truth.shape[1])
            sums = sums[np.linalg.norm(sums, axis=1) > 0]
            if len(sums):
                composed = np.maximum(composed, cosine_similarity(sums, decoder).max(axis=0))
    true = cosine_similarity(truth, decoder).max(axis=0)
    share = np.mean(composed >= true + COMPOSED_MARGIN)
    return Composition(float(share), float(composed.mean()), float(true.mean()))


def mean_pairwise_cosine(decoder: ArrayLike) -> float:
    """Mean |cosine| of all pairs of rows [n_latents, d]: small where latents mix few features, so lowest near the right
    L0 (Chanin and Garriga-Alonso 2025, arXiv:2508.16560). NaN with fewer than two rows that have a direction."""
    rows = np.asarray(decoder, dtype=np.float64)
    norms = np.linalg.norm(rows, axis=1)
    rows = rows[norms > 0] / norms[norms > 0, None]
    n = len(rows)
    if n < 2:
        return NAN
    step = max(1, MAX_BLOCK // n)
    total = sum(np.abs(rows[start : start + step] @ rows.T).sum() for start in range(0, n, step))
    return float((total - n) / (n * (n - 1)))


def decoder_projection(x: ArrayLike, decoder: ArrayLike, b_dec: ArrayLike, n: float) -> float:
    """s_n^dec: the n-th largest projection (x - b_dec) . d_j per sample, over all samples and latents together.

    That is the value at index n * samples of the projections sorted from the largest down. With n well above the true
    L0 it is lowest near the right L0: no ground truth is asked (Chanin and Garriga-Alonso 2025, arXiv:2508.16560).
    """
    x, decoder, b_dec = (np.asarray(values, dtype=np.float32) for values in (x, decoder, b_dec))
    projections = ((x - b_dec) @ decoder.T).ravel()
    index = round(n * len(x))
    if not 0 <= index < len(projections):
        raise ValueError(f"n is {n}: allowed are numbers from 0 to below {len(decoder)}, the number of latents")
    place = len(projections) - 1 - index
    return float(np.partition(projections, place)[place])
