"""The training step of the linear and the ReLU output model, fused; `superposition.toy_models` is its specification."""

import numpy as np
import torch
from torch import Tensor

from superposition.kernels.adam import update, update_factors
from superposition.kernels.compilation import jit
from superposition.kernels.products import add_two_outer_products, multiply
from superposition.kernels.sampling import (
    TILE,
    append_present,
    leave_out_empty,
    presence_thresholds,
    sample_tile,
    seed_lanes,
)
from superposition.training import Recorder, check_finite

# Both models are x' = max(W^T W x + b, corner): the linear one has its corner at minus infinity.
CORNER = {"linear": np.float32(-np.inf), "relu_output": np.float32(0)}


@jit
def add_gradient(x, lanes, weight, W, b, importance, corner, tiles, grad_W, grad_b):
    """Add a tile's part of the gradient to grad_W, grad_b; returns its part of the loss.

    Args:
        x: (n_features, lanes or more), one sample per lane
        weight: factor of every sample in loss = sum_lane weight sum_i I_i (x_i - x'_i)^2
        W: (n_hidden, n_features); b, importance: (n_features,)
        tiles: room for h, g, grad_h: (n_hidden, lanes), (n_features, lanes), (n_hidden, lanes), and n_hidden zeros
    """
    h, g, grad_h, zeros = tiles
    multiply(W, x, zeros, h, lanes)  # h = W x
    multiply(W.T, h, b, g, lanes)  # W^T h + b
    loss = to_residual(g, x, lanes, weight, importance, corner, grad_b)  # g = dL / d(W^T h + b)
    multiply(W, g, zeros, grad_h, lanes)  # dL/dh = W g
    add_two_outer_products(h, g, grad_h, x, grad_W, lanes)  # dL/dW = h g^T + (dL/dh) x^T
    return loss


@jit
def to_residual(pre, x, lanes, weight, importance, corner, grad_b):
    """Turn W^T h + b into g = 2 weight I (x' - x) where it exceeds the corner, and 0 elsewhere; returns the loss."""
    loss = 0.0
    for i in range(len(importance)):
        squares = sum_g = np.float32(0)
        factor = np.float32(2) * weight * importance[i]
        for lane in range(lanes):
            # this way round a NaN passes the corner, and so reaches the loss
            error = (corner if pre[i, lane] <= corner else pre[i, lane]) - x[i, lane]
            g = np.float32(0) if pre[i, lane] <= corner else factor * error
            squares += error * error
            sum_g += g
            pre[i, lane] = g
        grad_b[i] += sum_g
        loss += weight * importance[i] * squares
    return loss


@jit
def add_batch_gradient(
    batch_size, state, last, scale, leave_out, W, b, importance, corner, tiles, grad_W, grad_b
):
    """Draw a batch and add its gradient; returns the batch's loss.

    All samples without a feature have the same x = 0, so where they are common they are counted and computed once.
    """
    x, kept, strongest, chosen, rest = tiles
    weight = np.float32(1.0 / (batch_size * len(b)))
    loss, filled, present = 0.0, 0, 0
    for begin in range(0, batch_size, TILE):
        lanes = min(TILE, batch_size - begin)
        sample_tile(x, lanes, state, last, scale)
        if not leave_out:
            loss += add_gradient(x, lanes, weight, W, b, importance, corner, rest, grad_W, grad_b)
            continue
        before = filled
        filled = append_present(x, lanes, kept, filled, strongest, chosen)
        present += filled - before
        if filled > TILE or begin + lanes == batch_size:
            loss += add_gradient(kept, filled, weight, W, b, importance, corner, rest, grad_W, grad_b)
            filled = 0
    if leave_out:
        kept[:, 0] = 0
        weight *= batch_size - present
        loss += add_gradient(kept, 1, weight, W, b, importance, corner, rest, grad_W, grad_b)
    return loss


@jit
def train(
    factors, batch_size, weight_decay, learning_rates, states, last, scale, leave_out, importance, corner,
    Ws, bs, firsts_W, seconds_W, firsts_b, seconds_b,
):
    """Train every instance for len(factors) steps, one after another; (instances,) sums of their losses."""
    n_instances, n_hidden, n_features = Ws.shape
    lanes = 2 * TILE
    tiles = (
        np.empty((n_features, TILE), np.float32),
        np.empty((n_features, lanes), np.float32),
        np.empty(TILE, np.float32),
        np.empty(TILE + 1, np.int64),
        (
            np.empty((n_hidden, lanes), np.float32),
            np.empty((n_features, lanes), np.float32),
            np.empty((n_hidden, lanes), np.float32),
            np.zeros(n_hidden, np.float32),
        ),
    )
    grad_W, grad_b = np.empty((n_hidden, n_features), np.float32), np.empty(n_features, np.float32)
    losses = np.zeros(n_instances)
    for i in range(n_instances):
        W, b = Ws[i], bs[i]
        for step in range(len(factors)):
            grad_W[:] = 0
            grad_b[:] = 0
            losses[i] += add_batch_gradient(
                batch_size, states[i], last[i], scale[i], leave_out[i], W, b, importance, corner, tiles, grad_W, grad_b
            )
            row, rate = factors[step], learning_rates[i]
            update(
                W.reshape(-1), grad_W.reshape(-1), firsts_W[i].reshape(-1), seconds_W[i].reshape(-1), row, rate,
                weight_decay,
            )
            update(b, grad_b, firsts_b[i], seconds_b[i], row, rate, weight_decay)
    return losses


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
        parameters: W, b_final of `superposition.toy_models`, on the CPU
        probability: (instances, n_features); importance: (n_features,); learning_rate: (instances,)
        training: the `training` block of the configuration
        seeds: one per instance, of its own stream of samples: an instance's result does not depend on the others
    """
    weights = [parameters["W"].numpy(), parameters["b_final"].numpy()]
    moments = [np.zeros_like(weights[i]) for i in (0, 0, 1, 1)]
    last, scale = presence_thresholds(probability)
    fixed = (
        training["batch_size"], float(training["weight_decay"]), learning_rate.double().numpy(), seed_lanes(seeds),
        last, scale, leave_out_empty(probability), importance.numpy(), CORNER[kind],
    )
    for begin in range(0, training["steps"], recorder.every):
        end = min(begin + recorder.every, training["steps"])
        losses = train(update_factors(training, begin, end), *fixed, *weights, *moments)
        recorder.record(end, torch.from_numpy(losses).float(), learning_rate)
    for name, parameter in parameters.items():
        check_finite(parameter, training["steps"], learning_rate, name)
