"""Where memorisation ends and generalisation begins, on curves that are written by hand."""

import numpy as np
import pandas as pd
import pytest

from superposition.regimes import find_regimes, measure_bump, point_share

SIZES = (3, 10, 30, 100, 300, 1_000)


def models(shares, large, sizes=SIZES):
    """shares: of m / T that the median point has; large: number of features of large dimensionality."""
    return pd.DataFrame(
        {
            "n_samples": sizes,
            "n_hidden": 2,
            "median_point_dimensionality": [share * 2 / size for share, size in zip(shares, sizes, strict=True)],
            "n_large_dimensionality": large,
        }
    )


def test_a_polygon_shares_alike():
    assert point_share(models([1] * 6, [0] * 6)).to_list() == pytest.approx([1] * 6)


def test_regimes_by_hand():
    found = find_regimes(models([0.8, 1, 0.7, 0.3, 0.1, 0.1], [0, 2, 0, 0, 5, 5]))
    assert found == (30, 300)


def test_a_regime_has_no_gaps():
    # the fourth memorises again, and the second generalises early: neither counts
    assert find_regimes(models([1, 0.1, 0.1, 1, 0.1, 0.1], [0, 5, 0, 0, 0, 4])) == (3, 1_000)


def test_what_memorises_does_not_generalise():
    assert np.isnan(find_regimes(models([1] * 6, [5] * 6)).generalisation_begins)


@pytest.mark.parametrize("count", [3, 7])
def test_regimes_that_are_not_there(count):
    assert np.isnan(find_regimes(models([0.1] * 6, [count] * 6))).all()


def test_the_order_of_rows_does_not_matter():
    rows = models([1, 1, 0.1, 0.1, 0.1, 0.1], [0, 0, 0, 5, 5, 5])
    assert find_regimes(rows.sample(frac=1, random_state=0)) == find_regimes(rows) == (10, 100)


def test_one_model_for_each_size():
    with pytest.raises(ValueError, match="several models of one number of samples"):
        find_regimes(pd.concat([models([1] * 6, [0] * 6)] * 2))


@pytest.mark.parametrize(
    ("losses", "bump"),
    [((1.0, 1.5, 0.99), 1.5), ((1.1, 1.5, 0.99), 1.5 / 1.1), ((1.0, 0.9, 1.2), 0.75), ((1, 2), np.nan)],
)
def test_bump_by_hand(losses, bump):
    curve = pd.Series(losses, index=SIZES[: len(losses)])
    assert measure_bump(curve[::-1]) == pytest.approx(bump, nan_ok=True)
