"""What `linear_regions` does, for two hidden dimensions: everything of a feature stays in registers.

With matrices of two or three columns, blocked products would mostly load and store.
"""

import numpy as np

from superposition.kernels.compilation import jit
from superposition.kernels.tiles import ROW, ROW2

ZERO, ONE = np.float32(0), np.float32(1)


@jit
def square_in_plane(u, S):
    """See linear_regions.square."""
    for k in range(3):
        for j in range(k + 1):
            product = ZERO
            for t in range(len(u)):
                product += u[t, k] * u[t, j]
            S[k, j] = S[j, k] = product


@jit
def add_linear_in_plane(theta, n_features, box, S, gradient, Q, crossing):
    """See linear_regions.add_linear."""
    W0, W1, b = theta[0], theta[1], theta[2]  # not unpacked: the compiler would not see that rows are contiguous
    grad_W0, grad_W1, grad_b = gradient[0], gradient[1], gradient[2]
    c0, c1, r0, r1 = box[0, 0, 0], box[0, 0, 1], box[1, 0, 0], box[1, 0, 1]
    S00, S01, S02, S11, S12, S22 = S[0, 0], S[0, 1], S[0, 2], S[1, 1], S[1, 2], S[2, 2]
    q00 = q01 = q02 = q11 = q12 = ZERO
    for i in range(np.uintp(n_features)):
        w0, w1, w2 = W0[i], W1[i], b[i]
        z, change = c0 * w0 + c1 * w1 + w2, r0 * abs(w0) + r1 * abs(w1)
        linear = ONE if z >= change else ZERO
        crossing[i] = 0 if abs(z) >= change else 1  # this way round a NaN crosses
        w0, w1, w2 = linear * w0, linear * w1, linear * w2
        grad_W0[i] += S00 * w0 + S01 * w1 + S02 * w2
        grad_W1[i] += S01 * w0 + S11 * w1 + S12 * w2
        grad_b[i] += S02 * w0 + S12 * w1 + S22 * w2
        q00 += w0 * w0
        q01 += w0 * w1
        q02 += w0 * w2
        q11 += w1 * w1
        q12 += w1 * w2
    Q[0, 0], Q[0, 1], Q[0, 2] = q00, q01, q02
    Q[1, 0], Q[1, 1], Q[1, 2] = q01, q11, q12
    n_crossing = 0
    for i in range(np.uintp(n_features)):  # in place: no number is written before its mark was read
        mark = crossing[i]
        crossing[n_crossing] = i
        n_crossing += mark
    return n_crossing


@jit
def add_crossing_in_plane(u, grad_h, lanes, chunk, change):
    """See linear_regions.add_crossing; two points at a time, which is what registers have room for."""
    for lane in range(np.uintp(lanes)):
        change[lane] = change[lane + ROW] = change[lane + ROW2] = ZERO
    paired = len(u) - len(u) % 2
    for t in range(0, paired, 2):
        p0, p1, q0, q1 = u[t, 0], u[t, 1], u[t + 1, 0], u[t + 1, 1]
        gp0 = gp1 = gq0 = gq1 = ZERO
        for lane in range(np.uintp(lanes)):
            w0, w1, w2 = chunk[lane], chunk[lane + ROW], chunk[lane + ROW2]
            zp, zq = p0 * w0 + p1 * w1 + w2, q0 * w0 + q1 * w1 + w2
            zp, zq = ZERO if zp <= 0 else zp, ZERO if zq <= 0 else zq  # this way round a NaN stays one
            change[lane] += zp * p0 + zq * q0
            change[lane + ROW] += zp * p1 + zq * q1
            change[lane + ROW2] += zp + zq
            gp0 += zp * w0
            gp1 += zp * w1
            gq0 += zq * w0
            gq1 += zq * w1
        grad_h[t, 0] += gp0
        grad_h[t, 1] += gp1
        grad_h[t + 1, 0] += gq0
        grad_h[t + 1, 1] += gq1
    for t in range(paired, len(u)):
        p0, p1, gp0, gp1 = u[t, 0], u[t, 1], ZERO, ZERO
        for lane in range(np.uintp(lanes)):
            w0, w1 = chunk[lane], chunk[lane + ROW]
            zp = p0 * w0 + p1 * w1 + chunk[lane + ROW2]
            zp = ZERO if zp <= 0 else zp
            change[lane] += zp * p0
            change[lane + ROW] += zp * p1
            change[lane + ROW2] += zp
            gp0 += zp * w0
            gp1 += zp * w1
        grad_h[t, 0] += gp0
        grad_h[t, 1] += gp1


@jit
def encode_in_plane(theta, values, features, offsets, u):
    """See sparse_data.encode."""
    W0, W1 = theta[0], theta[1]
    for t in range(len(u)):
        h0 = h1 = ZERO
        for j in range(offsets[t], offsets[t + 1]):
            i, x = np.uintp(features[j]), values[j]
            h0 += x * W0[i]
            h1 += x * W1[i]
        u[t, 0], u[t, 1], u[t, 2] = h0, h1, ONE


@jit
def add_data_terms_in_plane(theta, values, features, offsets, u, gradient, grad_h, active):
    """See sparse_data.add_data_terms."""
    W0, W1, b = theta[0], theta[1], theta[2]  # not unpacked: the compiler would not see that rows are contiguous
    grad_W0, grad_W1, grad_b = gradient[0], gradient[1], gradient[2]
    loss = 0.0
    for t in range(len(u)):
        begin, end = offsets[t], offsets[t + 1]
        h0, h1, flow0, flow1, own = u[t, 0], u[t, 1], grad_h[t, 0], grad_h[t, 1], ZERO
        for j in range(begin, end):
            i, x = np.uintp(features[j]), values[j]
            w0, w1 = W0[i], W1[i]
            z = h0 * w0 + h1 * w1 + b[i]
            x_active = ZERO if z <= 0 else x
            own += x * x - np.float32(2) * x_active * z
            flow0 -= x_active * w0
            flow1 -= x_active * w1
            active[j - begin] = x_active
        for j in range(begin, end):
            i, x, x_active = np.uintp(features[j]), values[j], active[j - begin]
            grad_W0[i] += x * flow0 - x_active * h0
            grad_W1[i] += x * flow1 - x_active * h1
            grad_b[i] -= x_active
        loss += own
    return loss
