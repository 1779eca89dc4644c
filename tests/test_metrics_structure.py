"""Hedging, splitting, composition and agreement of dictionaries whose answers are known."""

import math

import numpy as np
import pytest

from superposition import metrics
from superposition.matching import cosine_similarity, match_one_to_one

ROOT = math.sqrt(0.5)


def test_mcc_forgives_misses_and_signs():
    similarity = np.array([[-1.0, 0.0], [0.0, 0.6], [0.0, 0.0]])
    assert metrics.mcc(similarity) == pytest.approx(0.8)
    assert metrics.matched_cosine(similarity, absolute=True) == pytest.approx(1.6 / 3)
    assert metrics.matched_cosine(similarity) == pytest.approx(0.6 / 3)  # signed, the inverted latent is worth nothing
    assert math.isnan(metrics.mcc([[np.nan]]))


def test_pairwise_mcc():
    one = np.eye(3)
    turned = np.array([[ROOT, ROOT, 0], [ROOT, -ROOT, 0], [0, 0, 1]])
    assert metrics.pairwise_mcc([one, -2 * one[[2, 0, 1]]]) == pytest.approx(1)
    # one with turned: (2 sqrt .5 + 1) / 3; one with itself: 1. Three pairs, two of them with turned.
    with_turned = (2 * ROOT + 1) / 3
    assert metrics.pairwise_mcc([one, turned]) == pytest.approx(with_turned)
    assert metrics.pairwise_mcc([one, one, turned]) == pytest.approx((1 + 2 * with_turned) / 3)
    np.testing.assert_allclose(metrics.mcc_with_others([one, one, turned]), [(1 + with_turned) / 2] * 2 + [with_turned])
    assert math.isnan(metrics.pairwise_mcc([one]))
    assert math.isnan(metrics.pairwise_mcc([]))
    assert math.isnan(metrics.pairwise_mcc([one, np.zeros((2, 3))]))
    assert metrics.pairwise_mcc([one, np.vstack([one, np.zeros(3)])]) == pytest.approx(1)  # no direction, no pair


def test_unmatched_cosines_by_hand():
    # Latent 0 is feature 0 and hedges .6 of feature 1; latent 1 is feature 2 and turned away from feature 0 by .8. Of
    # the 2 * 2 cosines with unwanted features one is .6, one -.8.
    similarity = np.array([[0.8, -0.8], [0.6, 0.0], [0.0, 0.6]])
    truth_index, latent_index = np.array([0, 2]), np.array([0, 1])
    assert metrics.unmatched_cosines(similarity, truth_index, latent_index) == pytest.approx((0.6 / 4, 0.8 / 4))
    perfect = cosine_similarity(np.eye(4), np.eye(4)[[2, 0, 1, 3]])
    assert metrics.unmatched_cosines(perfect, *match_one_to_one(perfect)) == (0, 0)
    assert all(math.isnan(value) for value in metrics.unmatched_cosines([[1.0]], np.array([0]), np.array([0])))


def test_hedging_rate_by_hand():
    # The narrow latent is e0 + e1 (over its length); given a latent of its own for e1, it becomes e0. It moved by
    # (1 - s, -s) with s = sqrt .5, of which s lies along e1: h = s. A random direction has little of it.
    control = np.zeros((1, 50))
    control[0, :2] = ROOT
    extended = np.eye(50)[:2]
    rng = np.random.default_rng(0)
    rate = metrics.hedging_rate(control, extended, rng, 400)
    b = math.hypot(1 - ROOT, ROOT) * math.sqrt(2 / math.pi / 50)  # mean |cos| is about sqrt(2 / (pi d))
    assert rate == pytest.approx((ROOT - b) / (1 - b), abs=0.02)
    # Not moved at all: less than chance, so 0.
    assert metrics.hedging_rate(extended[:1], extended, rng) == 0
    assert math.isnan(metrics.hedging_rate(np.eye(2)[:1], np.eye(2)[[0, 1, 1]], rng))
    with pytest.raises(ValueError, match="expected extended to have more rows"):
        metrics.hedging_rate(extended, extended, rng)


