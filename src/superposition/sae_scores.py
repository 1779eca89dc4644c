"""Every score of one autoencoder against the ground truth, in few passes over the samples and in bounded memory."""

from dataclasses import dataclass

import numpy as np
import torch

from superposition import metrics
from superposition.ground_truth import GroundTruth
from superposition.matching import cosine_similarity
from superposition.sae_coder import Coder, Codes
from superposition.sae_directions import Pairs, measure_recovery, measure_structure

MIN_POSITIVES = 50  # samples with a feature, below which a ranking says little
MIN_LENGTH = 0.4  # inputs long enough that every unbiased latent is well past its threshold
PAIR_VALUES = 2**26  # activations of matched pairs held at once


@dataclass(frozen=True)
class Scores:
    """What `score` returns, under the names of the columns that hold it.

    Attributes:
        summary: of the table `saes`
        latents: of the table `latents`, each [n_latents]
        edges: of the table `absorption`, each [n_edges]
        responses: of the table `single_feature_responses`, each [samples with a single feature, which has a latent]
    """

    summary: dict[str, float]
    latents: dict[str, np.ndarray]
    edges: dict[str, np.ndarray]
    responses: dict[str, np.ndarray]


@torch.no_grad()
def score(truth: GroundTruth, coder: Coder) -> Scores:
    """All scores of one autoencoder; ValueError if there is no sample or an activation is not finite."""
    activity = metrics.Activity(coder.n_latents, truth.n_features)
    reconstruction = metrics.Reconstruction()
    codes = Codes(truth, coder)
    for x, h, z in codes:
        activity.add(z.numpy(), x.numpy())
        reconstruction.add(h.numpy(), coder.decode(z).numpy())
    dead = activity.dead()
    pairs = Pairs.match(truth, coder.decoder, dead)
    counts = _Counts(codes, pairs)
    gates = metrics.feature_scores(counts.matched, activity.n_present)
    by_latent = metrics.latent_scores(counts.nearest, coder.n_latents)
    rankings, lines = _rank_and_fit(codes, pairs, activity)
    edges = _measure_edges(truth, coder, pairs, counts.absorption)
    responses = counts.responses()
    line = _fit_shrinkage(coder, pairs, responses)
    fvu = reconstruction.fvu()
    summary = {
        "l0": activity.l0(),
        "l0_std": activity.l0_std(),
        "l0_correlation": activity.l0_correlation(),
        "true_l0": activity.true_l0(),
        "n_dead": int(dead.sum()),
        "effective_latents": activity.effective_latents(),
        **measure_recovery(pairs),
        **measure_structure(truth, coder, pairs),
        "fvu": fvu,
        "explained_variance": 1 - fvu,
        "gamma": reconstruction.gamma(),
        "norm_ratio": reconstruction.norm_ratio(),
        **metrics.macro_scores(gates)._asdict(),
        **{f"latent_{name}": value for name, value in metrics.macro_scores(by_latent)._asdict().items()},
        **{name: mean_of_defined(values) for name, values in rankings.items()},
        "absorption": mean_of_defined(edges["absorption"]),
        "magnitude_slope": median_of_defined(lines["magnitude_slope"]),
        "shrinkage_slope": line.slope,
        "shrinkage_intercept": line.intercept,
    }
    by_feature = gates._asdict() | rankings | lines
    latents = {"fraction_active": activity.fraction_active(), "dead": dead}
    latents |= _spread_over_latents(pairs, {name: values[pairs.truth_index] for name, values in by_feature.items()})
    return Scores(summary, latents, edges, responses)


def _fit_shrinkage(coder: Coder, pairs: Pairs, responses: dict[str, np.ndarray]) -> metrics.MagnitudeLine:
    """The line of what matched latents write where they fire, against the length of the only feature present."""
    length, activation = responses["length"], responses["activation"]
    written = activation * coder.lengths[pairs.latent_of_feature()[responses["feature"]]]
    return metrics.fit_magnitude_line(length, written, (length > MIN_LENGTH) & (activation != 0))


