"""The training step of the linear and the ReLU output model, fused; `superposition.toy_models` is its specification."""

import numpy as np
import torch
from torch import Tensor

from superposition.kernels.adam import pack, unpack, update, update_factors
from superposition.kernels.compilation import jit, jit_inlined
from superposition.kernels.products import add_outer_product, multiply
from superposition.kernels.random_lanes import seed_lanes
from superposition.kernels.sampling import (
    begin_batch,
    empty_block,
    sample_common,
    sample_rare,
    sampling_tables,
    take_empty,
)
from superposition.kernels.tiles import empty_tile, start_of
from superposition.training import Recorder, check_finite

# Both models are x' = max(W^T W x + b, corner): the linear one has its corner at minus infinity.
CORNER = {"linear": np.float32(-np.inf), "relu_output": np.float32(0)}


@jit_inlined
def to_residual(pre, x, lanes, weight, importance, corner, grad_b):
    """Turn W^T h + b into g = 2 weight I (x' - x) where it exceeds the corner, and 0 elsewhere; returns the loss."""
    loss = 0.0
    for i in range(len(importance)):
        squares = sum_g = np.float32(0)
        factor = np.float32(2) * weight * importance[i]
        row = start_of(i)
        for lane in range(np.uintp(lanes)):
            at = row + lane
            # this way round a NaN passes the corner, and so reaches the loss
            error = (corner if pre[at] <= corner else pre[at]) - x[at]
            g = np.float32(0) if pre[at] <= corner else factor * error
            squares += error * error
            sum_g += g
            pre[at] = g
        grad_b[i] += sum_g
        loss += weight * importance[i] * squares
    return loss


@jit
def add_gradient(x, lanes, weight, W, W_T, b, importance, corner, h, g, grad_h, zeros, grad_W, grad_b):
    """Add a tile's part of the gradient to grad_W, grad_b; returns its part of the loss.

    Args:
        x: a tile of n_features rows, one sample per lane
        weight: factor of every sample in loss = sum_lane weight sum_i I_i (x_i - x'_i)^2
        W, W_T: (n_hidden, n_features) and its transpose; b, importance: (n_features,)
        h, g, grad_h: room for tiles of n_hidden, n_features, n_hidden rows
        zeros: (n_hidden,)
    """
    multiply(W, x, zeros, h, lanes)  # h = W x
    multiply(W_T, h, b, g, lanes)  # W^T h + b
    loss = to_residual(g, x, lanes, weight, importance, corner, grad_b)  # g = dL / d(W^T h + b)
    multiply(W, g, zeros, grad_h, lanes)  # dL/dh = W g
    add_outer_product(h, g, grad_W, lanes)  # dL/dW = h g^T + (dL/dh) x^T
    add_outer_product(grad_h, x, grad_W, lanes)
    return loss


@jit
def train(
    factors, batch_size, weight_decay, learning_rates, states, last, scale, gap_scale, importance, corner, n_hidden,
    parameters, firsts, seconds,
):  # fmt: skip
    """Train every instance for len(factors) steps, one after another; (instances,) sums of their losses.

    Args:
        factors: see update_factors; states: see seed_lanes; last, scale, gap_scale: see sampling_tables
        parameters, firsts, seconds: (instances, size) W and b_final, see pack, and Adam's moments of them
    """
    n_instances, n_features = last.shape
    x, g = empty_tile(n_features), empty_tile(n_features)
    h, grad_h = empty_tile(n_hidden), empty_tile(n_hidden)
    gaps, decisions, magnitudes, cursor = empty_block()
    zeros, gradient = np.zeros(n_hidden, np.float32), np.empty(parameters.shape[1], np.float32)
    split = n_hidden * n_features
    grad_W, grad_b = gradient[:split].reshape(n_hidden, n_features), gradient[split:]
    per_sample = 1 / (batch_size * n_features)
    losses = np.zeros(n_instances)
    for i in range(n_instances):
        own, first, second, state, last_i, scale_i = parameters[i], firsts[i], seconds[i], states[i], last[i], scale[i]
        W, b = own[:split].reshape(n_hidden, n_features), own[split:]
        W_T = W.T
        for step in range(len(factors)):
            gradient[:] = 0
            begin_batch(cursor, batch_size)
            lanes = repeats = 1
            while repeats > 0:
                if gap_scale[i] == 0:
                    lanes = sample_common(x, state, last_i, scale_i, cursor)
                else:
                    lanes = sample_rare(x, batch_size, state, last_i, gap_scale[i], cursor, gaps, decisions, magnitudes)
                if lanes == 0:
                    lanes, repeats = 1, take_empty(x, n_features, cursor)
                if repeats > 0:
                    weight = np.float32(repeats * per_sample)
                    losses[i] += add_gradient(
                        x, lanes, weight, W, W_T, b, importance, corner, h, g, grad_h, zeros, grad_W, grad_b
                    )
            update(own, gradient, first, second, factors, step, learning_rates[i], weight_decay)
    return losses


def supports(kind: str, distribution: str, device: torch.device | str) -> bool:
    """Whether `minimise` can train this kind of model on these features there."""
    return kind in CORNER and distribution == "independent" and torch.device(device).type == "cpu"


def minimise(
    kind: str,
    parameters: dict[str, Tensor],
    probability: Tensor,
    importance: Tensor,
    training: dict,
    learning_rate: Tensor,
    seeds: list[int],
    recorder: Recorder,
) -> None:
    """Train `parameters` in place on fresh samples of `features.IndependentFeatures`, as `training.minimise` does.

    Args:
        kind: "linear" or "relu_output"
        parameters: W, b_final of `superposition.toy_models`, on the CPU
        probability: (instances, n_features); importance: (n_features,); learning_rate: (instances,)
        training: the `training` block of the configuration
        seeds: one per instance, of its own stream of samples: an instance's result does not depend on the others
    """
    ordered = {name: parameters[name] for name in ("W", "b_final")}
    packed = pack(ordered)
    fixed = (
        training["batch_size"], float(training["weight_decay"]), learning_rate.double().numpy(), seed_lanes(seeds),
        *sampling_tables(probability), importance.numpy(), CORNER[kind], parameters["W"].shape[1],
        packed, np.zeros_like(packed), np.zeros_like(packed),
    )  # fmt: skip
    for begin in range(0, training["steps"], recorder.every):
        end = min(begin + recorder.every, training["steps"])
        losses = train(update_factors(training, begin, end), *fixed)
        recorder.record(end, torch.from_numpy(losses).float(), learning_rate)
    unpack(packed, ordered)
    for name, parameter in parameters.items():
        check_finite(parameter, training["steps"], learning_rate, name)
