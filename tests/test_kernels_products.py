"""Products of matrices and tiles against NumPy's, at every size of block and of what is left over."""

import numpy as np
import pytest

from superposition.kernels.compilation import jit
from superposition.kernels.products import BLOCK, add_outer_product, multiply
from superposition.kernels.row_products import multiply_rows
from superposition.kernels.tiles import TILE

SHAPES = [(1, 1), (2, 5), (3, 2), (4, 4), (5, 3), (6, 1), (7, 9), (20, 80)]
LANES = [1, BLOCK - 1, BLOCK, BLOCK + 1, TILE]


@jit
def multiplied(A, B, start, C, lanes):
    multiply(A, B, start, C, lanes)


@jit
def with_outer_product(P, Q, C, lanes):
    add_outer_product(P, Q, C, lanes)


def tile(rng: np.random.Generator, rows: int) -> np.ndarray:
    return rng.normal(size=(rows, TILE)).astype(np.float32)


@pytest.mark.parametrize(("rows", "inner"), SHAPES)
@pytest.mark.parametrize("lanes", LANES)
def test_multiply(rows, inner, lanes):
    rng = np.random.default_rng(rows + lanes)
    A, B, start = rng.normal(size=(rows, inner)).astype(np.float32), tile(rng, inner), tile(rng, rows)[:, 0].copy()
    C = np.full((rows, TILE), 7, np.float32)
    multiplied(A, B.ravel(), start, C.reshape(-1), lanes)
    expected = start[:, None].astype(float) + A.astype(float) @ B.astype(float)
    np.testing.assert_allclose(C[:, :lanes], expected[:, :lanes], rtol=1e-5, atol=1e-5)
    blocks = -(-lanes // BLOCK) * BLOCK
    assert (C[:, blocks:] == 7).all()  # no row runs into the next


def test_multiply_by_a_transposed_matrix():
    rng = np.random.default_rng(0)
    A, B, start = rng.normal(size=(6, 5)).astype(np.float32), tile(rng, 6), np.zeros(5, np.float32)
    C, D = np.empty(5 * TILE, np.float32), np.empty(5 * TILE, np.float32)
    multiplied(A.T, B.ravel(), start, C, TILE)
    multiplied(A.T.copy(), B.ravel(), start, D, TILE)
    assert (C == D).all()


def test_multiply_keeps_what_is_not_a_number_in_its_lane():
    A, B = np.ones((4, 3), np.float32), np.ones((3, TILE), np.float32)
    B[1, 5] = np.nan
    C = np.empty(4 * TILE, np.float32)
    multiplied(A, B.ravel(), np.zeros(4, np.float32), C, TILE)
    assert (np.isnan(C.reshape(4, TILE)) == (np.arange(TILE) == 5)).all()


@jit
def multiplied_by_rows(A, B, start, C):
    multiply_rows(A, B, start, C)


@pytest.mark.parametrize(("rows", "inner"), SHAPES)
@pytest.mark.parametrize("columns", [BLOCK, 3 * BLOCK])
def test_multiply_rows(rows, inner, columns):
    rng = np.random.default_rng(rows + columns)
    A, B, start = (rng.normal(size=size).astype(np.float32) for size in ((rows, inner), (inner, columns), columns))
    C = np.empty((rows, columns), np.float32)
    multiplied_by_rows(A, B, start, C)
    np.testing.assert_allclose(C, start + A.astype(float) @ B.astype(float), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
@pytest.mark.parametrize("lanes", LANES)
def test_add_outer_product(rows, columns, lanes):
    rng = np.random.default_rng(rows + lanes)
    P, Q = tile(rng, rows), tile(rng, columns)
    C = np.ones((rows, columns), np.float32)
    with_outer_product(P.ravel(), Q.ravel(), C, lanes)
    expected = 1 + P[:, :lanes].astype(float) @ Q[:, :lanes].astype(float).T
    np.testing.assert_allclose(C, expected, rtol=1e-4, atol=1e-4)
