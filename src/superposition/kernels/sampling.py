"""Tiles of independent sparse features, from one xoshiro128+ generator per lane.

The distribution is `features.IndependentFeatures`: feature i is present with probability p_i, then U[0, 1). One uniform
number decides both: given u < p, u / p is again uniform. A draw has 31 bits, so p is resolved to 2^-32 and a magnitude
drawn this way to 1 / (2^31 p); for p below 2^-7, where that would be coarser than 2^-24, a second draw gives it.
"""

import numpy as np
from torch import Tensor

from superposition.kernels.compilation import jit

TILE = 256  # samples that are processed together: their features and hidden units fit the cache
MOST_PRESENT = 0.1  # share of samples without any feature above which it pays to leave those out
RANGE = np.float32(2.0**31)
SMALLEST_SHARED = 2.0**-7


def seed_lanes(seeds: list[int]) -> np.ndarray:
    """(instances, 4, TILE) uint32 states, one independent generator per lane."""
    return np.stack([np.random.SeedSequence(s).generate_state(4 * TILE).reshape(4, TILE) for s in seeds])


def presence_thresholds(probability: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """For probabilities of any shape: `last`, the largest 31-bit draw that means presence (int32; -1 is never), and
    `scale`, the factor that makes such a draw a magnitude (float32; 0 asks for a second draw)."""
    p = probability.double().cpu().numpy()
    count = np.rint(p * 2.0**31)
    scale = np.where(p < SMALLEST_SHARED, 0.0, 1.0 / np.maximum(count, 1.0))
    return (count - 1).astype(np.int32), scale.astype(np.float32)


def leave_out_empty(probability: Tensor) -> np.ndarray:
    """(instances,) bool from (instances, n_features): whether samples without features are common enough to skip."""
    return ((1.0 - probability.double()).prod(-1) > MOST_PRESENT).cpu().numpy()


@jit
def advance(s0, s1, s2, s3):
    """A 31-bit draw and the next state: xoshiro128+ (Blackman & Vigna 2021); its weak lowest bit is dropped."""
    draw = np.int32(np.uint32(s0 + s3) >> np.uint32(1))
    shifted = np.uint32(s1 << np.uint32(9))
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = np.uint32(s3 << np.uint32(11)) | np.uint32(s3 >> np.uint32(21))
    return draw, s0, s1, s2, s3


@jit
def sample_row(x, lanes, state, last, scale):
    """x[lane] = u / p if u < p else 0, for one feature"""
    a, b, c, d = state[0], state[1], state[2], state[3]
    if scale > 0:
        for lane in range(lanes):
            draw, a[lane], b[lane], c[lane], d[lane] = advance(a[lane], b[lane], c[lane], d[lane])
            x[lane] = np.float32(draw) * scale if draw <= last else np.float32(0)
    else:
        for lane in range(lanes):
            draw, s0, s1, s2, s3 = advance(a[lane], b[lane], c[lane], d[lane])
            magnitude, a[lane], b[lane], c[lane], d[lane] = advance(s0, s1, s2, s3)
            x[lane] = np.float32(magnitude) / RANGE if draw <= last else np.float32(0)


@jit
def sample_tile(x, lanes, state, last, scale):
    """x[feature, lane] for all features"""
    for feature in range(len(last)):
        sample_row(x[feature], lanes, state, last[feature], scale[feature])


@jit
def append_present(x, lanes, kept, filled, strongest, chosen):
    """Append the samples of x that have a feature to `kept` from lane `filled` on; the new number of lanes in it.

    strongest, chosen: room for one number per lane (float32, int64).
    """
    for lane in range(lanes):
        strongest[lane] = x[0, lane]
    for feature in range(1, len(x)):
        row = x[feature]
        for lane in range(lanes):
            strongest[lane] = max(strongest[lane], row[lane])
    count = 0
    for lane in range(lanes):
        chosen[count] = lane
        count += strongest[lane] > 0
    for feature in range(len(x)):
        row, out = x[feature], kept[feature]
        for i in range(count):
            out[filled + i] = row[chosen[i]]
    return filled + count
