"""A latent as a classifier: scores of "latent is active" as a prediction of "feature is active"."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from superposition.metrics.checks import NAN, check_samples, check_samples_alike, divide_each


class GateScores(NamedTuple):
    """Arrays [n_features] or [n_latents], or their means. phi is the correlation of the two gates."""

    precision: np.ndarray | float
    recall: np.ndarray | float
    f1: np.ndarray | float
    phi: np.ndarray | float


class GateCounts:
    """Counts for pairs of a feature and a latent, chunk by chunk; a latent is in one pair at most, a feature in any."""

    def __init__(self, truth_index: ArrayLike, latent_index: ArrayLike):
        self.truth_index = np.asarray(truth_index, dtype=np.int64)
        self.latent_index = np.asarray(latent_index, dtype=np.int64)
        if len(np.unique(self.latent_index)) < len(self.latent_index):
            raise ValueError("a latent is in several pairs: allowed is one")
        self.n_samples = 0
        self.hits, self.n_actual, self.n_predicted = (np.zeros(len(self.truth_index), np.int64) for _ in range(3))

    def add(self, features: ArrayLike, latents: ArrayLike) -> None:
        features, latents = check_samples(features, "features"), check_samples(latents, "latents")
        check_samples_alike(features, latents)
        feature_of_latent = np.zeros(latents.shape[1], np.int64)  # what unpaired latents hit is not looked up below
        feature_of_latent[self.latent_index] = self.truth_index
        sample, latent = np.nonzero(latents)  # few: all that follows is over the active latents alone
        hit = features[sample, feature_of_latent[latent]] != 0
        self.n_samples += len(features)
        self.hits += np.bincount(latent[hit], minlength=latents.shape[1])[self.latent_index]
        self.n_actual += np.count_nonzero(features, axis=0)[self.truth_index]
        self.n_predicted += np.bincount(latent, minlength=latents.shape[1])[self.latent_index]

    def scores(self) -> GateScores:
        """[n_pairs]; NaN where there is nothing to divide by: no prediction, no presence, a gate that never moves."""
        n, hits, actual, predicted = (
            np.asarray(v, np.float64) for v in (self.n_samples, self.hits, self.n_actual, self.n_predicted)
        )
        spread = np.sqrt(actual * (n - actual)) * np.sqrt(predicted * (n - predicted))
        return GateScores(
            divide_each(hits, predicted),
            divide_each(hits, actual),
            divide_each(2 * hits, actual + predicted),
            divide_each(n * hits - actual * predicted, spread),
        )


def gate_scores(
    features: ArrayLike, latents: ArrayLike, truth_index: np.ndarray, latent_index: np.ndarray
) -> GateScores:
    """Scores of each true feature's matched latent, as arrays [n_features]; see `feature_scores`."""
    counts = GateCounts(truth_index, latent_index)
    counts.add(features, latents)
    return feature_scores(counts, np.count_nonzero(features, axis=0))


def feature_scores(counts: GateCounts, n_present: ArrayLike) -> GateScores:
    """Scores by true feature, [n_features], from the counts of one-to-one pairs.

    A missed feature (one that is unmatched, or whose latent is never active) scores 0 in all of them; a feature that is
    never active in the samples has nothing to be missed and scores NaN. phi is 0 for a latent that is always active,
    which tells nothing, and NaN for a feature that is always there.

    Args:
        n_present: [n_features] samples in which each feature is active
    """
    n_present = np.asarray(n_present)

    def spread(values: np.ndarray, defined: np.ndarray) -> np.ndarray:
        by_feature = np.zeros(len(n_present))
        by_feature[counts.truth_index] = np.nan_to_num(values, nan=0.0)
        return np.where(defined, by_feature, NAN)

    precision, recall, f1, phi = counts.scores()
    present, varies = n_present > 0, (n_present > 0) & (n_present < counts.n_samples)
    return GateScores(spread(precision, present), spread(recall, present), spread(f1, present), spread(phi, varies))


def latent_scores(counts: GateCounts, n_latents: int) -> GateScores:
    """Scores by latent, [n_latents], from the counts of each latent with the feature nearest to it by |cosine|.

    The convention of SAELens: latents may share a feature, a latent of the opposite direction counts as well, and what
    is undefined (a dead latent, a latent without a direction, a feature that never shows) is 0.
    """
    by_latent = [np.zeros(n_latents) for _ in GateScores._fields]
    for values, scores in zip(by_latent, counts.scores(), strict=True):
        values[counts.latent_index] = np.nan_to_num(scores, nan=0.0)
    return GateScores(*by_latent)


def macro_scores(scores: GateScores) -> GateScores:
    """Means over the features (or latents) that have a score, missed ones included; NaN if there are none."""
    return GateScores(
        *(float(score[~np.isnan(score)].mean()) if not np.isnan(score).all() else NAN for score in scores)
    )
