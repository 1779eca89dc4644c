"""The training step of the toy models, fused; `superposition.toy_models` is its specification.

Every kind is h = max(W_in x, c_h), x' = max(W_out h + b, c_o), the corners c being 0 (ReLU) or minus infinity (none).
W_out is kept as its transpose V, which has the shape of W_in; in tied kinds the two are the same memory.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from superposition.features import SparseFeatures
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
    spread_signs,
    take_empty,
)
from superposition.kernels.tiles import empty_tile, start_of
from superposition.toy_models import KINDS, identity
from superposition.training import Recorder, check_finite

CORNER = {identity: np.float32(-np.inf), torch.relu: np.float32(0)}
ABSOLUTE = {identity: False, torch.abs: True}


class Form(NamedTuple):
    """What tells one kind from another."""

    tied: bool
    hidden_corner: np.float32
    output_corner: np.float32
    absolute: bool  # the target is |x|, not x


def form_of(kind: str) -> Form:
    model = KINDS[kind]
    return Form(model.tied, CORNER[model.hidden], CORNER[model.output], ABSOLUTE[model.target])


@jit_inlined
def rectify(h, rows, lanes):
    """h = max(h, 0) in place; this way round a NaN stays."""
    for k in range(rows):
        row = start_of(k)
        for lane in range(np.uintp(lanes)):
            h[row + lane] = np.float32(0) if h[row + lane] <= 0 else h[row + lane]


@jit_inlined
def mask(grad_h, h, rows, lanes):
    """grad_h = 0 in place where h is not active."""
    for k in range(rows):
        row = start_of(k)
        for lane in range(np.uintp(lanes)):
            grad_h[row + lane] = np.float32(0) if h[row + lane] <= 0 else grad_h[row + lane]


@jit_inlined
def to_residual(pre, x, lanes, weight, importance, corner, absolute, grad_b):
    """Turn W_out h + b into g = 2 weight I (x' - y) where it exceeds the corner, and 0 elsewhere; returns the loss."""
    loss = 0.0
    for i in range(len(importance)):
        squares = sum_g = np.float32(0)
        factor = np.float32(2) * weight * importance[i]
        row = start_of(i)
        for lane in range(np.uintp(lanes)):
            at = row + lane
            y = abs(x[at]) if absolute else x[at]
            # this way round a NaN passes the corner, and so reaches the loss
            error = (corner if pre[at] <= corner else pre[at]) - y
            g = np.float32(0) if pre[at] <= corner else factor * error
            squares += error * error
            sum_g += g
            pre[at] = g
        grad_b[i] += sum_g
        loss += weight * importance[i] * squares
    return loss


@jit
def add_gradient(
    x, lanes, weight, form, W_in, V, W_out, b, importance, h, g, grad_h, zeros, grad_W_in, grad_V, grad_b
):  # fmt: skip
    """Add a tile's part of the gradient to grad_W_in, grad_V, grad_b; returns its part of the loss.

    Args:
        x: a tile of n_features rows, one sample per lane
        weight: factor of every sample in loss = sum_lane weight sum_i I_i (y_i - x'_i)^2
        W_in, V, W_out: (n_hidden, n_features), the same, and V's transpose; b, importance: (n_features,)
        h, g, grad_h: room for tiles of n_hidden, n_features, n_hidden rows
        zeros: (n_hidden,)
    """
    multiply(W_in, x, zeros, h, lanes)
    if form.hidden_corner == 0:
        rectify(h, len(zeros), lanes)  # h = max(W_in x, c_h)
    multiply(W_out, h, b, g, lanes)  # W_out h + b
    loss = to_residual(g, x, lanes, weight, importance, form.output_corner, form.absolute, grad_b)
    multiply(V, g, zeros, grad_h, lanes)  # dL/dh = V g, with g = dL / d(W_out h + b)
    if form.hidden_corner == 0:
        mask(grad_h, h, len(zeros), lanes)  # dL / d(W_in x)
    add_outer_product(h, g, grad_V, lanes)  # dL/dV = h g^T
    add_outer_product(grad_h, x, grad_W_in, lanes)  # dL/dW_in = dL/d(W_in x) x^T
    return loss


@jit
def views(packed, tied, n_hidden, n_features):
    """W_in, V and b_final in one instance's packed parameters, or in their gradient."""
    size = n_hidden * n_features
    begin = 0 if tied else size
    matrices = packed[:size].reshape(n_hidden, n_features), packed[begin : begin + size].reshape(n_hidden, n_features)
    return matrices[0], matrices[1], packed[begin + size :]


@jit
def train(
    factors, batch_size, weight_decay, learning_rates, states, last, scale, gap_scale, signed, importance, form,
    n_hidden, parameters, firsts, seconds,
):  # fmt: skip
    """Train every instance for len(factors) steps, one after another; (instances,) sums of their losses.

    Args:
        factors: see update_factors; states: see seed_lanes; last, scale, gap_scale: see sampling_tables
        signed: whether magnitudes are U[-1, 1), not U[0, 1)
        parameters, firsts, seconds: (instances, size), see pack and ordered, and Adam's moments of them
    """
    n_instances, n_features = last.shape
    x, g = empty_tile(n_features), empty_tile(n_features)
    h, grad_h = empty_tile(n_hidden), empty_tile(n_hidden)
    gaps, decisions, magnitudes, cursor = empty_block()
    zeros, gradient = np.zeros(n_hidden, np.float32), np.empty(parameters.shape[1], np.float32)
    grad_W_in, grad_V, grad_b = views(gradient, form.tied, n_hidden, n_features)
    per_sample = 1 / (batch_size * n_features)
    losses = np.zeros(n_instances)
    for i in range(n_instances):
        own, first, second, state, last_i, scale_i = parameters[i], firsts[i], seconds[i], states[i], last[i], scale[i]
        W_in, V, b = views(own, form.tied, n_hidden, n_features)
        W_out = V.T
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
                elif signed:
                    spread_signs(x, n_features, lanes)
                if repeats > 0:
                    weight = np.float32(repeats * per_sample)
                    losses[i] += add_gradient(
                        x, lanes, weight, form, W_in, V, W_out, b, importance, h, g, grad_h, zeros,
                        grad_W_in, grad_V, grad_b,
                    )  # fmt: skip
            update(own, gradient, first, second, factors, step, learning_rates[i], weight_decay)
    return losses


def supports(model: dict, distribution: SparseFeatures, device: torch.device | str) -> bool:
    """Whether `minimise` can train this model (the block of the configuration) on these features there."""
    kind = KINDS[model["kind"]]
    known = kind.hidden in CORNER and kind.output in CORNER and kind.target in ABSOLUTE
    plain = model["output_bias"] and not model["hidden_bias"]
    return known and plain and distribution.is_independent and torch.device(device).type == "cpu"


def ordered(kind: str, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    """The parameters as the kernel packs them: W_in, V if it is another matrix, b_final. Views of the given ones."""
    if KINDS[kind].tied:
        return {"W": parameters["W"], "b_final": parameters["b_final"]}
    return {"W_1": parameters["W_1"], "V": parameters["W_2"].mT, "b_final": parameters["b_final"]}


def minimise(
    kind: str,
    parameters: dict[str, Tensor],
    distribution: SparseFeatures,
    importance: Tensor,
    training: dict,
    learning_rate: Tensor,
    seeds: list[int],
    recorder: Recorder,
) -> None:
    """Train `parameters` in place on fresh samples of `features.SparseFeatures`, as `training.minimise` does.

    Args:
        kind: one of `superposition.toy_models.KINDS`; parameters: its parameters, on the CPU
        importance: (instances, n_features), alike in all; learning_rate: (instances,)
        training: the `training` block of the configuration
        seeds: one per instance, of its own stream of samples: an instance's result does not depend on the others
    """
    in_order = ordered(kind, parameters)
    packed = pack(in_order)
    n_hidden = KINDS[kind].directions(parameters).shape[1]
    fixed = (
        training["batch_size"], float(training["weight_decay"]), learning_rate.double().numpy(), seed_lanes(seeds),
        *sampling_tables(distribution.probability), distribution.magnitude == "signed_uniform",
        importance[0].numpy(), form_of(kind), n_hidden,
        packed, np.zeros_like(packed), np.zeros_like(packed),
    )  # fmt: skip
    for begin in range(0, training["steps"], recorder.every):
        end = min(begin + recorder.every, training["steps"])
        losses = train(update_factors(training, begin, end), *fixed)
        recorder.record(end, torch.from_numpy(losses).float(), learning_rate)
    unpack(packed, in_order)
    for name, parameter in parameters.items():
        check_finite(parameter, training["steps"], learning_rate, name)
