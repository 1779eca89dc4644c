"""The closed forms of the phase change, against samples and against each other."""

import numpy as np
import pytest
import torch

from superposition.features import SparseFeatures
from superposition.phase_theory import (
    HIGHEST_DENSITY,
    OUTCOMES,
    find_outcomes,
    outcome_losses,
    superposed_importances,
)
from superposition.toy_models import reconstruction_loss

# The solutions that the formulas speak of: W (n_hidden, n_features), and which features are answered by their mean.
SOLUTIONS = {
    (2, "ignored"): [([[1, 0]], [1])],
    (2, "superposed"): [([[1, -1]], [])],
    (2, "dedicated"): [([[0, 1]], [0])],
    (3, "ignored"): [([[1, 0, 0], [0, 1, 0]], [2])],
    (3, "superposed"): [([[1, 0, -1], [0, 1, 0]], [])],
    (3, "dedicated"): [([[1, 0, 0], [0, 0, 1]], [1]), ([[1, -1, 0], [0, 0, 1]], [])],
}


@pytest.mark.parametrize("p", [0.5, 0.8, 1.0])  # below, two features meet too rarely for one per cent
@pytest.mark.parametrize(("n_features", "outcome"), SOLUTIONS)
def test_a_million_samples_agree_within_one_per_cent(n_features, outcome, p):
    r, losses = 0.6, []
    x = SparseFeatures(torch.full((1, n_features), p)).sample(1_000_000, torch.Generator().manual_seed(0))
    importance = torch.ones(1, n_features)
    importance[0, -1] = r
    for W, ignored in SOLUTIONS[n_features, outcome]:
        bias = torch.zeros(1, n_features)
        bias[0, ignored] = p / 2
        parameters = {"W": torch.tensor([W], dtype=torch.float32), "b_final": bias}
        losses.append(float(reconstruction_loss("relu_output", parameters, x, importance)))
    expected = outcome_losses(n_features, p, r)[OUTCOMES.index(outcome)]
    assert min(losses) == pytest.approx(expected, rel=0.01)


def test_the_boundary_is_where_the_lowest_loss_changes():
    p, r = np.meshgrid(np.geomspace(0.01, 1, 200), np.geomspace(0.1, 10, 200))
    lower, upper = superposed_importances(p)
    inside = (r > lower) & (r < upper)
    np.testing.assert_array_equal(inside, find_outcomes(2, p, r) == "superposed")
    assert inside.any()
    assert not inside.all()


def test_the_boundary_by_hand():
    # p = 0.4: 2p / (4 - 5p) = 0.8 / 2
    assert np.transpose(superposed_importances([0.4])).tolist() == [pytest.approx([0.4, 2.5])]
    assert np.isnan(superposed_importances(HIGHEST_DENSITY)).all()
    assert np.isnan(superposed_importances(1.0)).all()


def test_outcomes_by_hand():
    # Dense: the less important is ignored. Sparse: antipodal, unless another pair can be and the last is worth more.
    assert find_outcomes(2, [1.0, 1.0, 0.1], [0.5, 2.0, 1.0]).tolist() == ["ignored", "dedicated", "superposed"]
    assert find_outcomes(3, [1.0, 0.1, 0.1], [0.5, 0.5, 2.0]).tolist() == ["ignored", "superposed", "dedicated"]
    # p = 0.1: variance 1/30 - 1/400; the pair (1 + r) / 600; of two features the mean is half the sum
    assert outcome_losses(2, 0.1, 2.0) == pytest.approx(np.array([2 * 0.0308333, 3 / 600, 0.0308333]) / 2, rel=1e-5)


def test_other_numbers_of_features_are_refused():
    with pytest.raises(ValueError, match="n_features is 4: allowed are 2 and 3"):
        outcome_losses(4, 0.1, 1.0)
