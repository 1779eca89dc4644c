"""Products of matrices by rows, of the samples of a batch with weights; `products` has those of tiles."""

import numpy as np

from superposition.kernels.compilation import jit_inlined
from superposition.kernels.products import BLOCK
from superposition.kernels.vectors import WIDTH, load, multiply_add, spread, store


@jit_inlined
def multiply_rows(A, B, start, C):
    """C[i, j] = start[j] + sum_k A[i, k] B[k, j], of matrices by rows; the columns are a multiple of BLOCK.

    BLOCK columns of B at a time lie one behind the other in `block`, for any number of rows of A.
    """
    (rows, inner), columns = A.shape, B.shape[1]
    a_flat, c_flat, block = A.reshape(-1), C.reshape(-1), np.empty(inner * BLOCK, np.float32)
    fours = rows - rows % 4
    for j in range(0, columns, BLOCK):
        for k in range(inner):
            for lane in range(BLOCK):
                block[k * BLOCK + lane] = B[k, j + lane]
        first, second = load(start, j), load(start, j + WIDTH)
        for i in range(0, fours, 4):
            s0, t0, u0, v0 = first, first, first, first
            s1, t1, u1, v1 = second, second, second, second
            at = i * inner
            for k in range(inner):
                x0, x1 = load(block, k * BLOCK), load(block, k * BLOCK + WIDTH)
                a, b = spread(a_flat[at + k]), spread(a_flat[at + inner + k])
                c, d = spread(a_flat[at + 2 * inner + k]), spread(a_flat[at + 3 * inner + k])
                s0, s1 = multiply_add(a, x0, s0), multiply_add(a, x1, s1)
                t0, t1 = multiply_add(b, x0, t0), multiply_add(b, x1, t1)
                u0, u1 = multiply_add(c, x0, u0), multiply_add(c, x1, u1)
                v0, v1 = multiply_add(d, x0, v0), multiply_add(d, x1, v1)
            at = i * columns + j
            _store_pair(c_flat, at, s0, s1)
            _store_pair(c_flat, at + columns, t0, t1)
            _store_pair(c_flat, at + 2 * columns, u0, u1)
            _store_pair(c_flat, at + 3 * columns, v0, v1)
        for i in range(fours, rows):
            s0, s1 = first, second
            for k in range(inner):
                a = spread(a_flat[i * inner + k])
                s0 = multiply_add(a, load(block, k * BLOCK), s0)
                s1 = multiply_add(a, load(block, k * BLOCK + WIDTH), s1)
            _store_pair(c_flat, i * columns + j, s0, s1)


@jit_inlined
def _store_pair(C, at, first, second):
    store(C, at, first)
    store(C, at + WIDTH, second)
