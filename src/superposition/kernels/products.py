"""Products of matrices and tiles of samples: a tile is (rows, lanes), with one sample per lane.

The innermost loops run over lanes, which are contiguous, and become vector instructions. Four rows are taken at a time,
so that each load and store of a sum serves four multiplications. Matrices are indexed, never sliced: a slice costs
more than a short row's arithmetic.
"""

import numpy as np

from superposition.kernels.compilation import jit_inlined


@jit_inlined
def multiply(A, B, start, C, lanes):
    """C[i, lane] = start[i] + sum_k A[i, k] B[k, lane]"""
    rows, inner = A.shape
    zero = np.float32(0)
    first = 1 + (inner - 1) % 4  # rows of the first block; what it lacks of four counts zero times
    k1, k2, k3 = min(1, inner - 1), min(2, inner - 1), min(3, inner - 1)
    for i in range(rows):
        s, a0 = start[i], A[i, 0]
        a1 = A[i, k1] if first > 1 else zero
        a2 = A[i, k2] if first > 2 else zero
        a3 = A[i, k3] if first > 3 else zero
        for lane in range(lanes):
            C[i, lane] = s + (a0 * B[0, lane] + a1 * B[k1, lane]) + (a2 * B[k2, lane] + a3 * B[k3, lane])
        for k in range(first, inner, 4):
            a0, a1, a2, a3 = A[i, k], A[i, k + 1], A[i, k + 2], A[i, k + 3]
            for lane in range(lanes):
                C[i, lane] += (a0 * B[k, lane] + a1 * B[k + 1, lane]) + (a2 * B[k + 2, lane] + a3 * B[k + 3, lane])


@jit_inlined
def add_two_outer_products(P, Q, R, S, C, lanes):
    """C[k, i] += sum_lane P[k, lane] Q[i, lane] + R[k, lane] S[i, lane]"""
    rows, columns = C.shape
    paired = rows - rows % 2
    for i in range(columns):
        for k in range(0, paired, 2):
            s0 = s1 = np.float32(0)
            for lane in range(lanes):
                s0 += P[k, lane] * Q[i, lane] + R[k, lane] * S[i, lane]
                s1 += P[k + 1, lane] * Q[i, lane] + R[k + 1, lane] * S[i, lane]
            C[k, i] += s0
            C[k + 1, i] += s1
        if rows % 2:
            k = rows - 1
            s0 = np.float32(0)
            for lane in range(lanes):
                s0 += P[k, lane] * Q[i, lane] + R[k, lane] * S[i, lane]
            C[k, i] += s0


@jit_inlined
def add_outer_product(P, Q, C, lanes):
    """C[k, i] += sum_lane P[k, lane] Q[i, lane]"""
    rows, columns = C.shape
    paired = rows - rows % 2
    for i in range(columns):
        for k in range(0, paired, 2):
            s0 = s1 = np.float32(0)
            for lane in range(lanes):
                s0 += P[k, lane] * Q[i, lane]
                s1 += P[k + 1, lane] * Q[i, lane]
            C[k, i] += s0
            C[k + 1, i] += s1
        if rows % 2:
            k = rows - 1
            s0 = np.float32(0)
            for lane in range(lanes):
                s0 += P[k, lane] * Q[i, lane]
            C[k, i] += s0
