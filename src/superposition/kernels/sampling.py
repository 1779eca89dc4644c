"""Tiles of sparse features, as `features.SparseFeatures` draws them.

A candidate is a set of features, or a feature that is in no set: what is present independently of all others. Where
candidates are common every (feature, sample) is drawn, in vectors. Where they are rare only those that are present cost
time: the gaps between them are geometric. Samples without any feature, which are all alike, are then left out of the
tiles and counted.

A batch is taken like this, with cursor and block from `empty_block`:

    begin_batch(cursor, n_samples)
    sample_common(...) and join_sets(...), or sample_rare(...), until there are 0 lanes; each lane is one sample
    spread_signs(...), if signed
    take_empty(...): one more lane, which stands for all the samples that were left out

A draw has 31 bits: probabilities are resolved to 2^-31, and magnitudes to 2^-24 or better.
"""

from typing import NamedTuple

import numpy as np

from superposition.features import SparseFeatures
from superposition.kernels.compilation import jit, jit_inlined
from superposition.kernels.random_lanes import DRAWS, advance, natural_logarithm
from superposition.kernels.tiles import ROW, ROW2, ROW3, TILE, start_of

# Measured: where gaps are faster. Always up to VERY_RARE, the largest probability of an instance's candidates, and up
# to RARE if so many samples are empty that leaving them out pays for the gaps.
VERY_RARE, RARE, MANY_EMPTY = 0.02, 0.1, 0.3
BLOCK = 64  # gaps drawn at once
LOWEST_RATE = 1e-6  # of candidates, so that gaps stay countable
ONE_DRAW = 2.0**-7  # smallest probability at which one draw decides both presence and magnitude


class Layout(NamedTuple):
    """What is the same in all instances, see `features.SparseFeatures`."""

    correlated_sets: int
    anticorrelated_sets: int
    set_size: int
    signed: bool


def sampling_tables(
    distribution: SparseFeatures, gaps: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Layout]:
    """What the kernels need of a distribution; without `gaps`, every (feature, sample) is drawn however rare it is.

    Returns:
        last: (instances, n_features) int32, the largest of the 2^31 draws that means presence; -1 is never. The first
            feature of a set stands for the set
        scale: (instances, n_features) float32, what makes such a draw a magnitude; 0 asks for a second draw, so that
            every magnitude is resolved to 2^-24 or better
        gap_scale: (instances,) float32, 1 / ln(1 - rate) where presence is drawn by gaps between candidates of that
            rate, of which p / rate are kept; else 0. There `last` is of p / rate, and scale is not used
        layout: of the sets
    """
    sets = distribution.correlated_sets, distribution.anticorrelated_sets, distribution.set_size
    in_sets = np.arange(distribution.n_in_sets).reshape(-1, distribution.set_size)
    first, later = in_sets[:, 0], in_sets[:, 1:].ravel()
    p = distribution.probability.double().numpy().copy()
    p[:, first], p[:, later] = distribution.set_probability.double().numpy(), 0
    highest = p.max(axis=1)
    by_gaps = gaps & ((highest <= VERY_RARE) | ((highest <= RARE) & ((1 - p).prod(axis=1) >= MANY_EMPTY)))
    p[np.ix_(~by_gaps, later)] = 1  # see join_sets
    rate = np.where(by_gaps, np.maximum(highest, LOWEST_RATE), 1.0)
    gap_scale = np.zeros_like(rate)
    gap_scale[rate < 1] = 1 / np.log1p(-rate[rate < 1])
    share = p / rate[:, None]
    draws = np.rint(share * 2.0**31)
    scale = np.where(share < ONE_DRAW, 0.0, 1 / np.maximum(draws, 1))
    tables = (draws - 1).astype(np.int32), scale.astype(np.float32), gap_scale.astype(np.float32)
    return *tables, Layout(*sets, distribution.magnitude == "signed_uniform")


