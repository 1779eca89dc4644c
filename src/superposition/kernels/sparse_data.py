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

    Args:
        theta, gradient: (n_hidden + 1, n_features)
        u: (points, n_hidden + 1)
        grad_h: (points, n_hidden), the dense part's; becomes that of the whole loss
        active: room for the non-zeros of one point
    """
    n_hidden = len(theta) - 1
    loss = 0.0
    for place in range(len(order)):
        begin = offsets[order[place]]
        count = offsets[order[place] + 1] - begin
        own = np.float32(0)
        for j in range(count):
            i, x = features[begin + j], values[begin + j]
            z = theta[n_hidden, i]
            for k in range(n_hidden):
                z += theta[k, i] * u[place, k]
            active[j] = np.float32(0) if z <= 0 else x  # this way round a NaN stays one
            own += x * x - np.float32(2) * active[j] * z
            gradient[n_hidden, i] -= active[j]
        for k in range(n_hidden):
            h, flow = u[place, k], grad_h[place, k]
            for j in range(count):
                flow -= active[j] * theta[k, features[begin + j]]
            grad_h[place, k] = flow
            for j in range(count):
                gradient[k, features[begin + j]] += values[begin + j] * flow - active[j] * h
        loss += own
    return loss
