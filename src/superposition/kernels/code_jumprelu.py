"""The rule of JumpReLU for `batch_linear`; `saes.JumpReluSae` is its specification.

Settings: the bandwidth, and the target L0, NaN where the penalty is a count. Parameters: the thresholds.
"""

import numpy as np

from superposition.kernels.compilation import jit_inlined

ACTIVE, SLOPE = 0, 1  # among the sums: how many latents are active, d sparsity / d L0


@jit_inlined
def begin_batch(pre, own):
    """Count the active latents, on which the slope of a penalty with a target depends."""
    settings, threshold, _, _, _, _, _, sums, _ = own
    for s in range(len(pre)):
        count = 0
        for j in range(len(threshold)):
            count += pre[s, j] > threshold[j]
        sums[ACTIVE] += count
    target = settings[1]
    sums[SLOPE] = 1.0 if np.isnan(target) else 2 * (sums[ACTIVE] / len(pre) / target - 1) / target


@jit_inlined
def choose(row, own, chosen, z):
    """List the latents above their threshold, and those near it, below with the value 0; returns their number."""
    settings, threshold, n = own[0], own[1], 0
    half = np.float32(0.5 * settings[0])
    for j in range(len(threshold)):
        value = row[j]
        silent = value <= threshold[j]  # this way round a NaN stays
        chosen[n], z[n] = j, np.float32(0) if silent else value
        n += not silent or threshold[j] - value < half
    return n


@jit_inlined
def pull_back(g, z, pre, j, own):
    """dL/dpre, which is dL/dz = g where the latent is active; near the threshold dL/dthreshold, too."""
    settings, threshold, gradient, _, _, _, penalty, sums, _ = own
    bandwidth = np.float32(settings[0])
    if abs(pre - threshold[j]) < np.float32(0.5) * bandwidth:
        gradient[j] -= (threshold[j] * g + penalty * np.float32(sums[SLOPE])) / bandwidth
    return np.float32(0) if pre <= threshold[j] else g


@jit_inlined
def finish(own, batch):
    """The sparsity loss, and nothing that a state follows."""
    l0, target = own[7][ACTIVE] / batch, own[0][1]
    return l0 if np.isnan(target) else (l0 / target - 1) ** 2, 0.0
