"""Floors and ceilings of the scores: what chance reaches on the same data, and what one reaches who knows the truth.

They depend on the data and the number of latents, not on what an autoencoder learned: one set serves a whole sweep. All
stay within a few seconds: the larger the data, the fewer draws, samples or probed features.
"""

import numpy as np
import torch
from torch import Tensor

from superposition import metrics
from superposition.ground_truth import GroundTruth
from superposition.matching import cosine_similarity
from superposition.probes import probe
from superposition.sae_coder import Coder
from superposition.sae_directions import RECOVERED_COSINE, RECOVERED_COSINES, Pairs, measure_unmatched
from superposition.sae_scores import MIN_POSITIVES, mean_of_defined, score
from superposition.sparse_coding import pursue

N_SAMPLES = 20_000  # that floors and ceilings are taken over, at most
WORK = 3e10  # multiplications that each kind of ceiling may take
DICTIONARY_WORK, AUTOENCODER_WORK = 1e9, 4e9  # and those floors that are drawn
MAX_DICTIONARIES = 1_000  # random dictionaries, for scores of directions alone
MAX_THRESHOLD_VALUES = 2**24  # projections whose largest give the threshold of a random autoencoder
MAX_AUTOENCODERS = 10  # random autoencoders, for the scores that take samples

DRAWN = {
    "mmcs_latent": metrics.mmcs_latent,
    "matched_cosine": metrics.matched_cosine,
    "mcc": metrics.mcc,
    "uniqueness": metrics.uniqueness,
}
SCORED = (
    "fvu",
    "precision",
    "recall",
    "f1",
    "phi",
    "latent_precision",
    "latent_recall",
    "latent_f1",
    "latent_phi",
    "uniqueness_live",
    "n_split",
    "latents_per_feature",
    "effective_latents",
    "l0_correlation",
    "norm_ratio",
    "auroc",
    "average_precision",
    "absorption",
    "decoder_positive_cosine",
    "decoder_negative_cosine",
    "encoder_positive_cosine",
    "encoder_negative_cosine",
    "composed_share",
    "composed_cosine",
    "true_cosine",
    "mean_pairwise_cosine",
    "decoder_projection",
)


def measure_references(truth: GroundTruth, n_latents: int, rng: np.random.Generator) -> dict[str, float]:
    """Every `<score>_floor` and `<score>_ceiling` of the table `saes`, for autoencoders of n_latents latents."""
    head = truth.head(N_SAMPLES)
    return (
        expected_floors(truth.n_features, len(truth.W), n_latents)
        | draw_dictionary_floors(truth, n_latents, rng)
        | {"restart_mcc_floor": draw_agreement_floor(len(truth.W), n_latents, rng)}
        | draw_autoencoder_floors(head, n_latents, rng)
        | measure_coding_ceilings(head)
        | measure_probe_ceilings(head)
        | measure_true_dictionary(truth)
    )


def expected_floors(n_features: int, d_in: int, n_latents: int) -> dict[str, float]:
    """The floors that have a closed form."""
    cosines = {"n_recovered": RECOVERED_COSINE} | RECOVERED_COSINES
    shares = {name: metrics.recovered_share_of_random(d_in, n_latents, cosine) for name, cosine in cosines.items()}
    return {
        "mmcs_truth_floor": metrics.nearest_cosine_of_random(d_in, n_latents),
        "nearest_angle_floor": metrics.nearest_angle_of_random(d_in, n_latents),
        **{f"{name}_floor": n_features * share for name, share in shares.items()},
    }


def draw_dictionary_floors(truth: GroundTruth, n_latents: int, rng: np.random.Generator) -> dict[str, float]:
    """Means over random dictionaries of the scores that need their directions alone."""
    larger, smaller = max(truth.n_features, n_latents), min(truth.n_features, n_latents)
    n_draws = number_of(MAX_DICTIONARIES, work_of_matching(len(truth.W), larger, smaller), DICTIONARY_WORK)
    draws = []
    for _ in range(n_draws):
        similarity = cosine_similarity(truth.directions, rng.normal(size=(n_latents, len(truth.W))))
        draws.append([metric(similarity) for metric in DRAWN.values()])
    return {f"{name}_floor": float(mean) for name, mean in zip(DRAWN, np.mean(draws, axis=0), strict=True)}


def draw_agreement_floor(d_in: int, n_latents: int, rng: np.random.Generator) -> float:
    """Mean mcc of two random dictionaries: what autoencoders agree in that have nothing in common."""
    n_draws = number_of(MAX_DICTIONARIES, work_of_matching(d_in, n_latents, n_latents), DICTIONARY_WORK)
    return float(np.mean([metrics.pairwise_mcc(rng.normal(size=(2, n_latents, d_in))) for _ in range(n_draws)]))


def draw_autoencoder_floors(truth: GroundTruth, n_latents: int, rng: np.random.Generator) -> dict[str, float]:
    """Means over random autoencoders (see `make_random_coder`) of the scores that need samples."""
    work = 5 * truth.n_samples * len(truth.W) * (n_latents + truth.n_features)
    n_draws = number_of(MAX_AUTOENCODERS, work, AUTOENCODER_WORK)
    draws = [score(truth, make_random_coder(truth, n_latents, rng)).summary for _ in range(n_draws)]
    return {f"{name}_floor": mean_of_defined(np.array([draw[name] for draw in draws])) for name in SCORED}


