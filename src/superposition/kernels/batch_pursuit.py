"""Loss and gradient of matching pursuit on a batch from outside; `saes.MatchingPursuitSae` is its specification.

How far the residual is along every decoder row is computed once. A step of the pursuit, which takes p d_j off, changes
it by p times the row's products with the others.
"""

import numpy as np

from superposition.kernels.compilation import jit, jit_inlined
from superposition.kernels.products import BLOCK
from superposition.kernels.row_products import multiply_rows
from superposition.kernels.sae_parts import centre, normalise_rows, pull_back_rows


@jit
def differentiate(h, W_dec, b_dec, counts, factor, grad_W_dec, grad_b_dec, fired, losses):
    """Set the gradients, how often latents fired, and the loss, of every instance; see `batch_linear.differentiate`.

    Args:
        counts: (instances,) int64, steps of the pursuit
        losses: (instances, any) float64, of which the first is the loss
    """
    n_instances, n_latents, d_in = W_dec.shape
    batch, padded = h.shape[1], -(-n_latents // BLOCK) * BLOCK
    transposed, zeros = np.zeros((d_in, padded), np.float32), np.zeros(padded, np.float32)
    c, D = np.empty((batch, d_in), np.float32), np.empty((n_latents, d_in), np.float32)
    scores, products = np.empty((batch, padded), np.float32), np.empty((n_latents, padded), np.float32)
    for i in range(n_instances):
        normalise_rows(W_dec[i], D)
        for d in range(d_in):
            for j in range(n_latents):
                transposed[d, j] = D[j, d]
        centre(h[min(i, len(h) - 1)], b_dec[i], c)
        multiply_rows(c, transposed, zeros, scores)
        multiply_rows(D, transposed, zeros, products)
        grad_D, grad_b_dec[i, :], fired[i, :] = grad_W_dec[i], 0, 0
        grad_D[:] = 0
        weight = factor / batch
        losses[i, 0] = weight * _add_gradient(
            c, D, scores, products, counts[i], weight, grad_D, grad_b_dec[i], fired[i]
        )
        pull_back_rows(W_dec[i], grad_D)


@jit_inlined
def _add_gradient(c, D, scores, products, count, weight, grad_D, grad_b_dec, fired):
    """Add dL/dD and dL/db_dec and count activity; returns the sum of squares of what is left. `scores` are changed."""
    n_latents, d_in = D.shape
    residuals, parts = np.empty((count + 1, d_in), np.float32), np.empty(count, np.float32)
    chosen, g = np.empty(count, np.int64), np.empty(d_in, np.float32)
    scale, total = np.float32(2 * weight), 0.0
    for s in range(len(c)):
        n = 0
        residuals[0] = c[s]
        while n < count:
            j = _largest(scores[s], n_latents)
            part = np.float32(0)
            for d in range(d_in):
                part += residuals[n, d] * D[j, d]
            if part <= 0:  # not so if it is NaN
                break
            chosen[n], parts[n] = j, part
            for d in range(d_in):
                residuals[n + 1, d] = residuals[n, d] - part * D[j, d]
            for k in range(n_latents):
                scores[s, k] -= part * products[j, k]
            again = False
            for t in range(n):
                again |= chosen[t] == j
            fired[j] += not again
            n += 1
        square = np.float32(0)
        for d in range(d_in):
            square += residuals[n, d] * residuals[n, d]
            g[d] = scale * residuals[n, d]
        total += square
        for t in range(n - 1, -1, -1):  # r' = r - (r . d_j) d_j
            j = chosen[t]
            along = np.float32(0)
            for d in range(d_in):
                along += g[d] * D[j, d]
            for d in range(d_in):
                grad_D[j, d] -= along * residuals[t, d] + parts[t] * g[d]
                g[d] -= along * D[j, d]
        for d in range(d_in):
            grad_b_dec[d] -= g[d]
    return total


@jit_inlined
def _largest(scores, n):
    """The place of the first of the largest."""
    place, largest = 0, scores[0]
    for j in range(1, n):
        if not scores[j] <= largest:
            place, largest = j, scores[j]
    return place
