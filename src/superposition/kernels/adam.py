"""The Adam or AdamW update of one instance's parameters; see `optimizers.Adam`, whose steps these are."""

import math

import numpy as np

from superposition.kernels.compilation import jit
from superposition.optimizers import BETA1, BETA2, EPSILON, schedule_factor

KEEP1, KEEP2 = np.float32(BETA1), np.float32(BETA2)
TAKE1, TAKE2 = np.float32(1 - BETA1), np.float32(1 - BETA2)
TINY, ONE = np.float32(EPSILON), np.float32(1)


def update_factors(training: dict, begin: int, end: int) -> np.ndarray:
    """(steps, 3) float64 for the 0-based steps begin to end - 1: the schedule's factor, the same over the bias
    correction of the first moment, and the square root of the bias correction of the second."""
    rows = []
    for step in range(begin, end):
        factor = schedule_factor(training["schedule"], step, training["steps"], training["warmup_steps"])
        bias1, bias2 = 1 - BETA1 ** (step + 1), 1 - BETA2 ** (step + 1)
        rows.append((factor, factor / bias1, math.sqrt(bias2)))
    return np.array(rows)


@jit
def update(parameter, gradient, first, second, factors, learning_rate, weight_decay):
    """One step in place on arrays of one dimension; `factors` is a row of `update_factors`.

    first <- b1 first + (1 - b1) g,  second <- b2 second + (1 - b2) g^2,
    parameter <- (1 - rate decay) parameter - rate (first / bias1) / (sqrt(second / bias2) + eps)
    """
    shrink = ONE - np.float32(factors[0] * learning_rate * weight_decay)
    rate, root = np.float32(factors[1] * learning_rate), np.float32(1 / factors[2])
    for i in range(len(parameter)):
        g = gradient[i]
        first[i] = KEEP1 * first[i] + TAKE1 * g
        second[i] = KEEP2 * second[i] + TAKE2 * g * g
        parameter[i] = shrink * parameter[i] - rate * first[i] / (np.sqrt(second[i]) * root + TINY)
