"""Cosines and assignments worked out by hand, and the ways in which a match must not depend on the input."""

import numpy as np
import pytest

from superposition.matching import cosine_similarity, match_one_to_one


def test_cosine_similarity_by_hand():
    # (3, 4) has length 5: cosines 3/5 and 4/5 with the axes.
    similarity = cosine_similarity([[1, 0], [0, 2]], [[3, 4], [-1, 0], [0, 0.5]])
    np.testing.assert_allclose(similarity, [[0.6, -1, 0], [0.8, 0, 1]], atol=1e-15)


def test_cosine_similarity_ignores_length_and_follows_sign():
    rng = np.random.default_rng(0)
    truth, latents = rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=(6, 3)).astype(np.float32)
    similarity = cosine_similarity(truth, latents)
    assert similarity.dtype == np.float64
    np.testing.assert_allclose(cosine_similarity(7 * truth, 0.25 * latents), similarity, rtol=1e-6)
    np.testing.assert_allclose(cosine_similarity(truth, -latents), -similarity)
    assert np.abs(cosine_similarity(truth, truth)).max() <= 1


def test_cosine_similarity_without_a_direction():
    similarity = cosine_similarity([[1.0, 0.0]], [[0.0, 0.0], [1.0, 1.0]])
    np.testing.assert_array_equal(np.isnan(similarity), [[True, False]])
    with pytest.raises(ValueError, match="truth row 1 is zero"):
        cosine_similarity([[1.0, 0.0], [0.0, 0.0]], [[1.0, 0.0]])


def test_cosine_similarity_refuses_other_shapes_and_values():
    with pytest.raises(ValueError, match=r"got \(1, 2\) and \(1, 3\)"):
        cosine_similarity([[1, 0]], [[1, 0, 0]])
    with pytest.raises(ValueError, match="latents has 1 NaN"):
        cosine_similarity([[1, 0]], [[1, np.nan]])


def test_match_is_globally_best_rather_than_greedy():
    # Greedy takes .9 first and is left with .1 (sum 1.0); crossing gives .8 + .7 = 1.5.
    truth_index, latent_index = match_one_to_one([[0.9, 0.8], [0.7, 0.1]])
    assert truth_index.tolist() == [0, 1]
    assert latent_index.tolist() == [1, 0]


def test_match_finds_a_permutation():
    rng = np.random.default_rng(1)
    truth, order = rng.normal(size=(6, 4)), rng.permutation(6)
    truth_index, latent_index = match_one_to_one(cosine_similarity(truth, truth[order]))
    assert order[latent_index].tolist() == truth_index.tolist() == list(range(6))


def test_match_by_absolute_similarity():
    # Signed: the diagonal, .2 + .1; absolute: the other one, |-.9| + |.8|.
    similarity = [[0.2, -0.9], [0.8, 0.1]]
    assert match_one_to_one([[0.2, -0.9], [0.3, 0.1]])[1].tolist() == [0, 1]
    assert match_one_to_one(similarity, absolute=True)[1].tolist() == [1, 0]


@pytest.mark.parametrize(("shape", "n_pairs"), [((3, 5), 3), ((5, 3), 3), ((1, 1), 1)])
def test_match_of_unequal_numbers(shape, n_pairs):
    truth_index, latent_index = match_one_to_one(np.random.default_rng(2).uniform(-1, 1, shape))
    assert len(set(truth_index)) == len(set(latent_index)) == n_pairs
    assert sorted(truth_index) == truth_index.tolist()


def test_latents_without_a_direction_stay_unmatched():
    nan = np.nan
    truth_index, latent_index = match_one_to_one([[nan, 0.1, -0.5], [nan, 0.9, -0.7]])
    assert truth_index.tolist() == [0, 1]
    assert latent_index.tolist() == [2, 1]
    assert [len(index) for index in match_one_to_one([[nan, nan]])] == [0, 0]
    with pytest.raises(ValueError, match="whole columns"):
        match_one_to_one([[nan, 0.1], [0.3, 0.9]])
