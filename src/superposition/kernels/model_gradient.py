"""The gradient of a toy model on a tile of samples; see `toy_models` for the kinds that there are."""

import numpy as np

from superposition.kernels.compilation import jit, jit_inlined
from superposition.kernels.output_functions import to_residual
from superposition.kernels.products import add_outer_product, multiply
from superposition.kernels.tiles import is_positive, start_of


@jit_inlined
def rectify(h, rows, lanes):
    """h = max(h, 0) in place; this way round a NaN stays."""
    for k in range(rows):
        row = start_of(k)
        for lane in range(np.uintp(lanes)):
            h[row + lane] *= is_positive(h[row + lane])


@jit_inlined
def mask(grad_h, h, rows, lanes):
    """grad_h = 0 in place where h is not active."""
    for k in range(rows):
        row = start_of(k)
        for lane in range(np.uintp(lanes)):
            grad_h[row + lane] = np.float32(0) if h[row + lane] <= 0 else grad_h[row + lane]


@jit_inlined
def penalise(grad_h, h, rows, lanes, weight):
    """Add the gradient of weight sum |h| to grad_h; returns that sum."""
    total = 0.0
    for k in range(rows):
        row, row_sum = start_of(k), np.float32(0)
        for lane in range(np.uintp(lanes)):
            value = h[row + lane]
            sign = np.float32(1) if value > 0 else np.float32(-1)
            grad_h[row + lane] += np.float32(0) if value == 0 else weight * sign
            row_sum += abs(value)
        total += weight * row_sum
    return total


@jit_inlined
def add_sums(tile, lanes, sums):
    """sums[k] += sum_lane tile[k, lane]"""
    for k in range(len(sums)):
        row, row_sum = start_of(k), np.float32(0)
        for lane in range(np.uintp(lanes)):
            row_sum += tile[row + lane]
        sums[k] += row_sum


@jit
def add_gradient(
    x, seen, lanes, weight, form, W_in, V, W_out, b_hidden, b_final, importance, penalty, h, g, grad_h, zeros,
    grad_W_in, grad_V, grad_b_hidden, grad_b_final,
):  # fmt: skip
    """Add a tile's part of the gradient to the four of grad_W_in to grad_b_final; returns its part of the loss.

    Args:
        x: a tile of n_features rows, one sample per lane; seen: the same, or under attack: what the model is given
        weight: of every sample in loss = sum_lane weight (sum_i I_i (y_i - x'_i)^2 + penalty sum_k |h_k|)
        W_in, V, W_out: (n_hidden, n_features), the same, and V's transpose; b_final, importance: (n_features,)
        b_hidden, zeros: (n_hidden,); grad_b_hidden: (n_hidden,), or (0,) for a model without
        h, g, grad_h: room for tiles of n_hidden, n_features, n_hidden rows
    """
    n_hidden = len(zeros)
    multiply(W_in, seen, b_hidden, h, lanes)
    if form.rectified:
        rectify(h, n_hidden, lanes)  # h = f(W_in x + b_hidden)
    multiply(W_out, h, b_final, g, lanes)  # z = W_out h + b_final, of which g = dL/dz is made
    loss = to_residual(form.output, g, x, lanes, weight, importance, form.absolute, grad_b_final)
    multiply(V, g, zeros, grad_h, lanes)  # dL/dh = V g
    penalised = n_hidden * (penalty > 0)  # branches around calls make references to arrays be counted, which costs
    loss += penalise(grad_h, h, penalised, lanes, weight * penalty)
    if form.rectified:
        mask(grad_h, h, n_hidden, lanes)  # dL / d(W_in x + b_hidden)
    add_sums(grad_h, lanes, grad_b_hidden)
    add_outer_product(h, g, grad_V, lanes)  # dL/dV = h g^T
    add_outer_product(grad_h, seen, grad_W_in, lanes)  # dL/dW_in = dL/d(W_in x + b_hidden) x^T
    return loss
