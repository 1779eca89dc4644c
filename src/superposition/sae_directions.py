"""The scores that an autoencoder's directions alone decide: what they find, and how they mix, split and compose."""

from dataclasses import dataclass

import numpy as np

from superposition import metrics
from superposition.ground_truth import GroundTruth
from superposition.matching import cosine_similarity, match_one_to_one
from superposition.sae_coder import Coder

RECOVERED_COSINE = 0.95  # in two dimensions the neighbours of a pentagon are 72 degrees apart, at cosine 0.31
RECOVERED_COSINES = {  # the others at which features are counted as recovered, for many dimensions
    "n_recovered_90": 0.9,  # Cunningham et al. 2023
    "n_recovered_80": 0.8,  # Korznikov et al. 2026
}
SPLIT_COSINE = 0.8
N_PROJECTED = 8_192  # samples whose projections on the decoder are sorted


@dataclass(frozen=True)
class Pairs:
    """Latents matched one to one with features by the sum of signed cosines, dead latents left out.

    Attributes:
        truth_index, latent_index: [n_pairs]
        similarity: [n_features, n_latents]; live: the same, NaN for dead latents
    """

    truth_index: np.ndarray
    latent_index: np.ndarray
    similarity: np.ndarray
    live: np.ndarray

    @classmethod
    def match(cls, truth: GroundTruth, decoder: np.ndarray, dead: np.ndarray) -> "Pairs":
        similarity = cosine_similarity(truth.directions, decoder)
        live = np.where(dead, np.nan, similarity)
        return cls(*match_one_to_one(live), similarity, live)

    def latent_of_feature(self) -> np.ndarray:
        """[n_features], -1 for a feature without a latent."""
        latents = np.full(len(self.similarity), -1)
        latents[self.truth_index] = self.latent_index
        return latents


def measure_recovery(pairs: Pairs) -> dict[str, float]:
    similarity, live = pairs.similarity, pairs.live
    is_live = ~np.isnan(live).any(axis=0)
    n_recovered = metrics.recovered(live, RECOVERED_COSINE)
    return {
        "n_recovered": n_recovered,
        **{name: metrics.recovered(live, cosine) for name, cosine in RECOVERED_COSINES.items()},
        "full_recovery": n_recovered == len(live),
        "mmcs_truth": metrics.mmcs_truth(similarity),
        "mmcs_latent": metrics.mmcs_latent(similarity),
        "matched_cosine": metrics.matched_cosine(similarity),
        "mcc": metrics.mcc(similarity),
        "nearest_angle": float(metrics.nearest_angles(similarity).mean()),
        "uniqueness": metrics.uniqueness(similarity),
        "uniqueness_live": metrics.uniqueness(live[:, is_live]) if is_live.any() else float("nan"),
    }


def measure_structure(truth: GroundTruth, coder: Coder, pairs: Pairs) -> dict[str, float]:
    per_feature = metrics.latents_per_feature(pairs.live, SPLIT_COSINE)
    found = per_feature[per_feature > 0]
    is_live = ~np.isnan(pairs.live).any(axis=0)
    composition = metrics.composition(truth.directions, truth.sets, coder.decoder[is_live])
    head = truth.head(N_PROJECTED)
    return {
        "n_split": int((per_feature > 1).sum()),
        "latents_per_feature": float(found.mean()) if len(found) else float("nan"),
        **measure_unmatched(pairs.similarity, pairs, "decoder"),
        **measure_unmatched(cosine_similarity(truth.directions, coder.encoder), pairs, "encoder"),
        "composed_share": composition.share,
        "composed_cosine": composition.composed_cosine,
        "true_cosine": composition.true_cosine,
        "mean_pairwise_cosine": metrics.mean_pairwise_cosine(coder.decoder),
        "decoder_projection": metrics.decoder_projection(
            head.embed(head.x[:]).numpy(), coder.decoder, coder.b_dec, coder.n_latents // 2
        ),
    }


def measure_unmatched(similarity: np.ndarray, pairs: Pairs, side: str) -> dict[str, float]:
    positive, negative = metrics.unmatched_cosines(similarity, pairs.truth_index, pairs.latent_index)
    return {f"{side}_positive_cosine": positive, f"{side}_negative_cosine": negative}
