"""The rule of BatchTopK, also of prefixes, for `batch_linear`; `saes.BatchTopKSae` is its specification.

Settings: how many latents of a batch are kept. The state follows the smallest score kept.
"""

import numpy as np

from superposition.kernels.compilation import jit_inlined
from superposition.kernels.selection import find_bar, list_above

BAR, PLACES, KEPT = 1, 2, 3  # among the sums: see `find_bar`; the smallest score kept


@jit_inlined
def begin_batch(pre, own):
    """Find the score that the largest of the batch reach."""
    settings, latents, _, _, norms, _, _, sums, room = own
    n = 0
    for s in range(len(pre)):
        for j in range(len(latents)):
            score = pre[s, j] * norms[j]
            room[n] = score
            n += score > 0
    sums[BAR], sums[PLACES] = find_bar(room, n, np.int64(settings[0]))
    sums[KEPT] = np.inf


@jit_inlined
def choose(row, own, chosen, z):
    """List the latents that are kept, of equal ones the first of the batch; returns their number."""
    norms, sums = own[4], own[7]
    n, places = list_above(row, norms, np.float32(sums[BAR]), np.int64(sums[PLACES]), chosen, z)
    sums[PLACES] = places
    return n


@jit_inlined
def pull_back(g, z, pre, j, own):
    sums, norms = own[7], own[4]
    sums[KEPT] = min(sums[KEPT], z * norms[j])
    return g


@jit_inlined
def finish(own, batch):
    """No sparsity loss; the smallest score kept, infinity if none was."""
    return 0.0, own[7][KEPT]
