"""Sum over points t and features i of relu(z_ti)^2, z_ti = W_i . h_t + b_i, and its gradient, without most of the z.

With theta_i = (W_i, b_i) and u_t = (h_t, 1), z_ti = theta_i . u_t, and the ReLU of feature i is a hinge at the plane
theta_i . u = 0. Points that are near each other form a tile. The hinges of most features miss the box around a tile:
there z has one sign on all points. Where it is negative the feature adds nothing; where it is positive, sums over
points need only S = sum_t u_t u_t^T, and sums over features only Q = sum_i theta_i theta_i^T, without its last row:

    sum_t relu(z_ti) u_t = S theta_i        sum_i relu(z_ti) W_i = Q u_t

Only the features whose hinges cross the box meet the points one by one. Tiles that are near each other form a group,
and only the features whose hinges cross its box are tried on each tile. This is exact: where the boxes lie decides how
much is left to do, not what comes out. The loss needs no pass of its own, for

    sum_ti relu(z_ti)^2 = sum_i theta_i . (sum_t relu(z_ti) u_t)
"""

import numpy as np

from superposition.kernels.compilation import jit
from superposition.kernels.plane import add_crossing_in_plane, add_linear_in_plane
from superposition.kernels.products import add_outer_product, multiply
from superposition.kernels.tiles import TILE, empty_tile, start_of

POINTS = 64  # in a tile: with fewer, more features miss the box, but each crossing is shared by fewer points (measured)
GROUP, FEW = 16, 4  # most tiles in a group; up to how many are no group, for it would cost more than it saves


@jit
def count_tiles(begin, end):
    return (end - begin + POINTS - 1) // POINTS


@jit
def halve(waiting, depth, begin, end):
    """Put both halves of points begin to end on the stack `waiting`, apart at the boundary of a tile; its new depth."""
    middle = begin + count_tiles(begin, end) // 2 * POINTS
    waiting[depth, 0], waiting[depth, 1] = middle, end
    waiting[depth + 1, 0], waiting[depth + 1, 1] = begin, middle
    return depth + 2


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
        if count_tiles(begin, end) < 2:
            continue
        part = permutation[begin:end].copy()
        widest, width = 0, np.float32(-1)
        for k in range(u.shape[1] - 1):
            coordinate = u[:, k][part]
            if coordinate.max() - coordinate.min() > width:
                widest, width = k, coordinate.max() - coordinate.min()
        permutation[begin:end] = part[np.argsort(u[:, widest][part], kind="mergesort")]
        depth = halve(waiting, depth, begin, end)
    order[:] = order[permutation]


@jit
def enclose(u, box, S):
    """The box around the points u (points, n_hidden + 1): its centre and half its widths, and S = sum_t u_t u_t^T.

    Args:
        box: (2, 1, n_hidden + 1)
    """
    for k in range(u.shape[1]):
        low = high = u[0, k]
        for t in range(len(u)):
            low, high = min(low, u[t, k]), max(high, u[t, k])
        box[0, 0, k], box[1, 0, k] = np.float32(0.5) * (low + high), np.float32(0.5) * (high - low)
        for j in range(k + 1):
            product = np.float32(0)
            for t in range(len(u)):
                product += u[t, k] * u[t, j]
            S[k, j] = S[j, k] = product


@jit
def workspace(n_hidden, n_features):
    """Room for the box, S and Q of a group and of a tile; the numbers of features that cross them; theta and gradient
    of those that cross a group; and tiles of features: a chunk of theta, its sizes, its gradient, pre-activations."""
    size = n_hidden + 1
    boxes, squares = np.empty((2, 2, 1, size), np.float32), np.empty((4, size, size), np.float32)
    crossing, near = np.empty((2, n_features), np.int32), np.empty((2, size, n_features), np.float32)
    rows = empty_tile(size), empty_tile(size), empty_tile(size), empty_tile(max(POINTS, size))
    return boxes, squares, crossing, near, rows, np.zeros(max(POINTS, size), np.float32)


@jit
def add_linear(theta, n_features, box, S, gradient, Q, crossing, rows, zeros):
    """Add the features that are positive on a whole box; numbers those that cross it, and returns how many do.

    Args:
        theta, gradient: (n_hidden + 1, n_features or more)
        box, S: see enclose; Q: (n_hidden + 1, n_hidden + 1), whose last row is not used
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
        n_linear = 0
        for lane in range(lanes):
            linear, one_sided = z[lane] >= change[lane], abs(z[lane]) >= change[lane]
            crossing[n_crossing] = begin + lane
            n_crossing += not one_sided  # this way round a NaN crosses
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
def split_off_linear(theta, n_features, u, gradient, box, squares, crossing, rows, zeros):
    """Box, S and Q of points; see add_linear, whose number of crossing features it returns."""
    S, Q = squares
    enclose(u, box, S)
    Q[:] = 0
    if len(theta) == 3:
        return add_linear_in_plane(theta, n_features, box, S, gradient, Q, crossing)
    return add_linear(theta, n_features, box, S, gradient, Q, crossing, rows, zeros)


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
    chunk, _, change, _ = rows
    n_crossing = split_off_linear(theta, n_features, u, gradient, box, squares, crossing, rows, zeros)
    for begin in range(0, n_crossing, TILE):
        features = crossing[begin : min(begin + TILE, n_crossing)]
        gather(theta, features, chunk)
        if len(theta) == 3:
            add_crossing_in_plane(u, grad_h, len(features), chunk, change)
        else:
            add_crossing(u, grad_h, len(features), rows, zeros)
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
    """The same for a group: features that are linear on all of it at once, the others tile by tile."""
    boxes, squares, crossing, near, rows, zeros = room
    n_features, (near_theta, near_gradient) = theta.shape[1], near
    Q = squares[1]
    n_near = split_off_linear(theta, n_features, u, gradient, boxes[0], squares[:2], crossing[0], rows, zeros)
    for k in range(len(theta)):
        for j in range(n_near):
            near_theta[k, j] = theta[k, crossing[0, j]]
            near_gradient[k, j] = 0
    for first in range(0, len(u), POINTS):
        end = min(first + POINTS, len(u))
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
    waiting, depth = np.empty((64, 2), np.int64), 1  # the halves that sort_into_tiles makes, down to groups
    waiting[0, 0], waiting[0, 1] = 0, len(u)
    while depth > 0:
        depth -= 1
        begin, end = waiting[depth]
        tiles = count_tiles(begin, end)
        if tiles > GROUP:
            depth = halve(waiting, depth, begin, end)
        elif tiles > FEW:
            add_group(theta, u[begin:end], gradient, grad_h[begin:end], room)
        else:
            for first in range(begin, end, POINTS):
                last = min(first + POINTS, end)
                add_tile(
                    theta, n_features, u[first:last], gradient, grad_h[first:last],
                    boxes[1], squares[2:], crossing[1], rows, zeros,
                )  # fmt: skip
    loss = 0.0
    for k in range(size):
        for i in range(n_features):
            loss += theta[k, i] * gradient[k, i]
    return loss
