"""Losses and gradients, on a batch from outside, of autoencoders whose encoder is one matrix; of the latents that are
silent none is computed.

Of every sample only the listed latents are looked at behind the encoder: those that fire, and those with a gradient all
the same. With c = h - b_dec and the decoder rows D the error of a reconstruction is h' - h = D^T z - c.

There is one loop over the samples, compiled for every architecture with the functions of its own module, its rule:

    begin_batch  what depends on all samples of an instance
    choose       lists the latents of one sample, and their values
    pull_back    from dL/dz of a listed latent to dL/dpre, of its pre-activation
    finish       the sparsity loss, and what the architecture's state follows

The functions of a rule have in common `own`, what they know of an instance:

    settings     (any,) float64: numbers of the rule, see its module
    latents      (n_latents,) float32: parameters of the rule, one per latent
    gradient     (n_latents,) float32, zero: to which it adds dL/dlatents
    shares       (n_latents,) float32: the share of the prefixes that have the latent
    norms        (n_latents,) float32: what a latent's value counts for, |d_j| where decoder rows are free, else 1
    lengthening  (n_latents,) float32, zero: to which it adds dL/dnorms
    penalty      float32: that of the instance, over the size of the batch
    sums         (SUMS,) float64, zero: whatever the rule adds up
    room         float32, as many numbers as the batch has pre-activations
"""

import numpy as np

from superposition.kernels import code_batchtopk, code_jumprelu, code_p_annealing, code_relu, code_topk
from superposition.kernels.compilation import jit, jit_inlined, specialise
from superposition.kernels.products import BLOCK
from superposition.kernels.row_products import multiply_rows
from superposition.kernels.sae_parts import centre, normalise_rows, pull_back_rows, subtract_through_encoder
from superposition.kernels.selection import find_bar, list_above

SUMS = 4
rule = code_relu  # in the loops below it stands for any of them


