"""Latents as classifiers and as rankings, against answers worked out by hand, and the traps of both."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superposition import metrics

NAN = float("nan")
# Latent 0 is active in samples 0, 1; latent 1 in 0 alone; latent 2 in all; latent 3 is dead.
LATENTS = np.array([[1, 2, 1, 0], [3, 0, 1, 0], [0, 0, 1, 0], [0, 0, 1, 0]])
FEATURES = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 1], [0, 0, 1]])  # feature 1 never shows, feature 2 always


def count(truth_index, latent_index):
    counts = metrics.GateCounts(truth_index, latent_index)
    counts.add(FEATURES, LATENTS)
    return counts


def test_phi_by_hand():
    # Feature 0 and latent 0: of 4 samples 1 hit, 2 actual, 2 predicted: (4 * 1 - 2 * 2) / (2 * 2) = 0. Feature 0 and
    # latent 1: 1 hit, 2 and 1: (4 - 2) / sqrt(2 * 2 * 1 * 3) = 1 / sqrt 3. A feature that is always there has no phi,
    # and a latent that is always active tells nothing.
    def phi(latent):
        return metrics.feature_scores(count([0, 2], [latent, (latent + 1) % 4]), np.array([2, 0, 4])).phi

    np.testing.assert_allclose(phi(0), [0, NAN, NAN])
    np.testing.assert_allclose(phi(1), [1 / math.sqrt(3), NAN, NAN])
    np.testing.assert_allclose(phi(2), [0, NAN, NAN])
    np.testing.assert_allclose(phi(3), [0, NAN, NAN])


def test_latents_may_share_a_feature():
    # All but latent 3 name feature 0 (2 samples). Latent 0: 1 hit of 2; latent 1: 1 of 1; latent 2: 2 of 4. Latent 3 is
    # dead: 0, and its zero counts in the mean. One latent per feature, by contrast, is what `feature_scores` rewards.
    scores = metrics.latent_scores(count([0, 0, 0, 0], [0, 1, 2, 3]), 4)
    np.testing.assert_allclose(scores.precision, [1 / 2, 1, 1 / 2, 0])
    np.testing.assert_allclose(scores.recall, [1 / 2, 1 / 2, 1, 0])
    np.testing.assert_allclose(scores.f1, [1 / 2, 2 / 3, 2 / 3, 0])
    assert metrics.macro_scores(scores).precision == pytest.approx(2 / 4)
    # Latent 1 has no direction, and so no feature: 0 as well.
    assert metrics.latent_scores(count([0, 0], [0, 2]), 4).precision.tolist() == [1 / 2, 0, 1 / 2, 0]


def test_a_latent_has_one_feature():
    with pytest.raises(ValueError, match="a latent is in several pairs"):
        metrics.GateCounts([0, 1], [2, 2])


def test_missed_features_cost_the_truth_macro_and_not_the_latents():
    # One latent that is feature 0 exactly, of four features: perfect for the latent, 1/4 for the truth.
    features = np.eye(4).repeat(5, axis=0)
    counts = metrics.GateCounts([0], [0])
    counts.add(features, features[:, :1])
    assert metrics.macro_scores(metrics.latent_scores(counts, 1)).f1 == 1
    assert metrics.macro_scores(metrics.feature_scores(counts, features.sum(0))).f1 == 1 / 4
    assert metrics.mcc([[1.0], [0.0], [0.0], [0.0]]) == 1
    assert metrics.matched_cosine([[1.0], [0.0], [0.0], [0.0]]) == 1 / 4


def test_ranking_by_hand():
    # Scores 3+, 2-, 1+, 1-, 0-, 0+: of the 9 pairs (with, without) 3+ wins 3; 1+ beats one 0-, ties with 1-: 1.5; 0+
    # ties with 0-: .5. AUROC 5/9. Precision at 3: 1/1, at 1: 2/4, at 0: 3/6, each gaining a third of the recall.
    ranking = metrics.rank([3, 2, 1, 1, 0, 0], [True, False, True, False, False, True])
    assert ranking.auroc == pytest.approx(5 / 9)
    assert ranking.average_precision == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)


def test_ranking_of_extremes():
    present = np.array([True] * 3 + [False] * 9)
    assert metrics.rank(present * 1.0, present) == (1, 1)
    assert metrics.rank(np.zeros(12), present) == (0.5, 0.25)
    assert metrics.rank(-1.0 * present, present) == (0, 0.25)
    for same in (np.ones(4), np.zeros(4)):
        assert all(math.isnan(value) for value in metrics.rank(np.arange(4), same))
    with pytest.raises(ValueError, match="score has 1 NaN"):
        metrics.rank([NAN, 0], [True, False])
    with pytest.raises(ValueError, match=r"got \(3,\) and \(2,\)"):
        metrics.rank([1, 2, 3], [True, False])


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.integers(1, 5))
def test_auroc_is_the_share_of_ordered_pairs(seed, levels):
    rng = np.random.default_rng(seed)
    score, present = rng.integers(-levels, levels + 1, 40), rng.uniform(size=40) < 0.3
    present[:2] = True, False
    difference = score[present][:, None] - score[~present]
    ranking = metrics.rank(score, present)
    assert ranking.auroc == pytest.approx(((difference > 0) + (difference == 0) / 2).mean())
    assert metrics.rank(3.0 * score + 1, present) == pytest.approx(ranking)  # any rising function of it


def test_absorption_by_hand():
    # Feature 0 is the parent of 1; latent 0 is its own. Parent alone in samples 0-3, active in 3 of them; with the
    # child in samples 4-5, active in none: absorption 1. Feature 2 is a child of 0 in sample 0 alone, where the latent
    # is active: recall 2/5 and 1.
    features = np.array([[1, 0, 1], [1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0], [0, 0, 0]])
    latents = np.array([[1], [1], [1], [0], [0], [0], [1]])
    parent, child = metrics.list_edges(np.array([-1, 0, 0]))
    assert (parent.tolist(), child.tolist()) == ([0, 0], [1, 2])
    counts = metrics.AbsorptionCounts(parent, child, np.zeros(3, int))
    counts.add(features, latents)
    recall_alone, recall_child, absorption = counts.scores()
    np.testing.assert_allclose(recall_alone, [3 / 4, 2 / 5])
    np.testing.assert_allclose(recall_child, [0, 1])
    np.testing.assert_allclose(absorption, [1, 0])  # fires more with the child: no absorption, rather than less than 0


def test_absorption_is_undefined_where_there_is_nothing_to_absorb():
    # Edge (0, 1): the parent's latent never fires. Edge (0, 2): the child is never there. A parent without a latent.
    features = np.array([[1, 1, 0], [1, 0, 0]])
    parent, child = np.array([0, 0]), np.array([1, 2])
    silent = metrics.AbsorptionCounts(parent, child, np.zeros(3, int))
    silent.add(features, np.zeros((2, 1)))
    np.testing.assert_allclose(silent.scores().recall_alone, [0, 0])
    np.testing.assert_allclose(silent.scores().recall_child, [0, NAN])
    assert np.isnan(silent.scores().absorption).all()
    without = metrics.AbsorptionCounts(parent, child, np.full(3, -1))
    without.add(features, np.ones((2, 1)))
    assert np.isnan(np.stack(without.scores())).all()


def test_nearest_latents():
    assert metrics.nearest_latents([[0.2, NAN, 0.3], [-0.1, NAN, -0.9]]).tolist() == [2, 0]
    assert metrics.nearest_latents([[NAN], [NAN]]).tolist() == [-1, -1]
