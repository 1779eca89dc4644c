"""The rule of ReLU autoencoders, also of prefixes, for `batch_linear`; `saes.ReluSae` and `saes.MatryoshkaReluSae` are
its specification. It has no settings and no parameters of its own."""

from superposition.kernels.compilation import jit_inlined


@jit_inlined
def begin_batch(pre, own):
    """Nothing."""


@jit_inlined
def choose(row, own, chosen, z):
    """List every latent above 0; returns their number."""
    n = 0
    for j in range(len(own[1])):
        chosen[n], z[n] = j, row[j]
        n += not row[j] <= 0  # this way round a NaN stays
    return n


@jit_inlined
def pull_back(g, z, pre, j, own):
    """dL/dpre, with dL/dz = g + penalty |d_j|"""
    _, _, _, shares, norms, lengthening, penalty, sums, _ = own
    sums[0] += shares[j] * norms[j] * z
    lengthening[j] += penalty * shares[j] * z
    return g + penalty * shares[j] * norms[j]


@jit_inlined
def finish(own, batch):
    """The sparsity loss, and nothing that a state follows."""
    return own[7][0] / batch, 0.0
