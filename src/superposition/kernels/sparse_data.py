"""What a full batch of sparse points adds to the loss beyond sum_ti relu(z_ti)^2: the terms at the non-zeros of x.

Points come as in `SparseSamples`, arranged in the order in which they are visited; rows of u and grad_h are in it, too.
"""

import numpy as np

from superposition.kernels.compilation import jit
from superposition.kernels.vectors import WIDTH, load, multiply_add, spread, store, total


@jit
def empty_points(n_values, n_points):
    """Room for what `arrange` makes."""
    return np.empty(n_values, np.float32), np.empty(n_values, np.int32), np.zeros(n_points + 1, np.int64)


@jit
def arrange(values, features, offsets, order, arranged):
    """Copy the points in `order` into `arranged`: neighbours in the plane become neighbours in memory."""
    own_values, own_features, own_offsets = arranged
    for t in range(len(order)):
        begin, at = offsets[order[t]], own_offsets[t]
        count = offsets[order[t] + 1] - begin
        for j in range(count):
            own_values[at + j] = values[begin + j]
            own_features[at + j] = features[begin + j]
        own_offsets[t + 1] = at + count


@jit
def to_columns(theta):
    """(n_features, a multiple of WIDTH), flat: a non-zero needs all of its column, so columns are laid side by
    side, each followed by zeros; and that multiple."""
    size, n_features = theta.shape
    width = -(-size // WIDTH) * WIDTH
    columns = np.zeros(n_features * width, np.float32)
    for k in range(size):
        for i in range(n_features):
            columns[i * width + k] = theta[k, i]
    return columns, width


@jit
def encode(theta, values, features, offsets, u):
    """u[t] = (W x_t, 1)"""
    (columns, width), n_hidden = to_columns(theta), len(theta) - 1
    h = np.empty(width, np.float32)
    for t in range(len(u)):
        h[:] = 0
        for j in range(offsets[t], offsets[t + 1]):
            column, x = features[j] * width, spread(values[j])
            for k in range(0, width, WIDTH):
                store(h, k, multiply_add(x, load(columns, column + k), load(h, k)))
        for k in range(n_hidden):
            u[t, k] = h[k]
        u[t, n_hidden] = 1


@jit
def add_data_terms(theta, values, features, offsets, u, gradient, grad_h, active):
    """Add half the gradient of sum_ti (x^2 - 2 x relu(z)), and what flows through h = W x; returns the sum.

    Args:
        theta, gradient: (n_hidden + 1, n_features)
        u: (points, n_hidden + 1)
        grad_h: (points, n_hidden), the dense part's
        active: room for the non-zeros of one point
    """
    size, n_features = theta.shape
    n_hidden = size - 1
    columns, width = to_columns(theta)
    changes, loss = np.zeros(n_features * width, np.float32), 0.0
    h, flow, zero = np.zeros(width, np.float32), np.zeros(width, np.float32), spread(np.float32(0))
    for t in range(len(u)):
        begin = offsets[t]
        count = offsets[t + 1] - begin
        own = np.float32(0)
        for k in range(size):
            h[k] = u[t, k]
        for k in range(n_hidden):
            flow[k] = grad_h[t, k]
        for j in range(count):
            column, x, z_lanes = features[begin + j] * width, values[begin + j], zero
            for k in range(0, width, WIDTH):
                z_lanes = multiply_add(load(columns, column + k), load(h, k), z_lanes)
            z = total(z_lanes)
            x_active = np.float32(0) if z <= 0 else x
            own += x * x - np.float32(2) * x_active * z
            for k in range(0, width, WIDTH):
                store(flow, k, multiply_add(spread(-x_active), load(columns, column + k), load(flow, k)))
            active[j] = x_active
        flow[n_hidden] = 0  # of a column, its last is b
        for j in range(count):
            column, x, x_active = features[begin + j] * width, spread(values[begin + j]), spread(-active[j])
            for k in range(column, column + width, WIDTH):
                change = multiply_add(x, load(flow, k - column), load(changes, k))
                store(changes, k, multiply_add(x_active, load(h, k - column), change))
        loss += own
    for k in range(size):
        for i in range(n_features):
            gradient[k, i] += changes[i * width + k]
    return loss
