"""What a full batch of sparse points adds to the loss beyond sum_ti relu(z_ti)^2: the terms at the non-zeros of x.

Points come as in `SparseSamples`, arranged in the order in which they are visited; rows of u and grad_h are in it, too.
"""

import numpy as np

from superposition.kernels.compilation import jit


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
    """(n_features, n_hidden + 1): a non-zero needs all of its feature's column, so columns are laid side by side."""
    size, n_features = theta.shape
    columns = np.empty((n_features, size), np.float32)
    for k in range(size):
        for i in range(n_features):
            columns[i, k] = theta[k, i]
    return columns


@jit
def encode(theta, values, features, offsets, u):
    """u[t] = (W x_t, 1)"""
    columns, n_hidden = to_columns(theta), len(theta) - 1
    for t in range(len(u)):
        u[t, :n_hidden] = 0
        u[t, n_hidden] = 1
        for j in range(offsets[t], offsets[t + 1]):
            i, x = np.uintp(features[j]), values[j]
            for k in range(n_hidden):
                u[t, k] += x * columns[i, k]


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
    columns, changes = to_columns(theta), np.zeros((n_features, size), np.float32)
    h, flow = np.empty(size, np.float32), np.empty(size, np.float32)
    loss = 0.0
    for t in range(len(u)):
        begin = offsets[t]
        count = offsets[t + 1] - begin
        own = np.float32(0)
        h[:] = u[t]
        flow[:n_hidden] = grad_h[t]
        flow[n_hidden] = 0
        for j in range(count):
            i, x = np.uintp(features[begin + j]), values[begin + j]
            z = np.float32(0)
            for k in range(size):
                z += columns[i, k] * h[k]
            x_active = np.float32(0) if z <= 0 else x
            own += x * x - np.float32(2) * x_active * z
            for k in range(n_hidden):
                flow[k] -= x_active * columns[i, k]
            active[j] = x_active
        for j in range(count):
            i, x, x_active = np.uintp(features[begin + j]), values[begin + j], active[j]
            for k in range(size):
                changes[i, k] += x * flow[k] - x_active * h[k]
        loss += own
    for k in range(size):
        for i in range(n_features):
            gradient[k, i] += changes[i, k]
    return loss
