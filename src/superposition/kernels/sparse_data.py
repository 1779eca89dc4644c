"""What a full batch of sparse points adds to the loss beyond sum_ti relu(z_ti)^2: the terms at the non-zeros of x.

Points come as in `SparseSamples` and are visited in `order`; rows of u and grad_h are in that order too.
"""

import numpy as np

from superposition.kernels.compilation import jit


@jit
def encode(theta, values, features, offsets, order, u):
    """u[place] = (W x, 1) of the point order[place]"""
    n_hidden = len(theta) - 1
    for place in range(len(order)):
        begin, end = offsets[order[place]], offsets[order[place] + 1]
        for k in range(n_hidden):
            h = np.float32(0)
            for j in range(begin, end):
                h += values[j] * theta[k, features[j]]
            u[place, k] = h
        u[place, n_hidden] = 1


@jit
def add_data_terms(theta, values, features, offsets, order, u, gradient, grad_h, active):
    """Add half the gradient of sum_ti (x^2 - 2 x relu(z)), and what flows through h = W x; returns the sum.

    A non-zero needs all of its feature's column, so columns are laid side by side here.

    Args:
        theta, gradient: (n_hidden + 1, n_features)
        u: (points, n_hidden + 1)
        grad_h: (points, n_hidden), the dense part's
        active: room for the non-zeros of one point
    """
    size, n_features = theta.shape
    n_hidden = size - 1
    columns, changes = np.empty((n_features, size), np.float32), np.zeros((n_features, size), np.float32)
    h, flow = np.empty(size, np.float32), np.empty(size, np.float32)
    for k in range(size):
        for i in range(n_features):
            columns[i, k] = theta[k, i]
    loss = 0.0
    for place in range(len(order)):
        begin = offsets[order[place]]
        count = offsets[order[place] + 1] - begin
        own = np.float32(0)
        h[:] = u[place]
        flow[:n_hidden] = grad_h[place]
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
