"""The Adam or AdamW update of one instance's parameters; see `optimizers.Adam`, whose steps these are."""

import math

import numpy as np
import torch
from torch import Tensor

from superposition.kernels.compilation import jit
from superposition.optimizers import BETA1, BETA2, EPSILON, schedule_factor

KEEP1, KEEP2 = np.float32(BETA1), np.float32(BETA2)
TAKE1, TAKE2 = np.float32(1 - BETA1), np.float32(1 - BETA2)
TINY = np.float32(EPSILON)

# Moments below this are set to 0. They change no step, for their root is far below epsilon; but without gradient they
# would decay into the subnormal numbers, with which a processor is up to a hundred times slower, and stay there.
NEGLIGIBLE = np.float32(1e-30)


def update_factors(training: dict, begin: int, end: int) -> np.ndarray:
    """(steps, 3) float64 for the 0-based steps begin to end - 1: the schedule's factor, the same over the bias
    correction of the first moment, and the square root of the bias correction of the second."""
    rows = []
    for step in range(begin, end):
        factor = schedule_factor(training["schedule"], step, training["steps"], training["warmup_steps"])
        bias1, bias2 = 1 - BETA1 ** (step + 1), 1 - BETA2 ** (step + 1)
        rows.append((factor, factor / bias1, math.sqrt(bias2)))
    return np.array(rows)


def pack(parameters: dict[str, Tensor]) -> np.ndarray:
    """(instances, size) copy of all parameters, each instance's one after another in one row."""
    return torch.cat([parameter.flatten(1) for parameter in parameters.values()], dim=1).numpy()


def unpack(packed: np.ndarray, parameters: dict[str, Tensor]) -> None:
    """Copy `packed` back into `parameters`."""
    sizes = [parameter[0].numel() for parameter in parameters.values()]
    for part, parameter in zip(torch.from_numpy(packed).split(sizes, dim=1), parameters.values(), strict=True):
        parameter.copy_(part.view_as(parameter))


def to_tensors(state: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """The arrays that a training goes on from, for `resume`; safetensors has no unsigned numbers of 32 bits."""
    return {name: torch.from_numpy(array.view(np.int32)) for name, array in state.items()}


def resume(state: dict[str, np.ndarray], kept: dict[str, Tensor]) -> None:
    """Set each array to what `to_tensors` gave."""
    for name, array in state.items():
        array[:] = kept[name].numpy().view(array.dtype)


@jit
def update(parameters, gradient, first, second, factors, step, learning_rate, weight_decay):
    """One step of one instance, in place on arrays of one dimension; factors[step] is a row of `update_factors`.

    first <- b1 first + (1 - b1) g,  second <- b2 second + (1 - b2) g^2,
    parameter <- (1 - rate decay) parameter - rate (first / bias1) / (sqrt(second / bias2) + eps)
    """
    shrink = np.float32(1 - factors[step, 0] * learning_rate * weight_decay)
    rate, root = np.float32(factors[step, 1] * learning_rate), np.float32(1 / factors[step, 2])
    for i in range(len(parameters)):
        g = gradient[i]
        m, v = KEEP1 * first[i] + TAKE1 * g, KEEP2 * second[i] + TAKE2 * g * g
        first[i] = np.float32(0) if abs(m) < NEGLIGIBLE else m
        second[i] = np.float32(0) if v < NEGLIGIBLE else v
        parameters[i] = shrink * parameters[i] - rate * first[i] / (np.sqrt(second[i]) * root + TINY)
