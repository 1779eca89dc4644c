"""The kernels' sampler against the distribution it stands for: presence with p_i, then U[0, 1)."""

import numpy as np
import pytest
import torch
from scipy import stats

from superposition.features import SparseFeatures
from superposition.kernels.random_lanes import natural_logarithm, seed_lanes
from superposition.kernels.sampling import (
    begin_batch,
    empty_block,
    join_sets,
    sample_common,
    sample_rare,
    sampling_tables,
    spread_signs,
    take_empty,
)
from superposition.kernels.tiles import TILE, empty_tile


def draw(probability, n_samples, seed=0, batches=1, signed=False, **sets):
    """(batches * n_samples, n_features) samples, as the kernels draw them: the empty ones last."""
    features = SparseFeatures(torch.tensor([probability]), "signed_uniform" if signed else "uniform", **sets)
    *tables, layout = sampling_tables(features)
    last, scale, gap_scale = (table[0] for table in tables)
    state = seed_lanes([seed])[0]
    x, (gaps, decisions, magnitudes, cursor) = empty_tile(len(probability)), empty_block()
    drawn = []
    for _ in range(batches):
        begin_batch(cursor, n_samples)
        lanes = repeats = 1
        while repeats:
            if gap_scale == 0:
                lanes = sample_common(x, state, last, scale, cursor)
                join_sets(x, lanes, layout)
            else:
                lanes = sample_rare(x, n_samples, state, last, gap_scale, layout, cursor, gaps, decisions, magnitudes)
            if lanes == 0:
                lanes, repeats = 1, take_empty(x, len(probability), cursor)
            elif layout.signed:
                spread_signs(x, len(probability), lanes)
            drawn.append(np.repeat(x.reshape(-1, TILE)[:, :lanes].T, repeats, axis=0))
    return np.concatenate(drawn)


def as_tile(rows):
    """(rows, lanes) as the kernels hold it, with nonsense in the lanes that are not used."""
    tile = np.full((len(rows), TILE), 1e6, np.float32)
    tile[:, : rows.shape[1]] = rows
    return tile.ravel()


MIXED = [0.5, 0.001, 0.2, 1.0, 0.0, 0.03]  # common: every pair is drawn
RARE = [0.05, 0.001, 0.02, 0.08, 0.0, 0.03]  # rare: drawn by gaps


@pytest.mark.parametrize("probability", [MIXED, RARE, [0.01] * 5, [0.3]])
@pytest.mark.parametrize("n_samples", [1, 255, 1000])
def test_a_batch_has_its_size(probability, n_samples):
    assert draw(probability, n_samples, batches=3).shape == (3 * n_samples, len(probability))


@pytest.mark.parametrize("probability", [MIXED, RARE, [0.01] * 5])
def test_features_are_present_with_their_probability(probability):
    x = draw(probability, 1000, batches=200)
    for i, p in enumerate(probability):
        present = int((x[:, i] > 0).sum())
        if p in (0.0, 1.0):
            assert present == p * len(x)
        else:
            assert stats.binomtest(present, len(x), p).pvalue > 1e-3, (i, p, present)


@pytest.mark.parametrize("probability", [MIXED, RARE, [0.001] * 5])
def test_magnitudes_are_uniform(probability):
    x = draw(probability, 1000, seed=1, batches=200)
    for i in range(len(probability)):
        magnitudes = x[x[:, i] > 0, i]
        assert magnitudes.size == 0 or stats.kstest(magnitudes, "uniform").pvalue > 1e-3, i
        assert magnitudes.size == 0 or magnitudes.max() <= 1


@pytest.mark.parametrize("probability", [MIXED, RARE, [0.001] * 5])
def test_signed_magnitudes_are_uniform_on_both_sides(probability):
    x = draw(probability, 1000, seed=5, batches=200, signed=True)
    for i, p in enumerate(probability):
        magnitudes = x[x[:, i] != 0, i]
        if p == 0:
            assert magnitudes.size == 0
            continue
        if p == 1:
            assert magnitudes.size >= len(x) - 2  # one value in 2^24 is exactly 0
        else:
            assert stats.binomtest(magnitudes.size, len(x), p).pvalue > 1e-3, (i, p)
        assert stats.kstest(magnitudes, "uniform", (-1, 2)).pvalue > 1e-3, i
        assert stats.binomtest(int((magnitudes > 0).sum()), magnitudes.size).pvalue > 1e-3, i
        assert -1 <= magnitudes.min() <= magnitudes.max() <= 1


def test_signs_of_two_features_are_independent():
    x = draw([0.6, 0.7], 1000, seed=6, batches=100, signed=True)
    x = x[(x != 0).all(1)] > 0
    table = np.array([[np.sum((x[:, 0] == a) & (x[:, 1] == b)) for b in (0, 1)] for a in (0, 1)])
    assert stats.chi2_contingency(table).pvalue > 1e-3


@pytest.mark.parametrize("probability", [MIXED, RARE])
def test_signed_magnitudes_are_of_the_same_draws(probability):
    unsigned, signed = (draw(probability, 300, seed=7, batches=2, signed=signed) for signed in (False, True))
    np.testing.assert_array_equal(signed, np.where(unsigned > 0, 2 * unsigned - 1, 0))


@pytest.mark.parametrize("p", [0.3, 0.08])
def test_features_are_independent_of_each_other(p):
    # the number present of 3 independent features is binomial
    x = draw([p] * 3, 1000, seed=2, batches=100)
    counts = np.bincount((x > 0).sum(1), minlength=4)
    expected = stats.binom.pmf(np.arange(4), 3, p) * len(x)
    assert stats.chisquare(counts, expected).pvalue > 1e-3


def test_neighbouring_samples_are_independent():
    # p = 0.5 draws every pair in sample order within a tile: presence in one lane says nothing of the next
    present = draw([0.5], TILE, seed=3, batches=400)[:, 0] > 0
    table = np.array([[np.sum((present[:-1] == a) & (present[1:] == b)) for b in (0, 1)] for a in (0, 1)])
    assert stats.chi2_contingency(table).pvalue > 1e-3


@pytest.mark.parametrize("p", [0.001, 0.01, 0.5])
def test_magnitudes_are_resolved_to_24_bits(p):
    # of N magnitudes on a grid of 2^24 values N^2 / 2^25 pairs coincide: fewer than 1 in 4,000 here, so on a grid of
    # 2^16, where every other one would, this fails
    x = draw([p] * 4, 1000, seed=4, batches=int(4 / p))
    magnitudes = x[x > 0]
    assert len(magnitudes) > 10_000
    assert len(np.unique(magnitudes)) > 0.998 * len(magnitudes)


def test_the_logarithm():
    x = np.concatenate([np.float32(2.0) ** -np.arange(32), np.linspace(1e-6, 1, 100_001, dtype=np.float32)[1:]])
    ours = np.array([natural_logarithm(np.float32(value)) for value in x], dtype=np.float64)
    exact = np.log(x.astype(np.float64))
    assert np.all(np.abs(ours - exact) <= 2e-7 * np.maximum(1, np.abs(exact)))


def test_lanes_and_seeds_differ():
    states = seed_lanes([0, 1]).reshape(2, 4, TILE).transpose(0, 2, 1).reshape(-1, 4)
    assert len(np.unique(states, axis=0)) == 2 * TILE
