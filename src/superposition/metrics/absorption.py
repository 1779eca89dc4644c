"""Absorption: a parent feature's latent that falls silent where a child is present, whose latent stands in for it.

Chanin et al. 2024 ("A is for Absorption"), made exact by knowing the features: one measurement per edge of the tree.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from superposition.metrics.checks import check_samples, check_samples_alike, check_similarity, divide_each


class Absorption(NamedTuple):
    """Arrays [n_edges].

    recall_alone: P(parent's latent is active | parent without this child)
    recall_child: P(parent's latent is active | parent and child)
    absorption: (recall_alone - recall_child) / recall_alone, at least 0
    All NaN where their condition never holds or the parent has no latent; absorption also where recall_alone is 0.
    """

    recall_alone: np.ndarray
    recall_child: np.ndarray
    absorption: np.ndarray


def list_edges(parents: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """(parent, child) of every edge, in the order of the children; parents [n_features] is -1 where there is none."""
    parents = np.asarray(parents, dtype=np.int64)
    children = np.flatnonzero(parents >= 0)
    return parents[children], children


def nearest_latents(similarity: ArrayLike) -> np.ndarray:
    """[n_features] the latent with the largest cosine; -1 if no latent has a direction."""
    similarity = check_similarity(similarity)
    nearest = np.where(np.isnan(similarity), -np.inf, similarity).argmax(axis=1)
    return np.where(np.isnan(similarity).all(axis=1), -1, nearest)


class AbsorptionCounts:
    """Counts per edge, chunk by chunk.

    Args:
        parent, child: [n_edges] features
        latent_of_feature: [n_features] each feature's latent, -1 if it has none; see `nearest_latents`
    """

    def __init__(self, parent: np.ndarray, child: np.ndarray, latent_of_feature: np.ndarray):
        self.parent, self.child, self.latent = parent, child, latent_of_feature[parent]
        self.n_alone, self.n_child, self.active_alone, self.active_child = (
            np.zeros(len(parent), np.int64) for _ in range(4)
        )

    def add(self, features: ArrayLike, latents: ArrayLike) -> None:
        features, latents = check_samples(features, "features"), check_samples(latents, "latents")
        check_samples_alike(features, latents)
        present = features != 0
        parent, child = present[:, self.parent], present[:, self.child]
        active = (latents != 0)[:, np.maximum(self.latent, 0)]
        for count, condition in (
            (self.n_alone, parent & ~child),
            (self.n_child, parent & child),
            (self.active_alone, parent & ~child & active),
            (self.active_child, parent & child & active),
        ):
            count += np.count_nonzero(condition, axis=0)

    def scores(self) -> Absorption:
        has_latent = self.latent >= 0
        recall_alone = divide_each(self.active_alone, self.n_alone * has_latent)
        recall_child = divide_each(self.active_child, self.n_child * has_latent)
        return Absorption(
            recall_alone, recall_child, np.maximum(divide_each(recall_alone - recall_child, recall_alone), 0)
        )
