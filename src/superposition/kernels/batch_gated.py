"""Losses and gradients of the gated autoencoder on a batch from outside, of the latents alone whose gate is open;
`saes.GatedSae` is its specification.

With c = h - b_dec and the unit decoder rows D the errors of the two reconstructions are D^T z - c and D^T ReLU(pi) - c.
"""

import numpy as np

from superposition.kernels.compilation import jit, jit_inlined
from superposition.kernels.products import BLOCK
from superposition.kernels.row_products import multiply_rows
from superposition.kernels.sae_parts import centre, normalise_rows, pull_back_rows, subtract_through_encoder


@jit
def differentiate(
    h, W_gate, W_dec, b_gate, r_mag, b_mag, b_dec, penalties, factor, trained,
    grad_W_gate, grad_W_dec, grad_b_gate, grad_r_mag, grad_b_mag, grad_b_dec, fired, losses,
):  # fmt: skip
    """Set the gradients, how often latents fired, and the losses, of every instance; see `batch_linear.differentiate`.

    Args:
        trained: whether the auxiliary loss trains the decoder
        losses: (instances, 3) float64, the reconstruction, sparsity and auxiliary loss
    """
    n_instances, n_latents, d_in = W_dec.shape
    batch, padded = h.shape[1], -(-n_latents // BLOCK) * BLOCK
    E, start = np.zeros((d_in, padded), np.float32), np.zeros(padded, np.float32)
    c, pi = np.empty((batch, d_in), np.float32), np.empty((batch, padded), np.float32)
    D, grad_W = np.empty((n_latents, d_in), np.float32), np.empty((n_latents, d_in), np.float32)
    slope, through = np.empty(n_latents, np.float32), np.empty(n_latents, np.float32)
    for i in range(n_instances):
        normalise_rows(W_dec[i], D)
        for d in range(d_in):
            for j in range(n_latents):
                E[d, j] = W_gate[i, d, j]
        for j in range(n_latents):
            start[j], slope[j] = b_gate[i, j], np.exp(r_mag[i, j])
        centre(h[min(i, len(h) - 1)], b_dec[i], c)
        multiply_rows(c, E, start, pi)
        scalars = grad_b_gate[i], grad_r_mag[i], grad_b_mag[i]
        grad_D, grad_W[:], through[:], fired[i, :] = grad_W_dec[i], 0, 0, 0
        grad_D[:], scalars[0][:], scalars[1][:], scalars[2][:], grad_b_dec[i, :] = 0, 0, 0, 0, 0
        _add_gradient(
            pi, c, D, slope, b_gate[i], b_mag[i], np.float32(penalties[i] / batch), factor, trained,
            grad_D, grad_W, scalars, through, grad_b_dec[i], fired[i], losses[i],
        )  # fmt: skip
        subtract_through_encoder(E, through, grad_b_dec[i])
        for d in range(d_in):
            for j in range(n_latents):
                grad_W_gate[i, d, j] = grad_W[j, d]
        pull_back_rows(W_dec[i], grad_D)


@jit_inlined
def _add_gradient(
    pi, c, D, slope, b_gate, b_mag, penalty, factor, trained,
    grad_D, grad_W, scalars, through, grad_b_dec, fired, losses,
):  # fmt: skip
    """Add dL/dD, dL/dW_gate by latents, those of b_gate, r_mag and b_mag, what flows through c W_gate, and the
    reconstructions' dL/db_dec; count activity and set the losses."""
    n_latents, d_in = D.shape
    batch, (grad_b_gate, grad_r_mag, grad_b_mag) = len(pi), scalars
    chosen, z = np.empty(n_latents + 1, np.int64), np.empty(n_latents, np.float32)
    e, f = np.empty(d_in, np.float32), np.empty(d_in, np.float32)  # of z and of the gate
    of_e, of_f = np.float32(2 * factor / batch), np.float32(2 / batch)
    squares = sparsity = auxiliary = 0.0
    for s in range(batch):
        n = 0
        for j in range(n_latents):
            chosen[n] = j
            n += not pi[s, j] <= 0  # this way round a NaN stays
        for d in range(d_in):
            e[d] = f[d] = -c[s, d]
        for t in range(n):
            j = chosen[t]
            gate = pi[s, j]
            magnitude = slope[j] * (gate - b_gate[j]) + b_mag[j]
            z[t] = np.float32(0) if magnitude <= 0 else magnitude
            fired[j] += z[t] > 0
            sparsity += gate
            for d in range(d_in):
                e[d] += z[t] * D[j, d]
                f[d] += gate * D[j, d]
        square = of_gate = np.float32(0)
        for d in range(d_in):
            square += e[d] * e[d]
            of_gate += f[d] * f[d]
            e[d] *= of_e
            f[d] *= of_f
            grad_b_dec[d] += e[d] + f[d] if trained else e[d]
        squares += square
        auxiliary += of_gate
        for t in range(n):
            j = chosen[t]
            gate = pi[s, j]
            g = m = np.float32(0)
            for d in range(d_in):
                m += e[d] * D[j, d]
                g += f[d] * D[j, d]
            g += penalty
            m = np.float32(0) if z[t] <= 0 else m
            along = g + slope[j] * m
            share = gate if trained else np.float32(0)
            for d in range(d_in):
                grad_D[j, d] += z[t] * e[d] + share * f[d]
                grad_W[j, d] += along * c[s, d]
            through[j] += along
            grad_b_gate[j] += g
            grad_b_mag[j] += m
            grad_r_mag[j] += m * (z[t] - b_mag[j])  # where a latent is active its magnitude is z
    losses[0], losses[1], losses[2] = factor * squares / batch, sparsity / batch, auxiliary / batch