def mean_of_defined(values: np.ndarray) -> float:
    """NaN if none is defined."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def median_of_defined(values: np.ndarray) -> float:
    """NaN if none is defined."""
    defined = values[~np.isnan(values)]
    return float(np.median(defined)) if len(defined) else float("nan")


class _Counts:
    """One pass over the samples, with the pairs known: gates, absorption, and responses to single features."""

    def __init__(self, codes: Codes, pairs: Pairs):
        truth = codes.truth
        magnitudes = np.abs(pairs.similarity)
        directed = np.flatnonzero(~np.isnan(magnitudes).any(axis=0))
        self.matched = metrics.GateCounts(pairs.truth_index, pairs.latent_index)
        self.nearest = metrics.GateCounts(magnitudes[:, directed].argmax(axis=0), directed)
        self.absorption = metrics.AbsorptionCounts(
            *metrics.list_edges(truth.parents), metrics.nearest_latents(pairs.live)
        )
        self._lengths = np.linalg.norm(truth.directions.astype(np.float64), axis=1)
        self._latent_of_feature = pairs.latent_of_feature()
        self._responses: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for x, _, z in codes:
            features, latents = x.numpy(), z.numpy()
            for counts in (self.matched, self.nearest, self.absorption):
                counts.add(features, latents)
            self._respond(features, latents)

    def _respond(self, features: np.ndarray, latents: np.ndarray) -> None:
        present = features != 0
        samples = np.flatnonzero(present.sum(axis=1) == 1)
        feature = present[samples].argmax(axis=1)
        latent = self._latent_of_feature[feature]
        samples, feature, latent = (values[latent >= 0] for values in (samples, feature, latent))
        length = features[samples, feature].astype(np.float64) * self._lengths[feature]
        self._responses.append((feature, length, latents[samples, latent].astype(np.float64)))

    def responses(self) -> dict[str, np.ndarray]:
        """Activation of the matched latent against the length |W_i| x_i, where feature i is the only one."""
        columns = (np.concatenate(parts) for parts in zip(*self._responses, strict=True))
        return dict(zip(("feature", "length", "activation"), columns, strict=True))


def _rank_and_fit(
    codes: Codes, pairs: Pairs, activity: metrics.Activity
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Ranking and magnitude line of each feature's latent, each [n_features].

    A feature without a latent is ranked as by a constant score; one with fewer than MIN_POSITIVES samples is undefined.
    Lines are fitted over the samples in which the feature is present and the latent active.
    """
    truth, coder = codes.truth, codes.coder
    share = activity.n_present / activity.n_samples
    rankings = {"auroc": np.full(truth.n_features, 0.5), "average_precision": share.copy()}
    lines = {f"magnitude_{name}": np.full(truth.n_features, np.nan) for name in metrics.MagnitudeLine._fields}
    lengths = np.linalg.norm(truth.directions.astype(np.float64), axis=1)
    writes = coder.lengths
    size = max(1, PAIR_VALUES // activity.n_samples)
    for start in range(0, len(pairs.truth_index), size):
        features, latents = pairs.truth_index[start : start + size], pairs.latent_index[start : start + size]
        chunks = [(x.numpy()[:, features], z.numpy()[:, latents]) for x, _, z in codes]
        present, active = (np.concatenate(columns) for columns in zip(*chunks, strict=True))
        for column, (feature, latent) in enumerate(zip(features, latents, strict=True)):
            x, z = present[:, column], active[:, column]
            for name, value in metrics.rank(z, x != 0)._asdict().items():
                rankings[name][feature] = value
            both = (x != 0) & (z != 0)
            line = metrics.fit_magnitude_line(x * lengths[feature], z * writes[latent], both)
            for name, value in line._asdict().items():
                lines[f"magnitude_{name}"][feature] = value
    for values in rankings.values():
        values[(activity.n_present < MIN_POSITIVES) | (share == 1)] = np.nan
    return rankings, lines


def _measure_edges(
    truth: GroundTruth, coder: Coder, pairs: Pairs, counts: metrics.AbsorptionCounts
) -> dict[str, np.ndarray]:
    parent, child = counts.parent, counts.child
    parents_latent, childs_latent = counts.latent, metrics.nearest_latents(pairs.live)[child]
    looks = cosine_similarity(truth.directions, truth.within_span(coder.encoder))

    def cosines(similarity: np.ndarray, feature: np.ndarray, latent: np.ndarray) -> np.ndarray:
        return np.where(latent >= 0, similarity[feature, np.maximum(latent, 0)], np.nan)

    return {
        "parent": parent,
        "child": child,
        "parent_latent": parents_latent,
        "child_latent": childs_latent,
        "n_alone": counts.n_alone,
        "n_child": counts.n_child,
        **counts.scores()._asdict(),
        "parent_encoder_child_cosine": cosines(looks, child, parents_latent),
        "child_decoder_parent_cosine": cosines(pairs.similarity, parent, childs_latent),
        "parent_decoder_cosine": cosines(pairs.similarity, parent, parents_latent),
        "child_decoder_cosine": cosines(pairs.similarity, child, childs_latent),
    }


def _spread_over_latents(pairs: Pairs, of_pairs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Values of pairs as columns [n_latents], NaN for latents without a feature; `feature` is -1 for them.

    Besides, the nearest feature of every latent by |cosine|.
    """
    n_latents = pairs.similarity.shape[1]
    feature = np.full(n_latents, -1)
    feature[pairs.latent_index] = pairs.truth_index
    own = np.take_along_axis(pairs.similarity, np.maximum(feature, 0)[None], axis=0)[0]
    directed = ~np.isnan(pairs.similarity).any(axis=0)
    nearest = np.where(directed, np.abs(np.nan_to_num(pairs.similarity)).argmax(axis=0), -1)
    columns = {
        "feature": feature,
        "cosine": np.where(feature >= 0, own, np.nan),
        "nearest_feature": nearest,
        "nearest_cosine": np.take_along_axis(pairs.similarity, np.maximum(nearest, 0)[None], axis=0)[0],
    }
    for name, values in of_pairs.items():
        columns[name] = np.full(n_latents, np.nan)
        columns[name][pairs.latent_index] = values
    return columns
