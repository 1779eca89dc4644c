"""The film of autoencoders in training: which it shows, and what its frames know."""

import numpy as np
from figure_tables import make_saes, make_toy_models, merge, text_of

from figures import sae_training_film

BLOCKS = {"base": {"title": "Sparse features"}, "none": {"title": "Left dead"}, "swept": {"title": "Two penalties"}}


def test_the_film_shows_the_first_autoencoder_and_the_most_resampled():
    tables = merge(make_toy_models(), make_saes(restarts=4))
    chosen = sae_training_film.choose_autoencoders(tables["saes"], tables["sae_history"], "simple", 2)
    assert chosen["instance"].to_list() == [0, 3]


def test_without_resampling_the_film_shows_the_most_dead():
    tables = merge(make_toy_models(), make_saes(names=("none",), restarts=4))
    tables["saes"]["n_dead"] = [3, 1, 2, 2] * 2
    chosen = sae_training_film.choose_autoencoders(tables["saes"], tables["sae_history"], "none", 3)
    assert chosen["instance"].to_list() == [0, 2, 3]


def test_several_penalties_share_the_rows_of_the_film():
    tables = merge(make_toy_models(), make_saes(names=("swept",), restarts=3, penalties=(0.2, 0.05)))
    tables["saes"]["n_dead"] = [0, 1, 2, 0, 2, 1] * 2
    chosen = sae_training_film.choose_autoencoders(tables["saes"], tables["sae_history"], "swept", 2)
    assert chosen["instance"].to_list() == [0, 3]
    chosen = sae_training_film.choose_autoencoders(tables["saes"], tables["sae_history"], "swept", 4)
    assert chosen["instance"].to_list() == [0, 2, 3, 4]  # of each penalty also the one with the most dead


def test_edges_are_where_latents_begin_to_fire():
    # (h - b_dec) . (3, 4) exceeds 10 first at twice the unit vector (.6, .8); an encoder of length 0 never does
    edges = sae_training_film.find_edges(np.array([[3.0, 4.0], [0.0, 0.0], [0.0, -2.0]]), np.array([10.0, 1.0, 1.0]))
    np.testing.assert_allclose(edges, [[1.2, 1.6], [np.nan, np.nan], [0, -0.5]])
    history = make_saes(names=("simple",))["sae_history"]
    history = history[(history["seed"] == 0) & (history["instance"] == 0)]
    frame = sae_training_film.make_frames(history, rare=0.00025)[1]  # b_enc = -.1, a threshold of .1, unit encoders
    np.testing.assert_allclose(frame.edge, 0.2 * frame.encoder, rtol=1e-6)


def make_every_sae(**changes) -> dict:
    several = make_saes(names=("swept",), penalties=(0.2, 0.05), **changes)
    return merge(make_toy_models(), make_saes(names=("none",), **changes), several)


def test_the_film_has_a_frame_for_every_snapshot():
    frames = [text_of(frame) for frame in sae_training_film.film(make_every_sae(), BLOCKS)]
    assert ["step 20" in text for text in frames] == [False, True, False]  # snapshots at steps 0, 20 and 40
    assert "instance 1" in frames[0]
    assert "= 0.05, instance" in frames[0]
    assert list(sae_training_film.film(make_every_sae(snapshots=False), BLOCKS)) == []


def test_frames_know_who_is_silent_and_who_was_resampled_since_the_last():
    history = make_saes(names=("simple",), dead=(0,), resampled_at=10)["sae_history"]
    history = history[(history["seed"] == 0) & (history["instance"] == 1)]
    frames = sae_training_film.make_frames(history, rare=0.00025)
    assert [frame.step for frame in frames] == [0, 20, 40]
    assert [frame.silent.tolist() for frame in frames] == [[False] * 5, *[[True] + [False] * 4] * 2]
    # the resampling in the stretch that ends at step 10 belongs to the frame of step 20 alone
    assert [frame.resampled.tolist() for frame in frames] == [[False] * 5, [False] * 4 + [True], [False] * 5]
    np.testing.assert_allclose(frames[0].encoder, frames[0].decoder)
    frames = sae_training_film.make_frames(history, rare=0.00025, linger=2)
    assert [frame.resampled[4] for frame in frames] == [False, True, True]
