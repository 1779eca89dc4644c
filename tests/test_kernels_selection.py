"""The k largest of many numbers: the same ones as `keep_largest` keeps, whatever the ties."""

import numpy as np
import pytest
import torch

from superposition.kernels.selection import find_bar, list_above, nth_largest
from superposition.saes.selection import keep_largest


def draw(kind, n, rng):
    match kind:
        case "spread":
            return rng.random(n).astype(np.float32) + np.float32(1e-3)
        case "few_values":
            return rng.integers(1, 5, n).astype(np.float32)
        case "equal":
            return np.ones(n, np.float32)
        case "ascending":
            return np.arange(1, n + 1, dtype=np.float32)
        case "rising_at_the_sampled_places":  # a sample of every n // 1024-th number misleads
            values = np.ones(n, np.float32)
            values[:: max(1, n // 1024)] += np.arange(len(values[:: max(1, n // 1024)]), dtype=np.float32)
            return values


KINDS = ["spread", "few_values", "equal", "ascending", "rising_at_the_sampled_places"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 24, 25, 100, 4095, 20_000])
def test_nth_largest(kind, n):
    rng = np.random.default_rng(n)
    values = draw(kind, n, rng)
    ordered = np.sort(values)[::-1]
    for k in {1, 2, n // 10, n // 2, n - 1, n} & set(range(1, n + 1)):
        assert nth_largest(values.copy(), n, k) == ordered[k - 1]


def kept_by_the_kernel(scores, k):
    """The mask of one row of scores, some of them not positive."""
    positive = scores[scores > 0]
    room = np.concatenate([positive, np.zeros(1, np.float32)])
    bar, places = find_bar(room, len(positive), k)
    chosen, z = np.empty(len(scores) + 1, np.int64), np.empty(len(scores) + 1, np.float32)
    n, _ = list_above(scores, np.ones_like(scores), np.float32(bar), places, chosen, z)
    np.testing.assert_array_equal(z[:n], scores[chosen[:n]])
    mask = np.zeros(len(scores), bool)
    mask[chosen[:n]] = True
    assert mask.sum() == n
    return mask


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 7, 300, 9_000])
def test_the_same_are_kept_as_by_the_specification(kind, n):
    rng = np.random.default_rng(n)
    scores = draw(kind, n, rng) * np.where(rng.random(n) < 0.6, 1, -1).astype(np.float32)
    for k in (0, 1, 3, n // 20, n // 3, n, 2 * n):
        expected = keep_largest(torch.from_numpy(scores)[None, None], [k])[0, 0].numpy()
        np.testing.assert_array_equal(kept_by_the_kernel(scores, k), expected, err_msg=f"k = {k}")


def test_a_nan_is_kept():
    scores = np.array([1, np.nan, 3, 2], np.float32)
    assert kept_by_the_kernel(scores, 1).tolist() == [False, True, True, False]


def test_places_are_left_for_the_next_row():
    norms, chosen, z = np.ones(3, np.float32), np.empty(4, np.int64), np.empty(4, np.float32)
    n, places = list_above(np.array([2, 1, 2], np.float32), norms, np.float32(2), 3, chosen, z)
    assert (chosen[:n].tolist(), places) == ([0, 2], 1)
    n, places = list_above(np.array([2, 2, 3], np.float32), norms, np.float32(2), places, chosen, z)
    assert (chosen[:n].tolist(), places) == ([0, 2], 0)
