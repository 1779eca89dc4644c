"""Tiles of points u_t = (h_t, 1), of which each has its neighbours in space: the leaves of a k-d tree."""

import numpy as np

from superposition.kernels.compilation import jit

# Points in a tile, in the plane and in more dimensions: with fewer, more features miss the box around them, but each
# feature that does not is shared by fewer points (measured).
PLANE_POINTS, POINTS = 64, 256


@jit
def points_of_tile(size):
    """How many points a tile has in size - 1 dimensions."""
    return PLANE_POINTS if size == 3 else POINTS


@jit
def count_tiles(begin, end, points):
    return (end - begin + points - 1) // points


@jit
def halve(waiting, depth, begin, end, points):
    """Put both halves of points begin to end on the stack `waiting`, apart at the boundary of a tile; its new depth."""
    middle = begin + count_tiles(begin, end, points) // 2 * points
    waiting[depth, 0], waiting[depth, 1] = middle, end
    waiting[depth + 1, 0], waiting[depth + 1, 1] = begin, middle
    return depth + 2


@jit
def sort_into_tiles(u, order):
    """Permute order (points,) so that those of a tile are near each other.

    u (points, n_hidden + 1) comes in the present order. A k-d tree: halve along the widest side, at the boundary of a
    tile, until a tile is left.
    """
    permutation, points = np.arange(len(order)), points_of_tile(u.shape[1])
    waiting, depth = np.empty((64, 2), np.int64), 1  # halves of halves: 64 levels are enough for any number
    waiting[0, 0], waiting[0, 1] = 0, len(order)
    while depth > 0:
        depth -= 1
        begin, end = waiting[depth]
        if count_tiles(begin, end, points) < 2:
            continue
        part = permutation[begin:end].copy()
        widest, width = 0, np.float32(-1)
        for k in range(u.shape[1] - 1):
            coordinate = u[:, k][part]
            if coordinate.max() - coordinate.min() > width:
                widest, width = k, coordinate.max() - coordinate.min()
        permutation[begin:end] = part[np.argsort(u[:, widest][part], kind="mergesort")]
        depth = halve(waiting, depth, begin, end, points)
    order[:] = order[permutation]


@jit
def enclose(u, box):
    """Set box (2, 1, n_hidden + 1): the centre of the box around the points u, and half its widths."""
    for k in range(u.shape[1]):
        low = high = u[0, k]
        for t in range(len(u)):
            low, high = min(low, u[t, k]), max(high, u[t, k])
        box[0, 0, k], box[1, 0, k] = np.float32(0.5) * (low + high), np.float32(0.5) * (high - low)
