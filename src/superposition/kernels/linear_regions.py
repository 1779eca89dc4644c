"""Sum over points t and features i of relu(z_ti)^2, z_ti = W_i . h_t + b_i, and its gradient, without most of the z.

With theta_i = (W_i, b_i) and u_t = (h_t, 1), z_ti = theta_i . u_t, and the ReLU of feature i is a hinge at the plane
theta_i . u = 0. Points that are near each other form a tile. The hinges of most features miss the box around a tile:
there z has one sign on all points. Where it is negative the feature adds nothing; where it is positive, sums over
points need only S = sum_t u_t u_t^T, and sums over features only Q = sum_i theta_i theta_i^T, without its last row:

    sum_t relu(z_ti) u_t = S theta_i        sum_i relu(z_ti) W_i = Q u_t

Only the features whose hinges cross the box meet the points one by one. In the plane, tiles that are near each other
form a group, and only the features whose hinges cross its box are tried on each tile; in more dimensions most would
cross it. This is exact: where the boxes lie decides how much is left to do, not what comes out. The loss needs no pass
of its own, for

    sum_ti relu(z_ti)^2 = sum_i theta_i . (sum_t relu(z_ti) u_t)
"""

import numpy as np

from superposition.kernels.compilation import jit
from superposition.kernels.crossing import AT_ONCE, add_crossing
from superposition.kernels.plane import add_crossing_in_plane, add_linear_in_plane, square_in_plane
from superposition.kernels.point_tiles import PLANE_POINTS, count_tiles, enclose, halve, points_of_tile
from superposition.kernels.products import add_outer_product, multiply
from superposition.kernels.tiles import TILE, empty_tile, start_of

MOST = 0.75  # where more of a chunk of features cross, all of them meet the points (measured)
GROUP, FEW = 16, 4  # most tiles in a group; up to how many are no group, for it would cost more than it saves


@jit
def workspace(n_hidden, n_features):
    """Room for the box, S and Q of a group and of a tile; the numbers of features that cross them; theta and gradient
    of those that cross a group; and tiles of features: a chunk of theta, its sizes, its gradient, pre-activations."""
    size = n_hidden + 1
    boxes, squares = np.empty((2, 2, 1, size), np.float32), np.empty((4, size, size), np.float32)
    crossing, near = np.empty((2, n_features), np.int32), np.empty((2, size, n_features), np.float32)
    rows = empty_tile(size), empty_tile(size), empty_tile(size), empty_tile(max(AT_ONCE, size))
    return boxes, squares, crossing, near, rows, np.zeros(max(AT_ONCE, size), np.float32)


@jit
def add_linear(theta, n_features, u, box, S, gradient, grad_h, Q, crossing, rows, zeros):
    """Add the features that are positive on a whole box; numbers those that cross it, and returns how many do.

    Where MOST of a chunk cross, all of it meets the points here, and none of it is numbered.

    Args:
        theta, gradient: (n_hidden + 1, n_features or more)
        u, grad_h: of the points in the box, see add_dense_part
        box, S: see enclose and square; Q: (n_hidden + 1, n_hidden + 1), whose last row is not used
        crossing: (n_features or more,) int32
    """
    size = len(theta)
    chunk, widths, change, z = rows
    n_crossing = 0
    for begin in range(0, n_features, TILE):
        lanes = min(TILE, n_features - begin)
        for k in range(size):
            row = start_of(k)
            for lane in range(np.uintp(lanes)):
                chunk[row + lane] = theta[k, begin + lane]
                widths[row + lane] = abs(theta[k, begin + lane])
        multiply(box[0], chunk, zeros, z, lanes)
        multiply(box[1], widths, zeros, change, lanes)
        n_linear, before = 0, n_crossing
        for lane in range(lanes):
            linear, one_sided = z[lane] >= change[lane], abs(z[lane]) >= change[lane]
            crossing[n_crossing] = begin + lane
            n_crossing += not one_sided  # this way round a NaN crosses
            n_linear += linear
            z[lane] = linear
        if n_crossing - before > MOST * lanes:
            n_crossing = before
            add_crossing(u, grad_h, lanes, chunk, change, z)
        elif n_linear > 0:
            for k in range(size):
                row = start_of(k)
                for lane in range(np.uintp(lanes)):
                    chunk[row + lane] *= z[lane]
            multiply(S, chunk, zeros, change, lanes)
            add_outer_product(chunk, chunk, Q, lanes)
        else:
            continue
        for k in range(size):
            row = start_of(k)
            for lane in range(np.uintp(lanes)):
                gradient[k, begin + lane] += change[row + lane]
    return n_crossing


@jit
def square(u, S, tile):
    """S = sum_t u_t u_t^T; tile: room for n_hidden + 1 rows"""
    S[:] = 0
    for begin in range(0, len(u), TILE):
        lanes = min(TILE, len(u) - begin)
        for t in range(lanes):
            for k in range(len(S)):
                tile[k * TILE + t] = u[begin + t, k]
        add_outer_product(tile, tile, S, lanes)


