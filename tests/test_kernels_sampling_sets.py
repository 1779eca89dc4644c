"""The kernels' sampler of features in sets: who is present together, how often, and with which magnitudes."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from test_kernels_sampling import draw

# Two correlated sets of three, two anticorrelated ones, two features on their own. p is that of a set; the three cases
# are drawn at every pair, by gaps because many samples are empty, and by gaps with features that are no candidates.
SETS = {"correlated_sets": 2, "anticorrelated_sets": 2, "set_size": 3, "probability_of": "set"}
CASES = {
    "common": [0.4] * 3 + [0.003] * 3 + [0.6] * 3 + [0.25] * 3 + [0.5, 0.05],
    "rare": [0.05] * 3 + [0.01] * 3 + [0.08] * 3 + [0.02] * 3 + [0.04, 0.001],
    "very rare": [0.01] * 3 + [0.0] * 3 + [0.004] * 3 + [0.02] * 3 + [0.001, 0.02],
}
N_BATCHES = {"common": 200, "rare": 400, "very rare": 1000}
every_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture(scope="module")
def sampled():
    return {case: draw(p, 1000, seed=11, batches=N_BATCHES[case], **SETS) for case, p in CASES.items()}


def sets_of(x, begin, end):
    return [x[:, first : first + 3] for first in range(begin, end, 3)]


@every_case
def test_correlated_features_are_always_present_together(sampled, case):
    for first, members in zip((0, 3), sets_of(sampled[case], 0, 6), strict=True):
        present = members != 0
        np.testing.assert_array_equal(present.all(1), present.any(1))
        p = CASES[case][first]
        assert stats.binomtest(int(present[:, 0].sum()), len(present), p).pvalue > 1e-3


@every_case
def test_anticorrelated_features_are_never_present_together(sampled, case):
    for first, members in zip((6, 9), sets_of(sampled[case], 6, 12), strict=True):
        present = members != 0
        assert present.sum(1).max() == 1
        counts = present.sum(0)
        assert stats.binomtest(int(counts.sum()), len(present), CASES[case][first]).pvalue > 1e-3
        assert stats.chisquare(counts).pvalue > 1e-3  # each member as often


@every_case
def test_magnitudes_in_sets_are_uniform(sampled, case):
    for i in range(14):
        values = sampled[case][:, i]
        values = values[values != 0]
        assert values.size == 0 or stats.kstest(values, "uniform").pvalue > 1e-3, i
    assert (sampled[case] != 0).any(0).sum() >= 11


@every_case
def test_magnitudes_of_correlated_features_are_independent(sampled, case):
    members = sampled[case][sampled[case][:, 0] != 0, :3]
    for a, b in combinations(range(3), 2):
        counts = np.histogram2d(members[:, a], members[:, b], bins=4, range=[[0, 1], [0, 1]])[0]
        assert stats.chi2_contingency(counts).pvalue > 1e-3


@every_case
def test_the_magnitude_does_not_depend_on_the_member(sampled, case):
    values = [members[members[:, k] != 0, k] for members in sets_of(sampled[case], 9, 12) for k in range(3)]
    assert stats.kruskal(*values).pvalue > 1e-3


def test_candidates_are_independent_of_each_other(sampled):
    for case in ("common", "rare"):
        x = sampled[case]
        present = [x[:, 0] != 0, x[:, 3] != 0, x[:, 6:9].any(1), x[:, 9:12].any(1), x[:, 12] != 0, x[:, 13] != 0]
        for a, b in combinations(range(6), 2):
            table = [[np.sum((present[a] == i) & (present[b] == j)) for j in (0, 1)] for i in (0, 1)]
            assert stats.chi2_contingency(table).pvalue > 1e-3, (case, a, b)


@every_case
def test_signed_magnitudes_in_sets(case):
    x = draw(CASES[case], 1000, seed=13, batches=N_BATCHES[case], signed=True, **SETS)
    for i in (0, 2, 6, 8, 9, 11, 12):
        values = x[x[:, i] != 0, i]
        assert stats.kstest(values, "uniform", (-1, 2)).pvalue > 1e-3, i
    both = x[x[:, 0] != 0, :2] > 0
    table = [[np.sum((both[:, 0] == i) & (both[:, 1] == j)) for j in (0, 1)] for i in (0, 1)]
    assert stats.chi2_contingency(table).pvalue > 1e-3


@pytest.mark.parametrize("p", [0.3, 0.004])
def test_the_probability_may_be_that_of_each_feature(p):
    x = draw([p] * 4, 1000, seed=14, batches=int(200 / p), anticorrelated_sets=2)
    for count in (x != 0).sum(0):
        assert stats.binomtest(int(count), len(x), p).pvalue > 1e-3


@pytest.mark.parametrize("kind", ["correlated_sets", "anticorrelated_sets"])
def test_impossible_and_certain_sets(kind):
    present = 4 if kind == "correlated_sets" else 1
    sets = {kind: 1, "set_size": 4, "probability_of": "set"}
    assert not draw([0.0] * 4, 1000, **sets).any()
    count = (draw([1.0] * 4, 1000, **sets) != 0).sum(1)
    assert (count == present).mean() > 0.99  # a magnitude may be 0
