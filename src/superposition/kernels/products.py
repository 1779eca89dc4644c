"""Products of matrices and tiles of samples.

Blocks of 4 rows and BLOCK lanes (or of 2 x 4 rows) keep a processor busy with multiplications rather than with loads:
each vector that is loaded serves four, and sums stay in registers until they are complete.
"""

import numpy as np

from superposition.kernels.compilation import jit_inlined
from superposition.kernels.tiles import ROW, ROW2, ROW3, start_of
from superposition.kernels.vectors import WIDTH, load, multiply_add, spread, store

ZERO = np.float32(0)
BLOCK = 2 * WIDTH  # lanes of a product that are in registers at once; a divisor of TILE


@jit_inlined
def multiply(A, B, start, C, lanes):
    """C[i, lane] = start[i] + sum_k A[i, k] B[k, lane]

    Lanes go by BLOCK: those that fill up the last block of C are overwritten, too.
    """
    rows, inner = A.shape
    fours = rows - rows % 4
    for lane in range(0, lanes, BLOCK):
        for i in range(0, fours, 4):
            s0, t0, u0, v0 = spread(start[i]), spread(start[i + 1]), spread(start[i + 2]), spread(start[i + 3])
            s0, s1, t0, t1, u0, u1, v0, v1 = multiply_block(A, i, inner, B, lane, s0, s0, t0, t0, u0, u0, v0, v0)
            at = start_of(i) + lane
            _store_pair(C, at, s0, s1)
            _store_pair(C, at + ROW, t0, t1)
            _store_pair(C, at + ROW2, u0, u1)
            _store_pair(C, at + ROW3, v0, v1)
        for i in range(fours, rows):
            s0 = spread(start[i])
            s1 = s0
            for k in range(inner):
                at, a = start_of(k) + lane, spread(A[i, k])
                s0, s1 = multiply_add(a, load(B, at), s0), multiply_add(a, load(B, at + WIDTH), s1)
            _store_pair(C, start_of(i) + lane, s0, s1)


@jit_inlined
def multiply_block(A, i, inner, B, lane, s0, s1, t0, t1, u0, u1, v0, v1):
    """Add four rows of A, from i on to column `inner`, times BLOCK lanes of B from `lane` on, to two vectors each."""
    for k in range(inner):
        at = start_of(k) + lane
        x0, x1 = load(B, at), load(B, at + WIDTH)
        a, b, c, d = spread(A[i, k]), spread(A[i + 1, k]), spread(A[i + 2, k]), spread(A[i + 3, k])
        s0, s1 = multiply_add(a, x0, s0), multiply_add(a, x1, s1)
        t0, t1 = multiply_add(b, x0, t0), multiply_add(b, x1, t1)
        u0, u1 = multiply_add(c, x0, u0), multiply_add(c, x1, u1)
        v0, v1 = multiply_add(d, x0, v0), multiply_add(d, x1, v1)
    return s0, s1, t0, t1, u0, u1, v0, v1


@jit_inlined
def _store_pair(C, at, first, second):
    store(C, at, first)
    store(C, at + WIDTH, second)


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
