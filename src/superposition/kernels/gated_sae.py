"""The gradient of the gated autoencoder, fused for `sae_training`; `saes.GatedSae` is its specification.

With c = h - b_dec and the unit decoder rows D the errors of the two reconstructions are D^T z - c and D^T ReLU(pi) - c,
and the magnitude before its ReLU is exp(r_mag) pi + b_mag - exp(r_mag) b_gate.
"""

import numpy as np

from superposition.kernels.compilation import jit, jit_inlined
from superposition.kernels.products import add_outer_product, multiply
from superposition.kernels.sae_parts import normalise_rows, pull_back_rows, subtract_through_encoder, to_error
from superposition.kernels.tiles import empty_tile, is_positive, start_of

ORDER = "W_gate", "W_dec", "b_gate", "r_mag", "b_mag", "b_dec"


@jit_inlined
def _views(packed, d_in, n_latents):
    size, n = d_in * n_latents, n_latents
    W_gate, W_dec = packed[:size].reshape(d_in, n), packed[size : 2 * size].reshape(n, d_in)
    latents = packed[2 * size : 2 * size + 3 * n].reshape(3, n)
    return W_gate, W_dec, latents[0], latents[1], latents[2], packed[2 * size + 3 * n :]


@jit
def lay_out(own, gradient, d_in, n_latents):
    """Views of an instance's packed parameters and gradient; D; -b_dec, zeros, sums without use; exp(r_mag), the shift
    of the magnitude, penalties, zeros; tiles c, gate, z, e, f, dL/dz, dL/dpi."""
    inputs = np.empty(d_in, np.float32), np.zeros(d_in, np.float32), np.zeros(d_in, np.float32)
    factor, shift, penalties = (np.empty(n_latents, np.float32), np.empty(n_latents, np.float32),
                                np.empty(n_latents, np.float32))  # fmt: skip
    latents = factor, shift, penalties, np.zeros(n_latents, np.float32)
    tiles = (
        empty_tile(d_in), empty_tile(n_latents), empty_tile(n_latents), empty_tile(d_in), empty_tile(d_in),
        empty_tile(n_latents), empty_tile(n_latents),
    )  # fmt: skip
    views = _views(own, d_in, n_latents), _views(gradient, d_in, n_latents)
    return views, np.empty((n_latents, d_in), np.float32), inputs, latents, tiles


@jit
def begin_step(room):
    """Set what depends on the parameters alone."""
    ((_, W_dec, b_gate, r_mag, b_mag, b_dec), _), D, (minus_b_dec, _, _), (factor, shift, _, _), _ = room
    normalise_rows(W_dec, D)
    for d in range(len(b_dec)):
        minus_b_dec[d] = -b_dec[d]
    for j in range(len(r_mag)):
        factor[j] = np.exp(r_mag[j])
        shift[j] = b_mag[j] - factor[j] * b_gate[j]


@jit
def add_gradient(x, lanes, samples_per_lane, batch_size, penalty, settings, W, room, fired):
    """Add a tile's part of the gradient and count activity; see `relu_sae.add_gradient`, also for what is returned."""
    (parameters, gradients), D, (minus_b_dec, zeros, unused), (factor, shift, penalties, no_penalties), tiles = room
    W_gate, _, b_gate, _, b_mag, _ = parameters
    grad_W_gate, grad_W_dec, grad_b_gate, grad_r_mag, grad_b_mag, grad_b_dec = gradients
    c, gate, z, e, f, grad_z, grad_pi = tiles
    d_in = len(W)
    share = np.float32(samples_per_lane) / np.float32(batch_size)
    multiply(W, x, minus_b_dec, c, lanes)  # c = W x - b_dec
    multiply(W_gate.T, c, b_gate, gate, lanes)  # pi = c W_gate + b_gate
    sparsity = _open_gates(gate, z, lanes, samples_per_lane, factor, shift, fired)
    multiply(D.T, z, zeros, e, lanes)  # e = dL/dh' = 2 (h' - h) / d_in
    multiply(D.T, gate, zeros, f, lanes)  # f = 2 (h'(ReLU(pi)) - h), of the auxiliary loss
    squares = to_error(e, c, lanes, share * np.float32(2 / d_in), grad_b_dec)
    auxiliary = to_error(f, c, lanes, share * np.float32(2), unused)  # its b_dec is a constant
    penalties[:] = share * penalty
    multiply(D, e, no_penalties, grad_z, lanes)  # dL/dz = e D^T
    multiply(D, f, penalties, grad_pi, lanes)  # dL/dpi = f D^T + penalty, where the gate is open
    _combine(grad_pi, grad_z, gate, z, lanes, factor, b_mag, grad_b_gate, grad_r_mag, grad_b_mag)
    add_outer_product(c, grad_pi, grad_W_gate, lanes)
    add_outer_product(e, z, grad_W_dec.T, lanes)  # dL/dD = z^T e
    return share * squares / d_in, share * sparsity, share * auxiliary


@jit
def complete_gradient(room):
    """Turn a batch's sums of add_gradient into the parameters' gradient."""
    ((W_gate, W_dec, _, _, _, _), gradients), _, _, (factor, sums, _, _), _ = room
    _, grad_W_dec, grad_b_gate, _, grad_b_mag, grad_b_dec = gradients
    pull_back_rows(W_dec, grad_W_dec)
    for j in range(len(sums)):
        sums[j] = grad_b_gate[j] + factor[j] * grad_b_mag[j]
    subtract_through_encoder(W_gate, sums, grad_b_dec)


@jit
def end_step(room):
    ((_, W_dec, _, _, _, _), _), _, _, _, _ = room
    normalise_rows(W_dec, W_dec)


@jit_inlined
def _open_gates(gate, z, lanes, samples_per_lane, factor, shift, fired):
    """gate = ReLU(pi) in place of pi, and z; counts in `fired` on how many samples each z is active; sum of gate."""
    total = 0.0
    for j in range(len(fired)):
        row, slope, intercept = start_of(j), factor[j], shift[j]
        row_sum = count = np.float32(0)
        for lane in range(np.uintp(lanes)):
            pi = gate[row + lane]
            magnitude = slope * pi + intercept
            opened = is_positive(pi)
            active = opened * is_positive(magnitude)
            gate[row + lane] = opened * pi
            z[row + lane] = active * magnitude
            row_sum += opened * pi
            count += active
        total += row_sum
        fired[j] += np.int64(count) * samples_per_lane
    return total


@jit_inlined
def _combine(grad_pi, grad_z, gate, z, lanes, factor, b_mag, grad_b_gate, grad_r_mag, grad_b_mag):
    """grad_pi = dL / d(c W_gate) in place, through gate and magnitude; adds the gradients of the latents' scalars.

    Where a latent is active its magnitude is z, and d magnitude / d r_mag = z - b_mag.
    """
    for j in range(len(factor)):
        row, slope = start_of(j), factor[j]
        of_gate = of_magnitude = along = np.float32(0)
        for lane in range(np.uintp(lanes)):
            at = row + lane
            g = grad_pi[at] if gate[at] > 0 else np.float32(0)
            m = grad_z[at] if z[at] > 0 else np.float32(0)
            grad_pi[at] = g + slope * m
            of_gate += g
            of_magnitude += m
            along += m * z[at]
        grad_b_gate[j] += of_gate
        grad_b_mag[j] += of_magnitude
        grad_r_mag[j] += along - b_mag[j] * of_magnitude
