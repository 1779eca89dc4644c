"""What random dictionaries score, against integrals worked out by hand and against draws."""

import math

import numpy as np
import pytest

from superposition import metrics


def test_nearest_of_two_random_directions_in_the_plane():
    # The angle to the nearer of two uniform directions has density (2/pi)(1 - t/pi) on [0, pi]: its mean is pi/3, and
    # that of its cosine 4/pi^2. Of n directions the mean angle is pi/(n + 1).
    assert metrics.nearest_cosine_of_random(2, 2) == pytest.approx(4 / math.pi**2, abs=1e-8)
    assert metrics.nearest_angle_of_random(2, 2) == pytest.approx(60)
    assert metrics.nearest_angle_of_random(2, 5) == pytest.approx(30)
    assert metrics.nearest_angle_of_random(2, 5_000) == pytest.approx(180 / 5_001, rel=1e-3)


@pytest.mark.parametrize("n_latents", [1, 4, 100])
def test_cosines_with_random_directions_in_space_are_uniform(n_latents):
    # The largest of n uniform numbers on [-1, 1] is 1 - 2/(n + 1) on average; one of them is > .9 with p = 1 - .95^n.
    assert metrics.nearest_cosine_of_random(3, n_latents) == pytest.approx(1 - 2 / (n_latents + 1), abs=1e-8)
    assert metrics.recovered_share_of_random(3, n_latents, 0.9) == pytest.approx(1 - 0.95**n_latents)


def test_on_a_line_directions_agree_or_oppose():
    # All three oppose with probability 1/8: mean 7/8 - 1/8.
    assert metrics.nearest_cosine_of_random(1, 3) == pytest.approx(6 / 8)
    assert metrics.recovered_share_of_random(1, 3, 0.95) == pytest.approx(7 / 8)
    with pytest.raises(ValueError, match="d must be at least 1, got 0"):
        metrics.nearest_cosine_of_random(0, 3)


@pytest.mark.parametrize(("d", "n_latents"), [(2, 10), (5, 20), (20, 40)])
def test_expectations_meet_draws(d, n_latents):
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(4, d))
    drawn = metrics.chance_floor(truth, n_latents, metrics.mmcs_truth, 3000, rng).mean
    assert metrics.nearest_cosine_of_random(d, n_latents) == pytest.approx(drawn, abs=0.005)
    angle = metrics.chance_floor(truth, n_latents, lambda s: metrics.nearest_angles(s).mean(), 3000, rng).mean
    assert metrics.nearest_angle_of_random(d, n_latents) == pytest.approx(angle, abs=0.3)
    found = metrics.chance_floor(truth, n_latents, lambda s: metrics.recovered(s, 0.5), 3000, rng).mean
    assert 4 * metrics.recovered_share_of_random(d, n_latents, 0.5) == pytest.approx(found, abs=0.06)
