"""Floors are what chance reaches and ceilings what the truth does: a perfect autoencoder meets all of the latter."""

import math

import numpy as np
import pytest
import torch

from superposition import sae_references
from superposition.features import SparseSamples
from superposition.ground_truth import GroundTruth, HeldOut
from superposition.sae_coder import Coder
from superposition.sae_references import SCORED, draw_autoencoder_floors, make_random_coder, measure_references
from superposition.sae_scores import score


def make_truth(n_samples=4_000, n_features=8, d_in=8, probability=0.1, seed=0, **structure):
    generator = torch.Generator().manual_seed(seed)
    present = torch.rand(n_samples, n_features, generator=generator) < probability
    x = present * (0.2 + torch.rand(n_samples, n_features, generator=generator))
    W = torch.linalg.qr(torch.randn(d_in, n_features, generator=generator))[0]
    return GroundTruth.of(W, x, torch.full((d_in,), 0.3), **structure)


def true_coder(truth, scale=1.0, sign=1.0, order=slice(None)):
    directions = (sign * truth.W.T)[order]

    def encode(h):
        z = (h - truth.bias) @ (sign * directions).T
        return scale * z * (z > 0.1)

    decoder, b_dec = directions.numpy() / scale, truth.bias.numpy()
    return Coder(encode, lambda z: z / scale @ directions + truth.bias, directions.numpy(), decoder, b_dec)


TREE = {"parents": torch.tensor([-1, 0, 0, -1, -1, -1, -1, -1]), "sets": torch.tensor([0, 0, 0, 1, 1, 1, -1, -1])}
TRUTH = make_truth(**TREE)
REFERENCES = measure_references(TRUTH, 8, np.random.default_rng(0))
BETTER_BELOW = {"fvu", "nearest_angle", "decoder_positive_cosine", "decoder_negative_cosine", "mean_pairwise_cosine"}
BETTER_BELOW |= {"encoder_positive_cosine", "encoder_negative_cosine", "composed_share"}
BETTER_ABOVE = {"mmcs_truth", "mmcs_latent", "matched_cosine", "mcc", "uniqueness", "n_recovered"}
BETTER_ABOVE |= {"n_recovered_90", "n_recovered_80", "uniqueness_live", "l0_correlation"}
BETTER_ABOVE |= {f"{kind}{name}" for kind in ("", "latent_") for name in ("precision", "recall", "f1", "phi")}
BETTER_ABOVE |= {"auroc", "average_precision", "true_cosine"}
# The others are no matter of better: random latents, near to nothing, have no absorption and no sums either.
NEITHER = {
    "n_split",
    "latents_per_feature",
    "effective_latents",
    "norm_ratio",
    "absorption",
    "decoder_projection",
    "composed_cosine",
    "restart_mcc",
}


@pytest.mark.parametrize("changes", [{}, {"scale": 3.0}, {"order": [3, 1, 0, 2, 7, 6, 5, 4]}], ids=str)
def test_perfect_autoencoder_meets_every_ceiling(changes):
    summary = score(TRUTH, true_coder(TRUTH, **changes)).summary
    ceilings = {name.removesuffix("_ceiling"): v for name, v in REFERENCES.items() if name.endswith("_ceiling")}
    assert len(ceilings) == 15
    for name, ceiling in ceilings.items():
        tolerance = 0.05 if name in ("auroc", "average_precision") else 1e-3  # a probe is judged on half of the samples
        assert summary[name] == pytest.approx(ceiling, abs=tolerance), name
    perfect = dict.fromkeys(("mmcs_truth", "matched_cosine", "mcc", "uniqueness", "f1", "phi", "latent_f1"), 1)
    perfect |= {"n_recovered": 8, "n_dead": 0, "n_split": 0, "absorption": 0, "gamma": 1, "explained_variance": 1}
    assert {name: summary[name] for name in perfect} == pytest.approx(perfect, abs=1e-3)
    assert summary["l0"] == pytest.approx(summary["true_l0"], rel=1e-3)


def test_perfect_autoencoder_is_beyond_every_floor():
    summary = score(TRUTH, true_coder(TRUTH)).summary
    floors = {name.removesuffix("_floor"): v for name, v in REFERENCES.items() if name.endswith("_floor")}
    assert set(SCORED) <= set(floors) == BETTER_ABOVE | BETTER_BELOW | NEITHER
    for name, floor in floors.items():
        if name not in NEITHER:
            assert summary[name] < floor if name in BETTER_BELOW else summary[name] > floor, name


def test_random_autoencoder_is_at_the_floor():
    rng = np.random.default_rng(5)
    draws = [score(TRUTH, make_random_coder(TRUTH, 8, rng)).summary for _ in range(20)]
    for name in ("mmcs_truth", "mmcs_latent", "matched_cosine", "mcc", "uniqueness", "fvu", "f1", "auroc"):
        values = np.array([draw[name] for draw in draws])
        error = 4 * values.std() / math.sqrt(len(values)) + 0.03
        assert values.mean() == pytest.approx(REFERENCES[f"{name}_floor"], abs=error), name


def test_random_autoencoder_has_the_true_l0_and_the_best_scale():
    coder = make_random_coder(TRUTH, 30, np.random.default_rng(1))
    summary = score(TRUTH, coder).summary
    assert summary["l0"] == pytest.approx(summary["true_l0"], rel=0.01)
    assert summary["fvu"] < 1  # never worse than the mean: the scale could have been 0
    np.testing.assert_allclose(np.linalg.norm(coder.encoder, axis=1), 1, rtol=1e-5)


