"""What `linear_regions` does, for two hidden dimensions: everything of a feature stays in registers.

With matrices of two or three columns, blocked products would mostly load and store.
"""

import numpy as np

from superposition.kernels.compilation import jit
from superposition.kernels.tiles import ROW, ROW2

ZERO, ONE = np.float32(0), np.float32(1)


@jit
def add_linear_in_plane(theta, centre, half, S, gradient, Q, crossing):
    """See linear_regions.add_linear."""
    W0, W1, b = theta[0], theta[1], theta[2]  # not unpacked: the compiler would not see that rows are contiguous
    grad_W0, grad_W1, grad_b = gradient[0], gradient[1], gradient[2]
    c0, c1, r0, r1 = centre[0, 0], centre[0, 1], half[0, 0], half[0, 1]
    S00, S01, S02, S11, S12, S22 = S[0, 0], S[0, 1], S[0, 2], S[1, 1], S[1, 2], S[2, 2]
    q00 = q01 = q02 = q11 = q12 = ZERO
    for i in range(np.uintp(len(b))):
        w0, w1, w2 = W0[i], W1[i], b[i]
        z, change = c0 * w0 + c1 * w1 + w2, r0 * abs(w0) + r1 * abs(w1)
        linear = ONE if z >= change else ZERO
        crossing[i] = 0 if (z >= change or z <= -change) else 1
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
    for i in range(np.uintp(len(b))):  # in place: no number is written before its mark was read
        mark = crossing[i]
        crossing[n_crossing] = i
        n_crossing += mark
    return n_crossing


@jit
def add_crossing_in_plane(u, grad_h, lanes, chunk, change):
    """See linear_regions.add_crossing; four points at a time, so that each feature that is loaded serves four."""
    for lane in range(np.uintp(lanes)):
        change[lane] = change[lane + ROW] = change[lane + ROW2] = ZERO
    blocked = len(u) - len(u) % 4
    for t in range(0, blocked, 4):
        p0, p1, q0, q1 = u[t, 0], u[t, 1], u[t + 1, 0], u[t + 1, 1]
        r0, r1, s0, s1 = u[t + 2, 0], u[t + 2, 1], u[t + 3, 0], u[t + 3, 1]
        gp0 = gp1 = gq0 = gq1 = gr0 = gr1 = gs0 = gs1 = ZERO
        for lane in range(np.uintp(lanes)):
            w0, w1, w2 = chunk[lane], chunk[lane + ROW], chunk[lane + ROW2]
            zp, zq = p0 * w0 + p1 * w1 + w2, q0 * w0 + q1 * w1 + w2
            zr, zs = r0 * w0 + r1 * w1 + w2, s0 * w0 + s1 * w1 + w2
            zp, zq = ZERO if zp <= 0 else zp, ZERO if zq <= 0 else zq  # this way round a NaN stays one
            zr, zs = ZERO if zr <= 0 else zr, ZERO if zs <= 0 else zs
            change[lane] += (zp * p0 + zq * q0) + (zr * r0 + zs * s0)
            change[lane + ROW] += (zp * p1 + zq * q1) + (zr * r1 + zs * s1)
            change[lane + ROW2] += (zp + zq) + (zr + zs)
            gp0 += zp * w0
            gp1 += zp * w1
            gq0 += zq * w0
            gq1 += zq * w1
            gr0 += zr * w0
            gr1 += zr * w1
            gs0 += zs * w0
            gs1 += zs * w1
        grad_h[t, 0] += gp0
        grad_h[t, 1] += gp1
        grad_h[t + 1, 0] += gq0
        grad_h[t + 1, 1] += gq1
        grad_h[t + 2, 0] += gr0
        grad_h[t + 2, 1] += gr1
        grad_h[t + 3, 0] += gs0
        grad_h[t + 3, 1] += gs1
    for t in range(blocked, len(u)):
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
def add_data_terms_in_plane(theta, values, features, offsets, order, u, gradient, grad_h, active):
    """See sparse_data.add_data_terms."""
    W0, W1, b = theta[0], theta[1], theta[2]  # not unpacked: the compiler would not see that rows are contiguous
    grad_W0, grad_W1, grad_b = gradient[0], gradient[1], gradient[2]
    loss = 0.0
    for place in range(len(order)):
        begin, end = offsets[order[place]], offsets[order[place] + 1]
        h0, h1, flow0, flow1, own = u[place, 0], u[place, 1], grad_h[place, 0], grad_h[place, 1], ZERO
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
