"""The pseudo-gradient of the JumpReLU autoencoder, fused for `sae_training`; `saes.JumpReluSae` is its specification.

With c = h - b_dec the reconstruction error is h' - h = W_enc z - c.
"""

import numpy as np

from superposition.kernels.compilation import jit, jit_inlined
from superposition.kernels.products import add_outer_product, multiply
from superposition.kernels.sae_parts import subtract_through_encoder, to_error
from superposition.kernels.tiles import empty_tile, is_positive, start_of

ORDER = "W_enc", "b_enc", "log_threshold", "b_dec"


@jit_inlined
def _views(packed, d_in, n_latents):
    size, n = d_in * n_latents, n_latents
    W_enc = packed[:size].reshape(d_in, n)
    return W_enc, packed[size : size + n], packed[size + n : size + 2 * n], packed[size + 2 * n :]


@jit
def lay_out(own, gradient, d_in, n_latents):
    """Views of an instance's packed parameters and gradient; -b_dec, zeros; thresholds, zeros; tiles c, pre, z, e,
    dL/dz."""
    inputs = np.empty(d_in, np.float32), np.zeros(d_in, np.float32)
    latents = np.empty(n_latents, np.float32), np.zeros(n_latents, np.float32)
    tiles = empty_tile(d_in), empty_tile(n_latents), empty_tile(n_latents), empty_tile(d_in), empty_tile(n_latents)
    return (_views(own, d_in, n_latents), _views(gradient, d_in, n_latents)), inputs, latents, tiles


@jit
def begin_step(room):
    """Set what depends on the parameters alone."""
    ((_, _, log_threshold, b_dec), _), (minus_b_dec, _), (threshold, _), _ = room
    for d in range(len(b_dec)):
        minus_b_dec[d] = -b_dec[d]
    for j in range(len(threshold)):
        threshold[j] = np.exp(log_threshold[j])


@jit
def add_gradient(x, lanes, samples_per_lane, batch_size, penalty, settings, W, room, fired):
    """Add a tile's part of the gradient and count activity; see `relu_sae.add_gradient`, also for what is returned.

    Args:
        settings: threshold_init, bandwidth
    """
    (parameters, gradients), (minus_b_dec, zeros), (threshold, no_penalties), (c, pre, z, e, grad_z) = room
    W_enc, b_enc, _, _ = parameters
    grad_W_enc, grad_b_enc, grad_log_threshold, grad_b_dec = gradients
    d_in, bandwidth = len(W), settings[1]
    share = np.float32(samples_per_lane) / np.float32(batch_size)
    multiply(W, x, minus_b_dec, c, lanes)  # c = W x - b_dec
    multiply(W_enc.T, c, b_enc, pre, lanes)  # pre = c W_enc + b_enc
    active = _jump(pre, z, lanes, samples_per_lane, threshold, fired)
    multiply(W_enc, z, zeros, e, lanes)  # e = dL/dh' = 2 (h' - h) / d_in, with h' - h = z W_enc^T - c
    squares = to_error(e, c, lanes, share * np.float32(2 / d_in), grad_b_dec)
    multiply(W_enc.T, e, no_penalties, grad_z, lanes)  # dL/dz = e W_enc
    _pull_back(grad_z, pre, lanes, threshold, bandwidth, share * penalty, grad_b_enc, grad_log_threshold)
    add_outer_product(c, grad_z, grad_W_enc, lanes)  # as the encoder
    add_outer_product(e, z, grad_W_enc, lanes)  # as the decoder
    return share * squares / d_in, share * active, 0.0


@jit
def complete_gradient(room):
    """Turn a batch's sums of add_gradient into the parameters' gradient."""
    ((W_enc, _, _, _), (_, grad_b_enc, _, grad_b_dec)), _, _, _ = room
    subtract_through_encoder(W_enc, grad_b_enc, grad_b_dec)


@jit
def end_step(room):
    """Nothing is done after a step."""


@jit_inlined
def _jump(pre, z, lanes, samples_per_lane, threshold, fired):
    """z = pre where it exceeds the threshold, else 0; counts in `fired` on how many samples; the number of active."""
    total = 0.0
    for j in range(len(threshold)):
        row, corner, count = start_of(j), threshold[j], np.int32(0)
        for lane in range(np.uintp(lanes)):
            value = pre[row + lane]
            z[row + lane] = np.float32(0) if value <= corner else value  # this way round a NaN stays
            count += np.int32(value > corner)
        total += count
        fired[j] += count * samples_per_lane
    return total


@jit_inlined
def _pull_back(grad_z, pre, lanes, threshold, bandwidth, penalty, grad_b_enc, grad_log_threshold):
    """grad_z = dL/dpre in place; adds its sums to grad_b_enc, and dL / d log threshold.

    Where |pre - threshold| < bandwidth / 2, dL / dthreshold = -(threshold dL/dz + penalty) / bandwidth.
    """
    half = bandwidth * np.float32(0.5)
    for j in range(len(threshold)):
        row, corner = start_of(j), threshold[j]
        of_pre = of_z = n_near = np.float32(0)
        for lane in range(np.uintp(lanes)):
            at = row + lane
            distance, g = pre[at] - corner, grad_z[at]
            near, passed = is_positive(half - abs(distance)), is_positive(distance) * g
            of_z += near * g
            n_near += near
            grad_z[at] = passed
            of_pre += passed
        grad_b_enc[j] += of_pre
        grad_log_threshold[j] -= corner * (corner * of_z + n_near * penalty) / bandwidth