@jit
def split_off_linear(theta, n_features, u, gradient, grad_h, box, squares, crossing, rows, zeros):
    """Box, S and Q of points; see add_linear, whose number of crossing features it returns."""
    S, Q = squares
    enclose(u, box)
    Q[:] = 0
    if len(theta) == 3:
        square_in_plane(u, S)
        return add_linear_in_plane(theta, n_features, box, S, gradient, Q, crossing)
    square(u, S, rows[0])
    return add_linear(theta, n_features, u, box, S, gradient, grad_h, Q, crossing, rows, zeros)


@jit
def gather(theta, features, chunk):
    """The columns of theta as a tile."""
    for k in range(len(theta)):
        source, row = theta[k], start_of(k)
        for lane in range(np.uintp(len(features))):
            chunk[row + lane] = source[np.uintp(features[lane])]


@jit
def scatter(change, features, gradient):
    """Add a tile to these columns of gradient."""
    for k in range(len(gradient)):
        target, row = gradient[k], start_of(k)
        for lane in range(np.uintp(len(features))):
            target[np.uintp(features[lane])] += change[row + lane]


@jit
def add_tile(theta, n_features, u, gradient, grad_h, box, squares, crossing, rows, zeros):
    """Add what the first n_features of theta contribute on a tile of points; see add_dense_part and workspace."""
    Q = squares[1]
    chunk, _, change, z = rows
    n_crossing = split_off_linear(theta, n_features, u, gradient, grad_h, box, squares, crossing, rows, zeros)
    for begin in range(0, n_crossing, TILE):
        features = crossing[begin : min(begin + TILE, n_crossing)]
        gather(theta, features, chunk)
        if len(theta) == 3:
            add_crossing_in_plane(u, grad_h, len(features), chunk, change)
        else:
            add_crossing(u, grad_h, len(features), chunk, change, z)
        scatter(change, features, gradient)
    add_products(u, Q, grad_h)


@jit
def add_products(u, Q, grad_h):
    """grad_h += u Q^T without the last row of Q"""
    for t in range(len(u)):
        for k in range(len(Q) - 1):
            for j in range(len(Q)):
                grad_h[t, k] += Q[k, j] * u[t, j]


@jit
def add_group(theta, u, gradient, grad_h, room):
    """The same for a group in the plane: features that are linear on all of it at once, the others tile by tile."""
    boxes, squares, crossing, near, rows, zeros = room
    n_features, (near_theta, near_gradient) = theta.shape[1], near
    Q = squares[1]
    n_near = split_off_linear(theta, n_features, u, gradient, grad_h, boxes[0], squares[:2], crossing[0], rows, zeros)
    for k in range(len(theta)):
        for j in range(n_near):
            near_theta[k, j] = theta[k, crossing[0, j]]
            near_gradient[k, j] = 0
    for first in range(0, len(u), PLANE_POINTS):
        end = min(first + PLANE_POINTS, len(u))
        add_tile(
            near_theta, n_near, u[first:end], near_gradient, grad_h[first:end],
            boxes[1], squares[2:], crossing[1], rows, zeros,
        )  # fmt: skip
    for k in range(len(theta)):
        for j in range(n_near):
            gradient[k, crossing[0, j]] += near_gradient[k, j]
    add_products(u, Q, grad_h)


@jit
def add_dense_part(theta, u, gradient, grad_h, room):
    """Add sum_t relu(z_ti) u_t to gradient and sum_i relu(z_ti) W_i to grad_h; returns sum_ti relu(z_ti)^2.

    Args:
        theta, gradient: (n_hidden + 1, n_features), gradient zero
        u: (points, n_hidden + 1), see sort_into_tiles; grad_h: (points, n_hidden)
        room: see workspace
    """
    boxes, squares, crossing, _, rows, zeros = room
    size, n_features = theta.shape
    points = points_of_tile(size)
    waiting, depth = np.empty((64, 2), np.int64), 1  # the halves that sort_into_tiles makes, down to groups
    waiting[0, 0], waiting[0, 1] = 0, len(u)
    while depth > 0:
        depth -= 1
        begin, end = waiting[depth]
        tiles = count_tiles(begin, end, points)
        if tiles > GROUP:
            depth = halve(waiting, depth, begin, end, points)
        elif size == 3 and tiles > FEW:
            add_group(theta, u[begin:end], gradient, grad_h[begin:end], room)
        else:
            for first in range(begin, end, points):
                last = min(first + points, end)
                add_tile(
                    theta, n_features, u[first:last], gradient, grad_h[first:last],
                    boxes[1], squares[2:], crossing[1], rows, zeros,
                )  # fmt: skip
    loss = 0.0
    for k in range(size):
        for i in range(n_features):
            loss += theta[k, i] * gradient[k, i]
    return loss