def test_mean_prediction_explains_nothing():
    mean = TRUTH.embed(TRUTH.x).mean(0)
    zeros = np.zeros((8, 8), dtype=np.float32)
    silent = Coder(lambda h: torch.zeros(len(h), 8), lambda z: mean.expand(len(z), -1), TRUTH.directions, zeros, mean)
    summary = score(TRUTH, silent).summary
    assert summary["fvu"] == pytest.approx(1, abs=1e-5)
    assert summary["explained_variance"] == pytest.approx(0, abs=1e-5)
    assert (summary["f1"], summary["latent_f1"], summary["n_dead"], summary["n_recovered"]) == (0, 0, 8, 0)
    assert summary["auroc"] == 0.5
    assert summary["average_precision"] == pytest.approx((TRUTH.x != 0).float().mean().item(), abs=1e-6)
    undefined = ("mmcs_truth", "mcc", "uniqueness_live", "absorption", "effective_latents", "decoder_positive_cosine")
    assert all(math.isnan(summary[name]) for name in undefined)


def test_inverted_latents_are_found_by_absolute_cosines_alone():
    summary = score(TRUTH, true_coder(TRUTH, sign=-1.0)).summary
    assert summary["fvu"] > 1  # what they write points away from the input
    assert (summary["mcc"], summary["latent_f1"]) == pytest.approx((1, 1), abs=1e-3)
    assert summary["n_recovered"] == 0
    assert summary["mmcs_truth"] < 0.1
    assert summary["matched_cosine"] < 0.1


def test_scores_of_absorption():
    # The child's latent writes both and the parent's is silent beside it: a perfect reconstruction, absorption 1.
    x = torch.tensor([[1.0, 0], [1, 1], [0, 0]]).repeat(60, 1)
    truth = GroundTruth.of(torch.eye(2), x, parents=torch.tensor([-1, 0]))
    encoder, decoder = torch.tensor([[1.0, -1], [0, 1]]), torch.tensor([[1.0, 0], [1, 1]])
    coder = Coder(
        lambda h: torch.relu(h @ encoder.T), lambda z: z @ decoder, encoder.numpy(), decoder.numpy(), np.zeros(2)
    )
    scores = score(truth, coder)
    assert (scores.summary["fvu"], scores.summary["absorption"]) == (0, 1)
    edge = {name: values[0] for name, values in scores.edges.items()}
    expected = {"parent": 0, "child": 1, "parent_latent": 0, "child_latent": 1, "n_alone": 60, "n_child": 60}
    expected |= {"recall_alone": 1, "recall_child": 0, "absorption": 1}
    expected |= {"parent_encoder_child_cosine": -math.sqrt(0.5), "child_decoder_parent_cosine": math.sqrt(0.5)}
    expected |= {"parent_decoder_cosine": 1, "child_decoder_cosine": math.sqrt(0.5)}
    assert edge == pytest.approx(expected)


def test_references_fit_their_budget(monkeypatch):
    """With next to no work allowed there is one draw and few samples, and still a number for every score."""
    for work in ("WORK", "DICTIONARY_WORK", "AUTOENCODER_WORK"):
        monkeypatch.setattr(sae_references, work, 1.0)
    drawn = []
    monkeypatch.setattr(sae_references, "score", lambda *given: drawn.append(given) or score(*given))
    references = measure_references(TRUTH, 8, np.random.default_rng(0))
    assert len(drawn) == 1
    assert set(references) == set(REFERENCES)
    assert not math.isnan(references["f1_probe"])


def test_rare_features_are_not_probed_or_ranked():
    truth = make_truth(n_samples=300, probability=0.02)
    references = measure_references(truth, 8, np.random.default_rng(0))
    assert all(math.isnan(references[name]) for name in ("f1_probe", "auroc_ceiling", "auroc_floor"))
    assert math.isnan(score(truth, true_coder(truth)).summary["auroc"])


def test_floors_are_repeatable():
    again = draw_autoencoder_floors(TRUTH, 8, np.random.default_rng(3))
    assert again == pytest.approx(draw_autoencoder_floors(TRUTH, 8, np.random.default_rng(3)), nan_ok=True)
    assert again["f1_floor"] != draw_autoencoder_floors(TRUTH, 8, np.random.default_rng(4))["f1_floor"]


def test_codes_are_the_same_held_or_made_anew(monkeypatch):
    held = score(TRUTH, true_coder(TRUTH))
    monkeypatch.setattr("superposition.sae_coder.HELD_VALUES", 0)
    monkeypatch.setattr("superposition.sae_scores.PAIR_VALUES", 1)  # one pair at a time
    anew = score(TRUTH, true_coder(TRUTH))
    assert anew.summary == pytest.approx(held.summary, nan_ok=True)
    for name, values in anew.latents.items():
        np.testing.assert_allclose(values, held.latents[name], rtol=1e-9)


def test_held_out_samples_are_dense_only_in_slices():
    samples = torch.stack([TRUTH.x * 2, TRUTH.x])
    held_out = HeldOut(SparseSamples.from_dense(samples), 1)
    assert len(held_out) == len(TRUTH.x)
    for part in (slice(None), slice(5, 9), slice(3_990, 5_000), slice(0, 0)):
        assert held_out[part].equal(TRUTH.x[part])
    truth = GroundTruth.of(TRUTH.W, held_out, TRUTH.bias, torch.from_numpy(TRUTH.parents), torch.from_numpy(TRUTH.sets))
    assert score(truth, true_coder(TRUTH)).summary == pytest.approx(score(TRUTH, true_coder(TRUTH)).summary)
