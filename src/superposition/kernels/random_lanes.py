"""Random numbers in lanes: one xoshiro128+ generator per lane, advanced together by vector instructions."""

import numpy as np

from superposition.kernels.compilation import jit
from superposition.kernels.tiles import TILE

DRAWS = np.float32(2.0**31)  # number of different draws

LN2, SQRT2 = np.float32(np.log(2.0)), np.float32(np.sqrt(2.0))
C3, C5, C7, C9 = np.float32(2 / 3), np.float32(2 / 5), np.float32(2 / 7), np.float32(2 / 9)


def seed_lanes(seeds: list[int]) -> np.ndarray:
    """(len(seeds), 4 * TILE) uint32: tiles of four rows, the state of every lane's own generator."""
    return np.stack([np.random.SeedSequence(seed).generate_state(4 * TILE) for seed in seeds])


@jit
def advance(s0, s1, s2, s3):
    """A draw of 31 bits and the next state: xoshiro128+ (Blackman & Vigna 2021); its weak lowest bit is dropped."""
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
def natural_logarithm(x):
    """ln x of a positive normal float32, to 2e-7 of max(1, |ln x|); unlike the library's, it becomes vector code.

    x = 2^e m with m near 1, and ln m = 2 artanh(s) = 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1) / (m + 1).
    """
    bits = np.float32(x).view(np.int32)
    exponent = (bits >> np.int32(23)) - np.int32(127)
    m = np.int32((bits & np.int32(0x7FFFFF)) | np.int32(0x3F800000)).view(np.float32)
    large = m > SQRT2
    m = m * np.float32(0.5) if large else m
    exponent = exponent + np.int32(1) if large else exponent
    s = (m - np.float32(1)) / (m + np.float32(1))
    t = s * s
    return np.float32(exponent) * LN2 + s * (np.float32(2) + t * (C3 + t * (C5 + t * (C7 + t * C9))))
