"""Sum over points t and features i of relu(z_ti)^2, z_ti = W_i . h_t + b_i, and its gradient, without most of the z.

With theta_i = (W_i, b_i) and u_t = (h_t, 1), z_ti = theta_i . u_t, and the ReLU of feature i is a hinge at the plane
theta_i . u = 0. Points that are near each other form a tile. The hinges of most features miss the box around a tile:
there z has one sign on all points. Where it is negative the feature adds nothing; where it is positive, sums over
points need only S = sum_t u_t u_t^T, and sums over features only Q = sum_i theta_i theta_i^T, without its last row:

    sum_t relu(z_ti) u_t = S theta_i        sum_i relu(z_ti) W_i = Q u_t

Only the features whose hinges cross the box meet the points one by one. This is exact: where the boxes lie decides how
much is left to do, not what comes out. The loss needs no pass of its own, for

    sum_ti relu(z_ti)^2 = sum_i theta_i . (sum_t relu(z_ti) u_t)
"""

import numpy as np

from superposition.kernels.compilation import jit
from superposition.kernels.plane import add_crossing_in_plane, add_linear_in_plane
from superposition.kernels.products import add_outer_product, multiply
from superposition.kernels.tiles import TILE, empty_tile, start_of

POINTS = 64  # in a tile: with fewer, more features miss the box, but each crossing is shared by fewer points (measured)


@jit
def sort_into_tiles(u, order):
    """Permute order (points,) so that every POINTS of a row are near each other.

    u (points, n_hidden + 1) comes in the present order. A k-d tree: halve along the widest side, at the boundary of a
    tile, until a tile is left.
    """
    permutation = np.arange(len(order))
    waiting, depth = np.empty((64, 2), np.int64), 1  # halves of halves: 64 levels are enough for any number
    waiting[0, 0], waiting[0, 1] = 0, len(order)
    while depth > 0:
        depth -= 1
        begin, end = waiting[depth]
        tiles = (end - begin + POINTS - 1) // POINTS
        if tiles < 2:
            continue
        part = permutation[begin:end].copy()
        widest, width = 0, np.float32(-1)
        for k in range(u.shape[1] - 1):
            coordinate = u[:, k][part]
            if coordinate.max() - coordinate.min() > width:
                widest, width = k, coordinate.max() - coordinate.min()
        permutation[begin:end] = part[np.argsort(u[:, widest][part], kind="mergesort")]
        middle = begin + tiles // 2 * POINTS
        waiting[depth, 0], waiting[depth, 1] = begin, middle
        waiting[depth + 1, 0], waiting[depth + 1, 1] = middle, end
        depth += 2
    order[:] = order[permutation]


@jit
def enclose(u, centre, half, S):
    """Centre and half widths of the box around the points u (points, n_hidden + 1), and S = sum_t u_t u_t^T."""
    for k in range(u.shape[1]):
        low = high = u[0, k]
        for t in range(len(u)):
            low, high = min(low, u[t, k]), max(high, u[t, k])
        centre[0, k], half[0, k] = np.float32(0.5) * (low + high), np.float32(0.5) * (high - low)
        for j in range(k + 1):
            product = np.float32(0)
            for t in range(len(u)):
                product += u[t, k] * u[t, j]
            S[k, j] = S[j, k] = product


@jit
def workspace(n_hidden, n_features):
    """Room for the matrices of a tile of points, the numbers of crossing features, and tiles of features: a chunk of
    theta, its sizes, its gradient, and pre-activations."""
    size = n_hidden + 1
    matrices = np.empty((1, size), np.float32), np.empty((1, size), np.float32), np.empty((2, size, size), np.float32)
    rows = empty_tile(size), empty_tile(size), empty_tile(size), empty_tile(max(POINTS, size))
    return matrices, np.empty(n_features, np.int32), rows, np.zeros(max(POINTS, size), np.float32)


