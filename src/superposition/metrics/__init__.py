"""How well one sparse autoencoder reconstructs its input and recovers the true features: pure functions of arrays.

Each function is named after the quantity it returns. Shapes: similarity [n_features, n_latents] holds signed cosines of
true features and decoder directions (matching.cosine_similarity, NaN columns for latents without a direction);
x and x_hat [samples, d]; latents and features [samples, n_latents] and [samples, n_features], the activations of the
latents and of the true features. A latent or feature is active where it is not zero.

What is measured over samples has an accumulator that takes them chunk by chunk and counts in integers or float64: no
score depends on the size of the chunks. Undefined is NaN, never 0.
"""

from superposition.metrics.absorption import Absorption, AbsorptionCounts, list_edges, nearest_latents
from superposition.metrics.activity import Activity, dead_latents, effective_number, l0
from superposition.metrics.chance import (
    ChanceFloor,
    chance_floor,
    nearest_angle_of_random,
    nearest_cosine_of_random,
    recovered_share_of_random,
)
from superposition.metrics.gates import GateCounts, GateScores, feature_scores, gate_scores, latent_scores, macro_scores
from superposition.metrics.magnitudes import MagnitudeLine, fit_magnitude_line
from superposition.metrics.ranking import Ranking, rank
from superposition.metrics.reconstruction import Reconstruction, fvu, gamma, norm_ratio
from superposition.metrics.recovery import (
    matched_cosine,
    mcc,
    mcc_with_others,
    mmcs_latent,
    mmcs_truth,
    nearest_angles,
    pairwise_mcc,
    recovered,
    uniqueness,
)
from superposition.metrics.structure import (
    Composition,
    composition,
    decoder_projection,
    hedging_rate,
    latents_per_feature,
    mean_pairwise_cosine,
    unmatched_cosines,
)

__all__ = [
    "Absorption",
    "AbsorptionCounts",
    "Activity",
    "ChanceFloor",
    "Composition",
    "GateCounts",
    "GateScores",
    "MagnitudeLine",
    "Ranking",
    "Reconstruction",
    "chance_floor",
    "composition",
    "dead_latents",
    "decoder_projection",
    "effective_number",
    "feature_scores",
    "fit_magnitude_line",
    "fvu",
    "gamma",
    "gate_scores",
    "hedging_rate",
    "l0",
    "latent_scores",
    "latents_per_feature",
    "list_edges",
    "macro_scores",
    "matched_cosine",
    "mcc",
    "mcc_with_others",
    "mean_pairwise_cosine",
    "mmcs_latent",
    "mmcs_truth",
    "nearest_angle_of_random",
    "nearest_angles",
    "nearest_cosine_of_random",
    "nearest_latents",
    "norm_ratio",
    "pairwise_mcc",
    "rank",
    "recovered",
    "recovered_share_of_random",
    "uniqueness",
    "unmatched_cosines",
]
