"""Products of matrices and tiles of samples.

The innermost loops run over lanes, which are contiguous, and become vector instructions. Blocks of 4 x 4 (or 2 x 4)
coefficients keep a processor busy with multiplications rather than with loads: each vector that is loaded serves four.
"""

import numpy as np

from superposition.kernels.compilation import jit, jit_inlined
from superposition.kernels.tiles import ROW, ROW2, ROW3, start_of

ZERO = np.float32(0)


@jit
def _four(A, i, k):
    return A[i, k], A[i, k + 1], A[i, k + 2], A[i, k + 3]


@jit
def _first_four(A, i, n):
    """The first n of row i of A, 1 <= n <= 4, and zeros."""
    last = n - 1
    a1 = A[i, min(1, last)] if n > 1 else ZERO
    a2 = A[i, min(2, last)] if n > 2 else ZERO
    a3 = A[i, min(3, last)] if n > 3 else ZERO
    return A[i, 0], a1, a2, a3


@jit_inlined
def multiply(A, B, start, C, lanes):
    """C[i, lane] = start[i] + sum_k A[i, k] B[k, lane]"""
    rows, inner = A.shape
    n = 1 + (inner - 1) % 4  # rows of B in the first block, so that all others are whole
    n1, n2, n3 = start_of(min(1, n - 1)), start_of(min(2, n - 1)), start_of(min(3, n - 1))
    blocked = rows - rows % 4
    for i in range(0, blocked, 4):
        row = start_of(i)
        s, t, u, v = start[i], start[i + 1], start[i + 2], start[i + 3]
        a0, a1, a2, a3 = _first_four(A, i, n)
        b0, b1, b2, b3 = _first_four(A, i + 1, n)
        c0, c1, c2, c3 = _first_four(A, i + 2, n)
        d0, d1, d2, d3 = _first_four(A, i + 3, n)
        for lane in range(np.uintp(lanes)):
            x0, x1, x2, x3 = B[lane], B[n1 + lane], B[n2 + lane], B[n3 + lane]
            out = row + lane
            C[out] = s + (a0 * x0 + a1 * x1) + (a2 * x2 + a3 * x3)
            C[out + ROW] = t + (b0 * x0 + b1 * x1) + (b2 * x2 + b3 * x3)
            C[out + ROW2] = u + (c0 * x0 + c1 * x1) + (c2 * x2 + c3 * x3)
            C[out + ROW3] = v + (d0 * x0 + d1 * x1) + (d2 * x2 + d3 * x3)
        for k in range(n, inner, 4):
            in_row = start_of(k)
            a0, a1, a2, a3 = _four(A, i, k)
            b0, b1, b2, b3 = _four(A, i + 1, k)
            c0, c1, c2, c3 = _four(A, i + 2, k)
            d0, d1, d2, d3 = _four(A, i + 3, k)
            for lane in range(np.uintp(lanes)):
                at, out = in_row + lane, row + lane
                x0, x1, x2, x3 = B[at], B[at + ROW], B[at + ROW2], B[at + ROW3]
                C[out] += (a0 * x0 + a1 * x1) + (a2 * x2 + a3 * x3)
                C[out + ROW] += (b0 * x0 + b1 * x1) + (b2 * x2 + b3 * x3)
                C[out + ROW2] += (c0 * x0 + c1 * x1) + (c2 * x2 + c3 * x3)
                C[out + ROW3] += (d0 * x0 + d1 * x1) + (d2 * x2 + d3 * x3)
    for i in range(blocked, rows):
        row, s = start_of(i), start[i]
        a0, a1, a2, a3 = _first_four(A, i, n)
        for lane in range(np.uintp(lanes)):
            C[row + lane] = s + (a0 * B[lane] + a1 * B[n1 + lane]) + (a2 * B[n2 + lane] + a3 * B[n3 + lane])
        for k in range(n, inner, 4):
            in_row = start_of(k)
            a0, a1, a2, a3 = _four(A, i, k)
            for lane in range(np.uintp(lanes)):
                at = in_row + lane
                C[row + lane] += (a0 * B[at] + a1 * B[at + ROW]) + (a2 * B[at + ROW2] + a3 * B[at + ROW3])


@jit_inlined
def add_outer_product(P, Q, C, lanes):
    """C[k, i] += sum_lane P[k, lane] Q[i, lane]"""
    rows, columns = C.shape
    paired, blocked = rows - rows % 2, columns - columns % 4
    for i in range(0, blocked, 4):
        q_row = start_of(i)
        for k in range(0, paired, 2):
            p_row = start_of(k)
            s0 = s1 = s2 = s3 = t0 = t1 = t2 = t3 = ZERO
            for lane in range(np.uintp(lanes)):
                p, q = p_row + lane, q_row + lane
                p0, p1 = P[p], P[p + ROW]
                q0, q1, q2, q3 = Q[q], Q[q + ROW], Q[q + ROW2], Q[q + ROW3]
                s0 += p0 * q0
                s1 += p0 * q1
                s2 += p0 * q2
                s3 += p0 * q3
                t0 += p1 * q0
                t1 += p1 * q1
                t2 += p1 * q2
                t3 += p1 * q3
            C[k, i] += s0
            C[k, i + 1] += s1
            C[k, i + 2] += s2
            C[k, i + 3] += s3
            C[k + 1, i] += t0
            C[k + 1, i + 1] += t1
            C[k + 1, i + 2] += t2
            C[k + 1, i + 3] += t3
    for i in range(columns):
        for k in range(paired if i < blocked else 0, rows):
            p_row, q_row, s = start_of(k), start_of(i), ZERO
            for lane in range(np.uintp(lanes)):
                s += P[p_row + lane] * Q[q_row + lane]
            C[k, i] += s
