"""Tiles of samples: row k of a tile is one feature or unit, each of its TILE lanes one sample.

A tile is one flat array whose row k begins at k * TILE. So the compiler knows how far apart rows are, and that they do
not overlap, without which every loop over lanes would begin by comparing addresses. Positions are unsigned because a
signed one might count from the end of the array.
"""

import numpy as np

from superposition.kernels.compilation import jit

TILE = 256  # few enough to stay in the cache, enough for long vector loops
ROW, ROW2, ROW3 = np.uintp(TILE), np.uintp(2 * TILE), np.uintp(3 * TILE)  # distances between rows


@jit
def start_of(row):
    return np.uintp(row * TILE)


@jit
def empty_tile(rows):
    return np.empty(rows * TILE, np.float32)


@jit
def is_positive(z):
    """1 where z > 0 and where z is NaN, which a product with it therefore keeps; else 0.

    For max(z, 0) in place, z *= is_positive(z): of a choice between 0 and z the compiler makes stores of zeros alone,
    one lane at a time, which takes seven times as long (measured).
    """
    return np.float32(0) if z <= 0 else np.float32(1)