@jit_inlined
def _draw_once(x, feature, lanes, state, last, scale):
    """x = u / p if u < p else 0: given u < p, u / p is again uniform"""
    row, last0, scale0 = start_of(feature), last[feature], scale[feature]
    for lane in range(np.uintp(lanes)):
        s0, s1, s2, s3 = state[lane], state[lane + ROW], state[lane + ROW2], state[lane + ROW3]
        draw, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        state[lane], state[lane + ROW], state[lane + ROW2], state[lane + ROW3] = s0, s1, s2, s3
        x[row + lane] = np.float32(draw) * scale0 if draw <= last0 else np.float32(0)


@jit_inlined
def _draw_pair(x, feature, lanes, state, last, scale):
    """The same for this feature and the next: the generators are loaded and stored once."""
    row, last0, last1 = start_of(feature), last[feature], last[feature + 1]
    scale0, scale1 = scale[feature], scale[feature + 1]
    for lane in range(np.uintp(lanes)):
        s0, s1, s2, s3 = state[lane], state[lane + ROW], state[lane + ROW2], state[lane + ROW3]
        draw0, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        draw1, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        state[lane], state[lane + ROW], state[lane + ROW2], state[lane + ROW3] = s0, s1, s2, s3
        x[row + lane] = np.float32(draw0) * scale0 if draw0 <= last0 else np.float32(0)
        x[row + ROW + lane] = np.float32(draw1) * scale1 if draw1 <= last1 else np.float32(0)


@jit_inlined
def _draw_twice(x, feature, lanes, state, last):
    """x = v if u < p else 0"""
    row, last0 = start_of(feature), last[feature]
    for lane in range(np.uintp(lanes)):
        s0, s1, s2, s3 = state[lane], state[lane + ROW], state[lane + ROW2], state[lane + ROW3]
        draw, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        magnitude, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        state[lane], state[lane + ROW], state[lane + ROW2], state[lane + ROW3] = s0, s1, s2, s3
        x[row + lane] = np.float32(magnitude) * (1 / DRAWS) if draw <= last0 else np.float32(0)


@jit
def empty_block():
    """Room for what sampling keeps between tiles: gaps, decisions, magnitudes (see draw_candidates) and cursor (see
    begin_batch)."""
    gaps, decisions = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32)
    return gaps, decisions, np.empty(BLOCK, np.float32), np.empty(3, np.int64)


@jit_inlined
def draw_candidates(gaps, decisions, magnitudes, state, gap_scale):
    """Refill the block: the gap before each candidate, the draw that decides whether it is present, its magnitude."""
    for lane in range(np.uintp(BLOCK)):
        s0, s1, s2, s3 = state[lane], state[lane + ROW], state[lane + ROW2], state[lane + ROW3]
        draw, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        decision, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        magnitude, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        state[lane], state[lane + ROW], state[lane + ROW2], state[lane + ROW3] = s0, s1, s2, s3
        u = (np.float32(draw) + np.float32(1)) * (1 / DRAWS)  # in (0, 1]
        gaps[lane] = np.int32(natural_logarithm(u) * gap_scale)  # P(gap >= k) = P(u <= (1 - rate)^k)
        decisions[lane] = decision
        magnitudes[lane] = np.float32(magnitude) * (1 / DRAWS)


@jit
def begin_batch(cursor, n_samples):
    """Set cursor (3,) int64: the (sample, candidate) pair visited last, numbered sample by sample; the candidates used
    of the block; the samples that were in no tile yet."""
    cursor[0], cursor[1], cursor[2] = -1, BLOCK, n_samples


@jit
def sample_common(x, state, last, scale, cursor):
    """Fill x with the next samples of the batch; the number of lanes filled."""
    n_features, feature = len(last), 0
    lanes = min(TILE, cursor[2])
    while feature < n_features:
        if scale[feature] == 0:
            _draw_twice(x, feature, lanes, state, last)
            feature += 1
        elif feature + 1 < n_features and scale[feature + 1] > 0:
            _draw_pair(x, feature, lanes, state, last, scale)
            feature += 2
        else:
            _draw_once(x, feature, lanes, state, last, scale)
            feature += 1
    cursor[2] -= lanes
    return lanes