def make_random_coder(truth: GroundTruth, n_latents: int, rng: np.random.Generator) -> Coder:
    """An autoencoder with random unit decoder rows and the encoder that is natural for them.

    z = r H(r - threshold) with r the projections of h less its mean on the rows, and the threshold at which as many
    latents are active, on average, as features are; h' is scaled as reconstructs best. (Where features are so dense
    that no threshold above 0 does, it is 0.)
    """
    sample = truth.head(MAX_THRESHOLD_VALUES // n_latents + 1)
    h = sample.embed(sample.x[:])
    mean = h.mean(dim=0)
    rows = rng.normal(size=(n_latents, len(truth.W)))
    rows = torch.from_numpy(rows / np.linalg.norm(rows, axis=1, keepdims=True)).float()
    true_l0 = float((sample.x[:] != 0).sum(dim=1).double().mean())
    n = min(true_l0, n_latents - 1)
    threshold = max(0.0, metrics.decoder_projection(h.numpy(), rows.numpy(), mean.numpy(), n))

    def encode(h: Tensor) -> Tensor:
        projections = (h - mean) @ rows.T
        return projections * (projections > threshold)

    written = encode(h) @ rows
    squared = float(written.double().square().sum())
    scale = float(((h - mean).double() * written.double()).sum()) / squared if squared else 1.0
    decoder = scale * rows
    return Coder(encode, lambda z: z @ decoder + mean, rows.numpy(), decoder.numpy(), mean.numpy())


@torch.no_grad()
def measure_coding_ceilings(truth: GroundTruth) -> dict[str, float]:
    """Scores of sparse coding with the true dictionary, told how many features each sample has (`pursue`)."""
    names = ("fvu", *metrics.GateScores._fields)
    represented = truth.W.norm(dim=0) > 0
    if not represented.all():
        return {f"{name}_ceiling": float("nan") for name in names}
    longest = max(int((x != 0).sum(dim=1).max()) for x, _ in truth.chunks(0))
    truth = truth.head(number_of(truth.n_samples, longest * truth.n_features * len(truth.W) + longest**3, WORK))
    every = np.arange(truth.n_features)
    gates, reconstruction = metrics.GateCounts(every, every), metrics.Reconstruction()
    for x, h in truth.chunks(longest * len(truth.W)):
        z = pursue(h - truth.bias, truth.W.T, (x != 0).sum(dim=1))
        gates.add(x.numpy(), z.numpy())
        reconstruction.add(h.numpy(), truth.embed(z).numpy())
    macro = metrics.macro_scores(metrics.feature_scores(gates, gates.n_actual))
    return {f"{name}_ceiling": value for name, value in ({"fvu": reconstruction.fvu()} | macro._asdict()).items()}


def measure_probe_ceilings(truth: GroundTruth) -> dict[str, float]:
    """Means over features of the scores of a logistic probe fitted to their presence, F1 apart from that of coding.

    Over the features with MIN_POSITIVES samples in each half (one half fits, the other judges), or as many of them,
    spread evenly, as there is time for. NaN if there are none.
    """
    present, h = (torch.cat(parts) for parts in zip(*((x != 0, h) for x, h in truth.chunks(0)), strict=True))
    present, h = present.numpy(), h.numpy()
    half = len(h) // 2
    enough = [(part.sum(0) >= MIN_POSITIVES) & ~part.all(0) for part in (present[:half], present[half:])]
    features = np.flatnonzero(enough[0] & enough[1])
    n_probed = min(len(features), number_of(max(1, len(features)), 10 * len(h) * (len(truth.W) + 1) ** 2, WORK))
    chosen = features[np.linspace(0, len(features) - 1, n_probed).round().astype(int)] if n_probed else []
    scores = np.array([probe(h, present[:, feature]) for feature in chosen]).reshape(-1, 3)
    f1, auroc, average_precision = (mean_of_defined(column) for column in scores.T)
    return {"f1_probe": f1, "auroc_ceiling": auroc, "average_precision_ceiling": average_precision}


def measure_true_dictionary(truth: GroundTruth) -> dict[str, float]:
    """Scores of directions that are not 0 or 1 for the true dictionary itself."""
    directions = truth.directions
    none_dead = np.zeros(truth.n_features, dtype=bool)
    pairs = Pairs.match(truth, directions, none_dead)
    composition = metrics.composition(directions, truth.sets, directions)
    scores = {
        **measure_unmatched(pairs.similarity, pairs, "decoder"),
        **measure_unmatched(pairs.similarity, pairs, "encoder"),
        "composed_share": composition.share,
        "composed_cosine": composition.composed_cosine,
        "true_cosine": composition.true_cosine,
        "mean_pairwise_cosine": metrics.mean_pairwise_cosine(directions),
    }
    return {f"{name}_ceiling": value for name, value in scores.items()}


def work_of_matching(d_in: int, larger: int, smaller: int) -> float:
    """Multiplications that cosines and their matchings are worth; the matching's part was measured."""
    return d_in * larger * smaller + 20 * larger * smaller**1.5


def number_of(most: int, work: float, total: float) -> int:
    """How many pieces of so many multiplications each are affordable, but one at least."""
    return int(max(1, min(most, total // max(work, 1))))
