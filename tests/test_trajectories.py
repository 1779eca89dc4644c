"""Detectors of events in training, on trajectories that are made up so that the events are known."""

import math

import numpy as np
import pytest

from superposition.trajectories import (
    Stretch,
    fastest_descent,
    find_plateaus,
    find_swaps,
    happen_in_order,
    measure_descent,
    share_near_levels,
)

STEPS = np.arange(0, 1001, 10)


def test_time_at_levels_is_logarithmic():
    steps = np.array([0, 1, 10, 100, 1000])
    # Each snapshot stands for a decade: two of three decades at a level, the last value and step 0 for none
    values = np.array([[0.9], [0.5], [0.5], [0.3], [0.3]])
    assert share_near_levels(values, steps, [0, 0.5], 0.05) == pytest.approx(2 / 3)
    # A second feature that is never near one: half as much. A third that is absent does not count
    assert share_near_levels(np.hstack([values, values * 0 + 0.2]), steps, [0, 0.5], 0.05) == pytest.approx(1 / 3)
    three = np.hstack([values, values * 0 + 0.2, values * 0 + 0.02])
    assert share_near_levels(three, steps, [0, 0.5], 0.05) == pytest.approx(1 / 3)
    assert math.isnan(share_near_levels(values * 0, steps, [0, 0.5], 0.05))
    assert share_near_levels(values, steps, [0, 0.5], 0.2) == 1
    assert math.isnan(share_near_levels(values[:2], steps[:2], [0.5], 0.1))


def swap(at: int, length: int, up: float = 0.5, down: float = 0.5) -> np.ndarray:
    """(101, 3): feature 0 rises by `up` and feature 1 falls by `down` over `length` snapshots; feature 2 stays."""
    ramp = np.clip((np.arange(101) - at) / length, 0, 1)[:, None]
    return np.hstack([up * ramp, down * (1 - ramp), np.full((101, 1), 0.4)])


def test_a_swap_is_found_where_it_is():
    [event] = find_swaps(swap(at=40, length=4), STEPS, jump=0.25, within=80)
    assert 40 <= event.first < event.last <= 44
    assert event.last - event.first == 2  # half of the ramp is enough for half of the jump


@pytest.mark.parametrize(
    "values",
    [
        swap(40, 4, down=0.2),  # too small a fall
        swap(40, 4, up=0.2),  # too small a rise
        swap(20, 40),  # too slow: a quarter takes 20 snapshots, 200 steps
        np.zeros((101, 3)),
        np.hstack([swap(20, 2)[:, :1], swap(80, 2)[:, 1:]]),  # one long after the other
    ],
)
def test_no_swap(values):
    assert find_swaps(values, STEPS, jump=0.25, within=80) == []


def test_two_swaps_are_two_events():
    first, second = swap(20, 2), swap(70, 2)
    events = find_swaps(np.hstack([first, second]), STEPS, jump=0.25, within=80)
    assert [20 <= event.first < event.last <= 22 or 70 <= event.first < event.last <= 72 for event in events] == [
        True
    ] * 2


def test_no_snapshots_no_swaps():
    assert find_swaps(np.empty((0, 0)), np.empty(0), jump=0.25, within=80) == []


def test_descent_of_a_line_is_its_slope():
    np.testing.assert_allclose(measure_descent(5 - 0.01 * STEPS, STEPS, 7), np.full(95, 0.01))
    assert len(measure_descent(STEPS * 1.0, STEPS, 101)) == 1


def test_descent_at_an_event_is_in_units_of_the_median():
    # Falls by 0.001 a step, and four times as fast from step 400 to step 500
    rate = np.where((STEPS >= 400) & (STEPS < 500), 0.004, 0.001)
    loss = 10 - np.concatenate([[0], np.cumsum(rate[:-1] * 10)])
    assert fastest_descent(loss, STEPS, [Stretch(43, 47)], 5) == pytest.approx(4)
    assert fastest_descent(loss, STEPS, [Stretch(80, 84)], 5) == pytest.approx(1)
    assert fastest_descent(loss, STEPS, [Stretch(80, 84), Stretch(43, 47)], 5) == pytest.approx(4)
    assert fastest_descent(loss, STEPS, [Stretch(98, 100)], 5) == pytest.approx(1)  # the window stays inside
    assert math.isnan(fastest_descent(loss, STEPS, [], 5))
    assert math.isnan(fastest_descent(loss[:0], STEPS[:0], [], 5))
    assert math.isnan(fastest_descent(-loss, STEPS, [Stretch(43, 47)], 5))


def staircase(*levels: float, noise: float = 0.0) -> np.ndarray:
    """Equally long plateaus of the loss at `levels`, joined by a fall within five snapshots."""
    logarithm = np.log(np.repeat(levels, 101 // len(levels) + 1)[:101])
    smooth = np.convolve(np.pad(logarithm, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    return np.exp(smooth + noise * np.random.default_rng(0).normal(size=101))


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_plateaus_of_a_staircase(noise):
    plateaus = find_plateaus(staircase(1, 0.3, 0.1, noise=noise), STEPS, window=60, flat=0.15, apart=0.3)
    assert len(plateaus) == 3
    for index, plateau in enumerate(plateaus):
        assert 34 * index <= plateau.first < plateau.last <= 34 * index + 36


def test_a_plateau_with_a_dent_is_one():
    loss = staircase(1, 0.3)
    loss[24:27] = 1.5  # nothing is learned there
    assert len(find_plateaus(loss, STEPS, window=60, flat=0.15, apart=0.3)) == 2


def test_what_always_falls_has_no_plateau():
    assert find_plateaus(np.exp(-STEPS / 100), STEPS, window=60, flat=0.15, apart=0.3) == []
    assert find_plateaus(np.ones(5), STEPS[:5], window=60, flat=0.15, apart=0.3) == []


def test_small_steps_are_one_plateau():
    assert len(find_plateaus(staircase(1, 0.8, 0.7), STEPS, window=60, flat=0.15, apart=0.3)) == 1


def test_order_of_stages():
    stages = [np.array(stage, dtype=bool) for stage in ([1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 1])]
    assert happen_in_order(stages)
    assert not happen_in_order(stages[::-1])
    assert not happen_in_order([stages[0], stages[0], stages[2]])  # twice at the last snapshot
    assert not happen_in_order([stages[0], np.zeros(4, dtype=bool)])