@jit
def join_sets(x, lanes, layout):
    """Make sets of what `sample_common` drew for their features: a magnitude for the first as often as the set is
    present, a number of U[0, 1) for each of the others always.

    In a correlated set the others stay where the first is present (if its magnitude is 0, once in 2^24 or less, the set
    is not). In an anticorrelated one the magnitude is kept by the first with probability 1/k or passed on to the next,
    kept by that with probability 1/(k - 1) or passed on, and so forth: each of k features is as likely to end with it.
    """
    for i in range(layout.correlated_sets + layout.anticorrelated_sets):
        first = start_of(i * layout.set_size)
        for member in range(1, layout.set_size):
            row = first + start_of(member)
            if i < layout.correlated_sets:
                for lane in range(np.uintp(lanes)):
                    x[row + lane] = x[row + lane] if x[first + lane] > 0 else np.float32(0)
            else:
                keep = np.float32(1 / (layout.set_size - member + 1))
                for lane in range(np.uintp(lanes)):
                    magnitude, number = x[row - ROW + lane], x[row + lane]
                    x[row - ROW + lane] = magnitude if number < keep else np.float32(0)
                    x[row + lane] = np.float32(0) if number < keep else magnitude


@jit
def sample_rare(x, n_samples, state, last, gap_scale, layout, cursor, gaps, decisions, magnitudes):
    """Fill x with the next samples of the batch that have a feature; the number of lanes filled."""
    n_sets = layout.correlated_sets + layout.anticorrelated_sets
    others = n_sets * (layout.set_size - 1)  # features that are not the first of their set
    n_candidates = len(last) - others
    pairs, samples_per_pair = n_samples * n_candidates, 1.0 / n_candidates
    x[:] = 0
    lane, current = -1, -1
    pair, used = cursor[0], cursor[1]
    while True:
        if used == BLOCK:
            draw_candidates(gaps, decisions, magnitudes, state, gap_scale)
            used = 0
        following = pair + 1 + gaps[used]
        if following >= pairs:
            pair = pairs
            break
        sample = int((following + 0.5) * samples_per_pair)
        candidate = following - sample * n_candidates
        feature = candidate * layout.set_size if candidate < n_sets else candidate + others
        if decisions[used] <= last[feature]:
            following_lane = lane + (sample != current)
            if following_lane == TILE:
                break
            lane, current = following_lane, sample
            if candidate >= n_sets:
                x[feature * TILE + lane] = magnitudes[used]
            elif candidate >= layout.correlated_sets:
                member = (np.int64(_draw_from(state, used)) * layout.set_size) >> 31
                x[(feature + member) * TILE + lane] = magnitudes[used]
            else:
                for member in range(layout.set_size):
                    x[(feature + member) * TILE + lane] = np.float32(_draw_from(state, used)) * (1 / DRAWS)
        pair = following
        used += 1
    cursor[0], cursor[1] = pair, used
    cursor[2] -= lane + 1
    return lane + 1


@jit
def _draw_from(state, lane):
    draw, s0, s1, s2, s3 = advance(state[lane], state[lane + TILE], state[lane + 2 * TILE], state[lane + 3 * TILE])
    state[lane], state[lane + TILE], state[lane + 2 * TILE], state[lane + 3 * TILE] = s0, s1, s2, s3
    return draw


@jit_inlined
def spread_signs(x, n_features, lanes):
    """x = 2 x - 1 in place where a feature is present: its magnitude is then U[-1, 1), not U[0, 1).

    A magnitude of exactly 0, one in 2^24 or fewer, looks like absence and stays 0.
    """
    for feature in range(n_features):
        row = start_of(feature)
        for lane in range(np.uintp(lanes)):
            u = x[row + lane]
            x[row + lane] = np.float32(2) * u - np.float32(1) if u > 0 else np.float32(0)


@jit
def take_empty(x, n_features, cursor):
    """Make the first lane of x a sample without features; the number of samples that it stands for."""
    for feature in range(n_features):
        x[feature * TILE] = 0
    left = cursor[2]
    cursor[2] = 0
    return left
