"""What a toy model does at its outputs: x' = g(z) and dL/dz, for every function g that a model may have there.

Each function returns its value and its slope at z. The exponentials in them are polynomials, which unlike the library's
become vector code; all are accurate to 2e-6, absolute where the value is below 1 and else relative.
"""

import numpy as np
import torch

from superposition.kernels.compilation import jit, jit_inlined, specialise
from superposition.kernels.tiles import start_of
from superposition.toy_models import identity as identity_of_tensors
from superposition.toy_models import quadratic as quadratic_of_tensors

ZERO, HALF, ONE, TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
LN2, LOG2_E = np.float32(np.log(2.0)), np.float32(1 / np.log(2.0))
E2, E3, E4, E5, E6 = (np.float32(1 / np.prod(range(1, n + 1))) for n in range(2, 7))  # 1 / n!
L3, L5, L7, L9, L11, L13 = (np.float32(2 / n) for n in range(3, 14, 2))

# Smaller exponentials change nothing beside 1, but their products with gradients may be subnormal, which are slow.
LOWEST_EXPONENT = np.float32(-50)

# Abramowitz & Stegun 1964, 7.1.26: erf(x) = 1 - (A1 t + ... + A5 t^5) exp(-x^2) + 1.5e-7, t = 1 / (1 + P x), x >= 0
P, A1, A2 = np.float32(0.3275911), np.float32(0.254829592), np.float32(-0.284496736)
A3, A4, A5 = np.float32(1.421413741), np.float32(-1.453152027), np.float32(1.061405429)
SQRT_HALF, NORMAL_PEAK = np.float32(np.sqrt(0.5)), np.float32(1 / np.sqrt(2 * np.pi))


@jit_inlined
def exponential(x):
    """exp(x) of x <= 0 to 3e-7 max(1, |x|) of its value; 0 below LOWEST_EXPONENT, NaN of NaN.

    exp(x) = 2^k exp(r) with k a whole number and |r| <= ln(2) / 2.
    """
    t = x * LOG2_E
    k = np.int32(t - HALF)  # towards 0, so this rounds t <= 0 to nearest
    r = (t - np.float32(k)) * LN2
    power = np.int32((k + np.int32(127)) << np.int32(23)).view(np.float32)
    value = power * (ONE + r * (ONE + r * (E2 + r * (E3 + r * (E4 + r * (E5 + r * E6))))))
    return ZERO if x < LOWEST_EXPONENT else value


@jit_inlined
def logarithm_of_one_plus(e):
    """ln(1 + e) of 0 <= e <= 1 to 3e-7 of its value: 2 artanh(s) = 2 (s + s^3/3 + s^5/5 + ...) with s = e / (2 + e)."""
    s = e / (TWO + e)
    t = s * s
    return s * (TWO + t * (L3 + t * (L5 + t * (L7 + t * (L9 + t * (L11 + t * L13))))))


@jit_inlined
def identity(z):
    return z, ONE


@jit_inlined
def relu(z):
    negative = z <= ZERO  # this way round a NaN stays one
    return ZERO if negative else z, ZERO if negative else ONE


@jit_inlined
def gelu(z):
    """z Phi(z) and Phi(z) + z phi(z), with the normal distribution's Phi and its density phi"""
    density = exponential(-HALF * z * z)
    t = ONE / (ONE + P * SQRT_HALF * abs(z))
    tail = HALF * density * t * (A1 + t * (A2 + t * (A3 + t * (A4 + t * A5))))  # Phi(-|z|)
    below = tail if z <= ZERO else ONE - tail
    return z * below, below + z * NORMAL_PEAK * density


@jit_inlined
def silu(z):
    """z s and s + z s (1 - s), with s = 1 / (1 + exp(-z))"""
    e = exponential(-abs(z))
    part = ONE / (ONE + e)
    s = e * part if z <= ZERO else part
    return z * s, s + z * e * part * part


@jit_inlined
def softplus(z):
    """ln(1 + exp(z)) and 1 / (1 + exp(-z))"""
    e = exponential(-abs(z))
    part = ONE / (ONE + e)
    return (ZERO if z <= ZERO else z) + logarithm_of_one_plus(e), e * part if z <= ZERO else part


@jit_inlined
def quadratic(z):
    return z * z, TWO * z


apply = identity  # below it stands for any of them


def turn_to_residual(pre, x, lanes, weight, importance, absolute, grad_b):
    """Turn z into dL/dz = 2 weight I (g(z) - y) g'(z) in place, adding its sums to grad_b; returns the loss.

    Args:
        pre: a tile of z = W_out h + b, n_features rows; x: the samples; y is x, or |x| if `absolute`
        weight: of every lane in loss = sum_lane weight sum_i I_i (x'_i - y_i)^2
        importance, grad_b: (n_features,)
    """
    loss = 0.0
    for i in range(len(importance)):
        squares = sum_g = ZERO
        factor = TWO * weight * importance[i]
        row = start_of(i)
        for lane in range(np.uintp(lanes)):
            at = row + lane
            y = abs(x[at]) if absolute else x[at]
            value, slope = apply(pre[at])
            error = value - y
            g = factor * error * slope
            squares += error * error
            sum_g += g
            pre[at] = g
        grad_b[i] += sum_g
        loss += weight * importance[i] * squares
    return loss


def _residual_of(each, compiler=jit):
    return specialise(turn_to_residual, each.__name__, compiler=compiler, apply=each)


residual_of_identity, residual_of_relu, residual_of_gelu = (
    _residual_of(identity),
    _residual_of(relu, jit_inlined),
    _residual_of(gelu),
)
residual_of_silu, residual_of_softplus = _residual_of(silu), _residual_of(softplus)
residual_of_quadratic = _residual_of(quadratic)

IDENTITY, RELU, GELU, SILU, SOFTPLUS, QUADRATIC = range(6)
NUMBERS = {
    identity_of_tensors: IDENTITY,
    torch.relu: RELU,
    torch.nn.functional.gelu: GELU,
    torch.nn.functional.silu: SILU,
    torch.nn.functional.softplus: SOFTPLUS,
    quadratic_of_tensors: QUADRATIC,
}


@jit_inlined
def to_residual(number, pre, x, lanes, weight, importance, absolute, grad_b):
    """`turn_to_residual` with the function of that number."""
    if number == RELU:
        return residual_of_relu(pre, x, lanes, weight, importance, absolute, grad_b)
    if number == IDENTITY:
        return residual_of_identity(pre, x, lanes, weight, importance, absolute, grad_b)
    if number == GELU:
        return residual_of_gelu(pre, x, lanes, weight, importance, absolute, grad_b)
    if number == SILU:
        return residual_of_silu(pre, x, lanes, weight, importance, absolute, grad_b)
    if number == SOFTPLUS:
        return residual_of_softplus(pre, x, lanes, weight, importance, absolute, grad_b)
    return residual_of_quadratic(pre, x, lanes, weight, importance, absolute, grad_b)
