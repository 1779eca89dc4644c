"""What the kernels of several autoencoders have in common."""

import numpy as np

from superposition.kernels.compilation import jit, jit_inlined
from superposition.kernels.tiles import start_of
from superposition.saes import EPSILON

TINY = np.float32(EPSILON)


@jit
def centre(h, b_dec, c):
    """c = h - b_dec, of (batch, d_in)"""
    for s in range(len(h)):
        for d in range(len(b_dec)):
            c[s, d] = h[s, d] - b_dec[d]


@jit
def normalise_rows(W_dec, D):
    """D[j] = W_dec[j] / (|W_dec[j]| + eps); the two may be one array"""
    for j in range(len(W_dec)):
        square = np.float32(0)
        for d in range(W_dec.shape[1]):
            square += W_dec[j, d] * W_dec[j, d]
        scale = np.float32(1) / (np.sqrt(square) + TINY)
        for d in range(W_dec.shape[1]):
            D[j, d] = W_dec[j, d] * scale


@jit
def pull_back_rows(W_dec, grad_W_dec):
    """dL/dD to dL/dW_dec, in place, for the rows D of `normalise_rows`.

    With r = |W_dec[j]|, dL/dW_dec[j] = dL/dD[j] / (r + eps) - W_dec[j] (W_dec[j] . dL/dD[j]) / (r (r + eps)^2), whose
    second term is 0 at r = 0, as autograd has it.
    """
    for j in range(len(W_dec)):
        square = along = np.float32(0)
        for d in range(W_dec.shape[1]):
            square += W_dec[j, d] * W_dec[j, d]
            along += W_dec[j, d] * grad_W_dec[j, d]
        norm = np.sqrt(square)
        scale = np.float32(1) / (norm + TINY)
        radial = np.float32(0) if norm == 0 else along * scale * scale / norm
        for d in range(W_dec.shape[1]):
            grad_W_dec[j, d] = grad_W_dec[j, d] * scale - W_dec[j, d] * radial


@jit
def subtract_through_encoder(W_enc, grad_pre, grad_b_dec):
    """dL/db_dec less what flows through c = h - b_dec: grad_b_dec -= W_enc dL/dpre, dL/dpre summed over the batch."""
    for d in range(len(W_enc)):
        for j in range(len(grad_pre)):
            grad_b_dec[d] -= W_enc[d, j] * grad_pre[j]


@jit_inlined
def to_error(e, c, lanes, factor, sums):
    """e = factor (e - c) in place, its sums over lanes added to `sums` (rows of e,); returns the sum of (e - c)^2."""
    total = 0.0
    for d in range(len(sums)):
        row = start_of(d)
        squares = row_sum = np.float32(0)
        for lane in range(np.uintp(lanes)):
            error = e[row + lane] - c[row + lane]
            squares += error * error
            row_sum += error
            e[row + lane] = factor * error
        total += squares
        sums[d] += factor * row_sum
    return total