def differentiate(
    h, W_enc, rows, b_enc, b_dec, unit, weighed, settings, latents, widths, shares, penalties, factor, dead, auxiliary,
    grad_W_enc, grad_rows, grad_b_enc, grad_b_dec, grad_latents, fired, losses, followed,
):  # fmt: skip
    """Set the gradients, how often latents fired, the losses, and what states follow, of every instance.

    Args:
        h: (instances or 1, batch, d_in)
        W_enc: (instances, d_in, n_latents), or (instances, 0, 0) where the encoder is D^T
        rows: (instances, n_latents, d_in) of the decoder, as they are stored; unit: whether D has them at length 1
        b_enc, b_dec: as in `saes`
        weighed: whether a latent counts for the length of its row
        settings, latents, penalties: see above, of all instances; shares: see above
        widths: (prefixes,) int64, how many latents each has
        factor: of squared errors in the loss
        dead: (instances, n_latents) bool, see `saes.auxiliary`; auxiliary: (2,) float64, aux_k and aux_coefficient
        grad_*: of the shapes of the parameters
        fired: (instances, n_latents) float32
        losses: (instances, 3) float64, the reconstruction, sparsity and auxiliary loss
        followed: (instances,) float32
    """
    n_instances, n_latents, d_in = rows.shape
    batch, tied = h.shape[1], W_enc.shape[1] == 0
    padded = -(-n_latents // BLOCK) * BLOCK
    E, start = np.zeros((d_in, padded), np.float32), np.zeros(padded, np.float32)
    c, pre = np.empty((batch, d_in), np.float32), np.empty((batch, padded), np.float32)
    D, grad_W = np.empty((n_latents, d_in), np.float32), np.empty((n_latents, d_in), np.float32)
    norms, lengthening = np.ones(n_latents, np.float32), np.empty(n_latents, np.float32)
    sums, room = np.empty(SUMS), np.empty(batch * n_latents, np.float32)
    for i in range(n_instances):
        if unit:
            normalise_rows(rows[i], D)
        else:
            D[:] = rows[i]
        if weighed:
            _set_norms(D, norms)
        for d in range(d_in):
            for j in range(n_latents):
                E[d, j] = D[j, d] if tied else W_enc[i, d, j]
        start[:n_latents] = b_enc[i]
        centre(h[min(i, len(h) - 1)], b_dec[i], c)
        multiply_rows(c, E, start, pre)
        grad_D, grad_pre = grad_rows[i], grad_b_enc[i]
        grad_D[:], grad_W[:], grad_pre[:], grad_b_dec[i, :], grad_latents[i, :] = 0, 0, 0, 0, 0
        fired[i, :], lengthening[:], sums[:] = 0, 0, 0
        penalty = np.float32(penalties[i] / batch)
        own = settings[i], latents[i], grad_latents[i], shares, norms, lengthening, penalty, sums, room
        weight = factor / (batch * len(widths))
        squares = _add_gradient(
            pre, c, D, widths, weight, own, grad_D, grad_W, grad_pre, grad_b_dec[i], fired[i],
            dead[i], auxiliary, factor / batch, losses[i],
        )  # fmt: skip
        losses[i, 0] = weight * squares
        losses[i, 1], followed[i] = rule.finish(own, batch)
        if weighed:
            _add_lengthening(D, norms, lengthening, grad_D)
        subtract_through_encoder(E, grad_pre, grad_b_dec[i])
        if tied:
            grad_D += grad_W
        else:
            for d in range(d_in):
                for j in range(n_latents):
                    grad_W_enc[i, d, j] = grad_W[j, d]
        if unit:
            pull_back_rows(rows[i], grad_D)


def _add_gradient(
    pre, c, D, widths, weight, own, grad_D, grad_W, grad_pre, grad_b_dec, fired, dead, auxiliary, share, losses
):
    """Add dL/dD, the encoder's gradient by latents, dL/dpre summed over the batch, and the reconstruction's dL/db_dec,
    and count activity; returns the sum of squared errors over samples and prefixes.

    Args:
        weight: of a squared error of one prefix in the loss
        share: of a squared error in the auxiliary loss, before its coefficient
    """
    n_latents, d_in = D.shape
    n_prefixes = len(widths)
    chosen, z = np.empty(n_latents + 1, np.int64), np.empty(n_latents + 1, np.float32)
    e, ends = np.empty((n_prefixes, d_in), np.float32), np.empty(n_prefixes, np.int64)
    silent = np.flatnonzero(dead) if auxiliary[1] > 0 else np.empty(0, np.int64)
    total = 0.0
    losses[2] = 0
    rule.begin_batch(pre, own)
    for s in range(len(pre)):
        n = rule.choose(pre[s], own, chosen, z)
        t = 0
        for p in range(n_prefixes):
            for d in range(d_in):
                e[p, d] = e[p - 1, d] if p > 0 else -c[s, d]
            while t < n and chosen[t] < widths[p]:
                j, value = chosen[t], z[t]
                fired[j] += value > 0
                for d in range(d_in):
                    e[p, d] += value * D[j, d]
                t += 1
            ends[p] = t
            square = np.float32(0)
            for d in range(d_in):
                square += e[p, d] * e[p, d]
            total += square
        if len(silent) > 0:
            losses[2] += _add_auxiliary(
                pre[s], c[s], e[n_prefixes - 1], D, silent, auxiliary, share, grad_D, grad_W, grad_pre
            )
        scale = np.float32(2 * weight)
        for p in range(n_prefixes - 1, -1, -1):  # dL/dh' of this prefix and all that are longer
            for d in range(d_in):
                e[p, d] = scale * e[p, d] + (e[p + 1, d] if p + 1 < n_prefixes else np.float32(0))
        for d in range(d_in):
            grad_b_dec[d] += e[0, d]
        t = 0
        for p in range(n_prefixes):
            while t < ends[p]:
                j, value = chosen[t], z[t]
                along = np.float32(0)
                for d in range(d_in):
                    along += e[p, d] * D[j, d]
                of_pre = rule.pull_back(along, value, pre[s, j], j, own)
                for d in range(d_in):
                    grad_D[j, d] += value * e[p, d]
                    grad_W[j, d] += of_pre * c[s, d]
                grad_pre[j] += of_pre
                t += 1
    return total


@jit
def _add_auxiliary(pre, c, e, D, silent, auxiliary, share, grad_D, grad_W, grad_pre):
    """Add a sample's part of the auxiliary loss's gradient; returns its part of the loss.

    Args:
        e: (d_in,) the error h' - h
        silent: the dead latents
        share: of the sample's squared error in a reconstruction loss
    """
    n_silent, difference = len(silent), e.copy()
    values, room, ones = np.empty(n_silent, np.float32), np.empty(n_silent, np.float32), np.ones(n_silent, np.float32)
    chosen, z, n = np.empty(n_silent + 1, np.int64), np.empty(n_silent + 1, np.float32), 0
    for t in range(n_silent):
        values[t] = room[n] = pre[silent[t]]
        n += values[t] > 0
    bar, places = find_bar(room, n, np.int64(auxiliary[0]))
    n, _ = list_above(values, ones, bar, places, chosen, z)
    for t in range(n):
        chosen[t] = silent[chosen[t]]
        for d in range(len(e)):
            difference[d] += z[t] * D[chosen[t], d]
    square = np.float32(0)
    scale = np.float32(2 * auxiliary[1] * share)
    for d in range(len(e)):
        square += difference[d] * difference[d]
        difference[d] *= scale
    for t in range(n):
        j = chosen[t]
        of_pre = np.float32(0)
        for d in range(len(e)):
            of_pre += difference[d] * D[j, d]
        for d in range(len(e)):
            grad_D[j, d] += z[t] * difference[d]
            grad_W[j, d] += of_pre * c[d]
        grad_pre[j] += of_pre
    return auxiliary[1] * share * square


@jit
def _set_norms(D, norms):
    for j in range(len(D)):
        square = np.float32(0)
        for d in range(D.shape[1]):
            square += D[j, d] * D[j, d]
        norms[j] = np.sqrt(square)


@jit
def _add_lengthening(D, norms, lengthening, grad_D):
    """Add to dL/dD what flows through the rows' lengths, nothing at a length of 0, as autograd has it."""
    for j in range(len(D)):
        if norms[j] > 0:
            for d in range(D.shape[1]):
                grad_D[j, d] += lengthening[j] / norms[j] * D[j, d]


def _compile(module, name):
    inner = specialise(_add_gradient, name, compiler=jit_inlined, rule=module)
    return specialise(differentiate, name, rule=module, _add_gradient=inner)


RULES = {
    "relu": code_relu,
    "p_annealing": code_p_annealing,
    "topk": code_topk,
    "batchtopk": code_batchtopk,
    "jumprelu": code_jumprelu,
}
DIFFERENTIATE = {name: _compile(module, name) for name, module in RULES.items()}
