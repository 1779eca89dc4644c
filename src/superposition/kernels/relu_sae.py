"""The gradient of the ReLU autoencoder, fused; `saes.ReluSae` is its specification.

With c = h - b_dec and the unit decoder rows D the reconstruction error is h' - h = D^T z - c, so neither h nor h' is
ever formed. Matrices come with their transpose, because products go by rows.
"""

import numpy as np

from superposition.kernels.compilation import jit, jit_inlined
from superposition.kernels.products import add_outer_product, multiply
from superposition.kernels.tiles import start_of
from superposition.saes import EPSILON

TINY = np.float32(EPSILON)


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
def pull_back(W_enc, W_dec, grad_W_dec, grad_b_enc, grad_b_dec):
    """Complete a batch's sums of add_gradient: dL/dD to dL/dW_dec, and dL/db_dec by what flows through c.

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
    for d in range(len(W_enc)):
        for j in range(len(grad_b_enc)):
            grad_b_dec[d] -= W_enc[d, j] * grad_b_enc[j]


@jit_inlined
def _rectify(z, lanes, samples_per_lane, fired):
    """z = max(z, 0) in place; counts in `fired` on how many samples each latent is active; sum of z."""
    total = 0.0
    for j in range(len(fired)):
        row, row_sum = start_of(j), np.float32(0)
        count = np.int32(0)
        for lane in range(np.uintp(lanes)):
            active = np.float32(0) if z[row + lane] <= 0 else z[row + lane]  # this way round a NaN stays
            z[row + lane] = active
            row_sum += active
            count += np.int32(active > 0)
        total += row_sum
        fired[j] += count * samples_per_lane
    return total


@jit_inlined
def _to_error(e, c, lanes, factor, grad_b_dec):
    """e = factor (e - c) in place, adding its sums to grad_b_dec; the sum of (e - c)^2."""
    total = 0.0
    for d in range(len(grad_b_dec)):
        row = start_of(d)
        squares = row_sum = np.float32(0)
        for lane in range(np.uintp(lanes)):
            error = e[row + lane] - c[row + lane]
            squares += error * error
            row_sum += error
            e[row + lane] = factor * error
        total += squares
        grad_b_dec[d] += factor * row_sum
    return total


@jit_inlined
def _mask(grad_z, z, lanes, grad_b_enc):
    """grad_z = 0 in place where z is not active, adding its sums to grad_b_enc."""
    for j in range(len(grad_b_enc)):
        row, row_sum = start_of(j), np.float32(0)
        for lane in range(np.uintp(lanes)):
            g = grad_z[row + lane] if z[row + lane] > 0 else np.float32(0)
            grad_z[row + lane] = g
            row_sum += g
        grad_b_enc[j] += row_sum


@jit
def add_gradient(
    x, lanes, samples_per_lane, batch_size, penalty, W, W_enc_T, D, D_T, b_enc, minus_b_dec,
    c, z, e, grad_z, zeros, penalties, grad_W_enc, grad_D_T, grad_b_enc, grad_b_dec, fired,
):  # fmt: skip
    """Add a tile's part of dL/dW_enc, dL/dD, dL/db_enc and of the reconstruction's dL/db_dec, and count activity.

    `pull_back` turns a batch's sums of these into the parameters' gradient.

    Args:
        x: a tile of n_features rows, one sample per lane; each counts `samples_per_lane` times
        W: (d_in, n_features); minus_b_dec: (d_in,)
        c, e: room for tiles of d_in rows; z, grad_z: of n_latents rows
        zeros: (d_in,); penalties: (n_latents,), room
        fired: (n_latents,) int64, on how many samples each latent was active

    Returns:
        the tile's part of the reconstruction loss and of the sparsity loss
    """
    d_in = len(W)
    share = np.float32(samples_per_lane) / np.float32(batch_size)
    multiply(W, x, minus_b_dec, c, lanes)  # c = W x - b_dec
    multiply(W_enc_T, c, b_enc, z, lanes)  # z = ReLU(c W_enc + b_enc)
    sparsity = _rectify(z, lanes, samples_per_lane, fired)
    multiply(D_T, z, zeros, e, lanes)  # e = dL/dh' = 2 (h' - h) / d_in, with h' - h = z D - c
    squares = _to_error(e, c, lanes, share * np.float32(2 / d_in), grad_b_dec)
    penalties[:] = share * penalty
    multiply(D, e, penalties, grad_z, lanes)  # dL/dz = e D^T + penalty, where z is active
    _mask(grad_z, z, lanes, grad_b_enc)
    add_outer_product(c, grad_z, grad_W_enc, lanes)  # dL/dW_enc = c^T dL/dz
    add_outer_product(e, z, grad_D_T, lanes)  # dL/dD = z^T e
    return share * squares / d_in, share * sparsity