@jit
def add_linear(theta, centre, half, S, gradient, Q, crossing, rows, zeros):
    """Add the features that are positive on a whole box; numbers those that cross it, and returns how many do.

    Args:
        theta, gradient: (n_hidden + 1, n_features)
        centre, half: (1, n_hidden + 1); S, Q: (n_hidden + 1, n_hidden + 1), whose last row of Q is not used
        crossing: (n_features,) int32
    """
    size, n_features = theta.shape
    chunk, widths, change, z = rows
    n_crossing = 0
    for begin in range(0, n_features, TILE):
        lanes = min(TILE, n_features - begin)
        for k in range(size):
            row = start_of(k)
            for lane in range(np.uintp(lanes)):
                chunk[row + lane] = theta[k, begin + lane]
                widths[row + lane] = abs(theta[k, begin + lane])
        multiply(centre, chunk, zeros, z, lanes)
        multiply(half, widths, zeros, change, lanes)
        n_linear = 0
        for lane in range(lanes):
            linear, negative = z[lane] >= change[lane], z[lane] <= -change[lane]
            crossing[n_crossing] = begin + lane
            n_crossing += not (linear or negative)
            n_linear += linear
            z[lane] = linear
        if n_linear == 0:
            continue
        for k in range(size):
            row = start_of(k)
            for lane in range(np.uintp(lanes)):
                chunk[row + lane] *= z[lane]
        multiply(S, chunk, zeros, change, lanes)
        add_outer_product(chunk, chunk, Q, lanes)
        for k in range(size):
            row = start_of(k)
            for lane in range(np.uintp(lanes)):
                gradient[k, begin + lane] += change[row + lane]
    return n_crossing


@jit
def add_crossing(u, grad_h, lanes, rows, zeros):
    """Add one chunk of features, point by point: to grad_h, and as rows[2] = sum_t relu(z_t) u_t."""
    chunk, _, change, z = rows
    multiply(u, chunk, zeros, z, lanes)
    for t in range(len(u)):
        row = start_of(t)
        for lane in range(np.uintp(lanes)):
            at = row + lane
            z[at] = np.float32(0) if z[at] <= 0 else z[at]  # this way round a NaN stays one
    add_outer_product(chunk, z, grad_h.T, lanes)
    multiply(u.T, z, zeros, change, lanes)


@jit
def add_dense_part(theta, u, gradient, grad_h, room):
    """Add sum_t relu(z_ti) u_t to gradient and sum_i relu(z_ti) W_i to grad_h; returns sum_ti relu(z_ti)^2.

    Args:
        theta, gradient: (n_hidden + 1, n_features), gradient zero
        u: (points, n_hidden + 1), see sort_into_tiles; grad_h: (points, n_hidden)
        room: see workspace
    """
    size = len(theta)
    (centre, half, squares), crossing, rows, zeros = room
    S, Q = squares
    chunk, _, change, _ = rows
    in_plane = size == 3
    for first in range(0, len(u), POINTS):
        u_tile, grad_tile = u[first : first + POINTS], grad_h[first : first + POINTS]
        enclose(u_tile, centre, half, S)
        Q[:] = 0
        if in_plane:
            n_crossing = add_linear_in_plane(theta, centre, half, S, gradient, Q, crossing)
        else:
            n_crossing = add_linear(theta, centre, half, S, gradient, Q, crossing, rows, zeros)
        for begin in range(0, n_crossing, TILE):
            features = crossing[begin : min(begin + TILE, n_crossing)]
            for k in range(size):
                row = start_of(k)
                for lane in range(np.uintp(len(features))):
                    chunk[row + lane] = theta[k, features[lane]]
            if in_plane:
                add_crossing_in_plane(u_tile, grad_tile, len(features), chunk, change)
            else:
                add_crossing(u_tile, grad_tile, len(features), rows, zeros)
            for k in range(size):
                row = start_of(k)
                for lane in range(np.uintp(len(features))):
                    gradient[k, features[lane]] += change[row + lane]
        for t in range(len(u_tile)):
            for k in range(size - 1):
                for j in range(size):
                    grad_tile[t, k] += Q[k, j] * u_tile[t, j]
    loss = 0.0
    for k in range(size):
        for i in range(theta.shape[1]):
            loss += theta[k, i] * gradient[k, i]
    return loss