def test_latents_per_feature():
    # Feature 0 has latents 0 and 1, feature 1 latent 3 (exactly at the threshold); latent 2 is not near enough.
    similarity = np.array([[1.0, 0.9, 0.7, 0.1, np.nan], [0.0, 0.1, 0.2, 0.8, np.nan], [0.0, 0.2, 0.3, 0.0, np.nan]])
    assert metrics.latents_per_feature(similarity, 0.8).tolist() == [2, 1, 0]
    assert metrics.latents_per_feature([[np.nan], [np.nan]], 0.8).tolist() == [0, 0]


def test_composition_by_hand():
    # Features x0, x1 and y0 on the axes; latent 0 is x0 + y0, latent 1 is x1, latent 2 lies between x1 and x0 + x1,
    # which are of one set and so no sum. Cosines: with sums 1, sqrt .5 and .9 / 2^.5; with features sqrt .5, 1 and .9.
    truth, sets = np.eye(3), np.array([0, 0, 1])
    third = [math.sqrt(1 - 0.81), 0.9, 0]
    share, composed, true = metrics.composition(truth, sets, [[1, 0, 1], [0, 2, 0], third])
    assert share == pytest.approx(1 / 3)
    assert composed == pytest.approx((1 + ROOT + 0.9 * ROOT) / 3)
    assert true == pytest.approx((ROOT + 1 + 0.9) / 3)


def test_sums_follow_the_lengths_of_features():
    # x = 3 e0 and y = 4 e1 sum to (3, 4); their directions would sum to (1, 1).
    assert metrics.composition(np.diag([3.0, 4.0]), np.array([0, 1]), [[3, 4]]).composed_cosine == pytest.approx(1)


def test_composition_needs_two_sets_and_a_latent():
    for sets, decoder in (([0, 0], np.eye(2)), ([-1, -1], np.eye(2)), ([0, 1], np.zeros((1, 2)))):
        assert all(math.isnan(value) for value in metrics.composition(np.eye(2), np.array(sets), decoder))


def test_blocks_do_not_matter(monkeypatch):
    rng = np.random.default_rng(0)
    truth, decoder, sets = rng.normal(size=(9, 4)), rng.normal(size=(6, 4)), np.arange(9) % 3
    whole = metrics.composition(truth, sets, decoder), metrics.mean_pairwise_cosine(decoder)
    monkeypatch.setattr("superposition.metrics.structure.MAX_BLOCK", 1)
    parts = metrics.composition(truth, sets, decoder), metrics.mean_pairwise_cosine(decoder)
    assert parts[0] == pytest.approx(whole[0])
    assert parts[1] == pytest.approx(whole[1])


def test_mean_pairwise_cosine():
    assert metrics.mean_pairwise_cosine(np.eye(5)) == 0
    assert metrics.mean_pairwise_cosine([[1, 0], [-3, 0]]) == pytest.approx(1)
    # Cosines of the three pairs: sqrt .5, 0, -sqrt .5; the zero row is left out.
    assert metrics.mean_pairwise_cosine([[1, 0], [1, 1], [0, -1], [0, 0]]) == pytest.approx(2 * ROOT / 3)
    assert math.isnan(metrics.mean_pairwise_cosine([[1, 0], [0, 0]]))


def test_decoder_projection_by_hand():
    # Less b_dec the inputs are (3, 1) and (2, 5): projections 3, 1, 2, 5, from the largest down 5, 3, 2, 1. With two
    # samples, n = 0, 1/2, 1 and 3/2 stand at the places 0, 1, 2 and 3.
    x, b_dec = np.array([[4, 1], [3, 5]]), np.array([1, 0])
    values = [metrics.decoder_projection(x, np.eye(2), b_dec, n) for n in (0, 0.5, 1, 1.5)]
    assert values == [5, 3, 2, 1]
    with pytest.raises(ValueError, match="n is 2: allowed are numbers from 0 to below 2"):
        metrics.decoder_projection(x, np.eye(2), b_dec, 2)


def test_mixed_dictionaries_project_more():
    # Data of one feature at a time: true rows leave the second projection at 0, rows that mix two features do not.
    x = np.eye(6).repeat(10, axis=0)
    mixed = np.eye(6) + np.roll(np.eye(6), 1, axis=1)
    zeros = np.zeros(6)
    assert metrics.decoder_projection(x, np.eye(6), zeros, 1.5) == 0 < metrics.decoder_projection(x, mixed, zeros, 1.5)
