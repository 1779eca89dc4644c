"""The functions at the outputs of the kernels' toy models, held to the specification's in float64."""

import numpy as np
import pytest
import torch

from superposition.kernels.compilation import jit
from superposition.kernels.output_functions import (
    LOWEST_EXPONENT,
    NUMBERS,
    exponential,
    gelu,
    identity,
    logarithm_of_one_plus,
    quadratic,
    relu,
    silu,
    softplus,
    to_residual,
)
from superposition.kernels.tiles import TILE
from superposition.toy_models import KINDS

ERROR = 2e-6  # absolute where the exact value is below 1, else relative
FUNCTIONS = dict(zip(NUMBERS, (identity, relu, gelu, silu, softplus, quadratic), strict=True))
every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.__name__)

GRID = np.concatenate([np.linspace(-200, 200, 40_001), np.linspace(-1, 1, 20_001), [-1e4, 1e4]]).astype(np.float32)


def exact(function, z):
    """Value and slope by autograd in float64."""
    z = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    value = function(z)
    return value.detach().numpy(), torch.autograd.grad(value.sum(), z)[0].numpy()


def is_close(ours, exact):
    return (np.abs(ours - exact) <= ERROR * np.maximum(1, np.abs(exact))).all()


def test_every_kind_has_its_function():
    assert {kind.output for kind in KINDS.values()} == set(NUMBERS)


@every_function
def test_values_and_slopes(function):
    ours = np.array([FUNCTIONS[function](z) for z in GRID], dtype=np.float64).T
    value, slope = exact(function, GRID)
    assert is_close(ours[0], value)
    assert is_close(ours[1], slope)


@every_function
def test_a_nan_stays_one(function):
    # in a vector as alone; what an integer makes of a NaN must not matter
    at = np.full(TILE, np.nan, np.float32)
    assert np.isnan(FUNCTIONS[function](np.float32(np.nan))[0])
    loss = to_residual(NUMBERS[function], at, np.ones_like(at), TILE, np.float32(1), np.ones(1, np.float32), False,
                       np.zeros(1, np.float32))  # fmt: skip
    assert np.isnan(loss)


@every_function
@pytest.mark.parametrize("absolute", [False, True])
def test_residual(function, absolute):
    rng = np.random.default_rng(0)
    z, x = rng.normal(0, 3, (3, TILE)).astype(np.float32), rng.uniform(-1, 1, (3, TILE)).astype(np.float32)
    importance, lanes, weight = np.array([1.0, 0.2, 3.0], np.float32), 200, np.float32(0.01)
    z[2, :5] = 0  # where a ReLU's slope is 0
    pre, grad_b = z.copy().ravel(), np.full(3, 7, np.float32)
    loss = to_residual(NUMBERS[function], pre, x.ravel(), lanes, weight, importance, absolute, grad_b)
    value, slope = exact(function, z)
    error = value - (np.abs(x) if absolute else x)
    g = (2 * weight * importance[:, None] * error * slope)[:, :lanes]
    assert loss == pytest.approx((weight * importance[:, None] * error**2)[:, :lanes].sum(), rel=1e-5)
    np.testing.assert_allclose(pre.reshape(3, TILE)[:, :lanes], g, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(grad_b, 7 + g.sum(1), rtol=1e-5)
    np.testing.assert_array_equal(pre.reshape(3, TILE)[:, lanes:], z[:, lanes:])


def test_the_exponential():
    x = np.concatenate([np.linspace(-50, 0, 100_001), -(2.0 ** -np.arange(30))]).astype(np.float32)
    ours, exact = np.array([exponential(each) for each in x], dtype=np.float64), np.exp(x.astype(np.float64))
    assert (np.abs(ours / exact - 1) <= 3e-7 * np.maximum(1, -x)).all()
    assert [exponential(np.float32(each)) for each in (-50.1, -88, -1e30, -np.inf)] == [0] * 4
    assert exponential(LOWEST_EXPONENT) > 0
    assert np.isnan(exponential(np.float32(np.nan)))


def test_the_logarithm_of_one_plus():
    e = np.concatenate([np.linspace(0, 1, 100_001)[1:], 2.0 ** -np.arange(60)]).astype(np.float32)
    ours = np.array([logarithm_of_one_plus(each) for each in e], dtype=np.float64)
    assert (np.abs(ours / np.log1p(e.astype(np.float64)) - 1) <= 3e-7).all()
    assert logarithm_of_one_plus(np.float32(0)) == 0


@pytest.mark.parametrize("function", [gelu, silu, softplus], ids=lambda each: each.__name__)
def test_they_become_vector_code(function):
    @jit
    def apply(values):
        for lane in range(np.uintp(TILE)):
            value, slope = function(values[lane])
            values[lane] = value + slope

    apply(np.ones(TILE, np.float32))
    code = next(iter(apply.inspect_llvm().values()))
    assert "x float> " in code or "x float>" in code
    assert "expf" not in code
