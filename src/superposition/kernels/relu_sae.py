"""The gradient of the ReLU autoencoder, fused for `sae_training`; `saes.ReluSae` is its specification.

With c = h - b_dec and the unit decoder rows D the reconstruction error is h' - h = D^T z - c, so neither h nor h' is
ever formed. Products go by rows, so that matrices are also used as their transpose.
"""

import numpy as np

from superposition.kernels.compilation import jit, jit_inlined
from superposition.kernels.products import add_outer_product, multiply
from superposition.kernels.sae_parts import normalise_rows, pull_back_rows, subtract_through_encoder, to_error
from superposition.kernels.tiles import empty_tile, is_positive, start_of

ORDER = "W_enc", "W_dec", "b_enc", "b_dec"


@jit_inlined
def _views(packed, d_in, n_latents):
    size = d_in * n_latents
    W_enc, W_dec = packed[:size].reshape(d_in, n_latents), packed[size : 2 * size].reshape(n_latents, d_in)
    return W_enc, W_dec, packed[2 * size : 2 * size + n_latents], packed[2 * size + n_latents :]


@jit
def lay_out(own, gradient, d_in, n_latents):
    """Views of an instance's packed parameters and gradient; D, -b_dec, zeros, penalties; tiles c, z, e, dL/dz."""
    vectors = np.empty(d_in, np.float32), np.zeros(d_in, np.float32), np.empty(n_latents, np.float32)
    tiles = empty_tile(d_in), empty_tile(n_latents), empty_tile(d_in), empty_tile(n_latents)
    views = _views(own, d_in, n_latents), _views(gradient, d_in, n_latents)
    return views, np.empty((n_latents, d_in), np.float32), vectors, tiles


@jit
def begin_step(room):
    """Set what depends on the parameters alone."""
    ((_, W_dec, _, b_dec), _), D, (minus_b_dec, _, _), _ = room
    normalise_rows(W_dec, D)
    for d in range(len(b_dec)):
        minus_b_dec[d] = -b_dec[d]


@jit
def add_gradient(x, lanes, samples_per_lane, batch_size, penalty, settings, W, room, fired):
    """Add a tile's part of dL/dW_enc, dL/dD, dL/db_enc and of the reconstruction's dL/db_dec, and count activity.

    Args:
        x: a tile of n_features rows, one sample per lane; each counts `samples_per_lane` times
        settings: none
        W: (d_in, n_features)
        room: see lay_out
        fired: (n_latents,) int64, on how many samples each latent was active

    Returns:
        the tile's part of the reconstruction loss, of the sparsity loss, and of other parts of the loss
    """
    (parameters, gradients), D, (minus_b_dec, zeros, penalties), (c, z, e, grad_z) = room
    W_enc, _, b_enc, _ = parameters
    grad_W_enc, grad_W_dec, grad_b_enc, grad_b_dec = gradients
    d_in = len(W)
    share = np.float32(samples_per_lane) / np.float32(batch_size)
    multiply(W, x, minus_b_dec, c, lanes)  # c = W x - b_dec
    multiply(W_enc.T, c, b_enc, z, lanes)  # z = ReLU(c W_enc + b_enc)
    sparsity = _rectify(z, lanes, samples_per_lane, fired)
    multiply(D.T, z, zeros, e, lanes)  # e = dL/dh' = 2 (h' - h) / d_in, with h' - h = z D - c
    squares = to_error(e, c, lanes, share * np.float32(2 / d_in), grad_b_dec)
    penalties[:] = share * penalty
    multiply(D, e, penalties, grad_z, lanes)  # dL/dz = e D^T + penalty, where z is active
    _mask(grad_z, z, lanes, grad_b_enc)
    add_outer_product(c, grad_z, grad_W_enc, lanes)  # dL/dW_enc = c^T dL/dz
    add_outer_product(e, z, grad_W_dec.T, lanes)  # dL/dD = z^T e
    return share * squares / d_in, share * sparsity, 0.0


@jit
def complete_gradient(room):
    """Turn a batch's sums of add_gradient into the parameters' gradient."""
    ((W_enc, W_dec, _, _), (_, grad_W_dec, grad_b_enc, grad_b_dec)), _, _, _ = room
    pull_back_rows(W_dec, grad_W_dec)
    subtract_through_encoder(W_enc, grad_b_enc, grad_b_dec)


@jit
def end_step(room):
    ((_, W_dec, _, _), _), _, _, _ = room
    normalise_rows(W_dec, W_dec)


@jit_inlined
def _rectify(z, lanes, samples_per_lane, fired):
    """z = max(z, 0) in place; counts in `fired` on how many samples each latent is active; sum of z."""
    total = 0.0
    for j in range(len(fired)):
        row, row_sum, count = start_of(j), np.float32(0), np.float32(0)
        for lane in range(np.uintp(lanes)):
            positive = is_positive(z[row + lane])
            active = positive * z[row + lane]
            z[row + lane] = active
            row_sum += active
            count += positive
        total += row_sum
        fired[j] += np.int64(count) * samples_per_lane
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
