"""The rule of p-annealing for `batch_linear`; `saes.PAnnealingSae` is its specification.

Settings: the power p, the factor c on the penalty, and the shift s. The state follows d log(sum_j z_j^p) / dp.
"""

import numpy as np

from superposition.kernels.code_relu import begin_batch, choose  # noqa: F401
from superposition.kernels.compilation import jit_inlined

PENALTY, POWERS, WEIGHTED = 0, 1, 2  # among the sums: of (z + s)^p - s^p, of (z + s)^p, of that times log(z + s)


@jit_inlined
def pull_back(g, z, pre, j, own):
    """dL/dpre, with dL/dz = g + penalty c p (z |d_j| + s)^(p - 1) |d_j|"""
    settings, _, _, _, norms, lengthening, penalty, sums, _ = own
    power, factor, shift = np.float32(settings[0]), np.float32(settings[1]), np.float32(settings[2])
    shifted = z * norms[j] + shift
    logarithm = np.log(shifted)
    value = np.exp(power * logarithm)
    sums[PENALTY] += value - shift**power
    sums[POWERS] += value
    sums[WEIGHTED] += value * logarithm
    slope = penalty * factor * power * value / shifted
    lengthening[j] += slope * z
    return g + slope * norms[j]


@jit_inlined
def finish(own, batch):
    """The sparsity loss, and the slope of the logarithm of the sum of powers, 0 where nothing is active."""
    settings, sums = own[0], own[7]
    slope = sums[WEIGHTED] / sums[POWERS] if sums[POWERS] > 0 else 0.0
    return settings[1] * sums[PENALTY] / batch, slope
