"""What happens while a model trains: time spent at levels, features that swap places, plateaus of the loss.

A trajectory is an array whose first axis is the snapshot, beside `steps` (snapshots,), increasing. These are detectors:
each says in its docstring what counts, so that no eye is needed.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

JUMP, JUMP_SHARE, JUMP_AFTER = 0.25, 0.08, 500  # change of D_i, within which share of the steps, from which step on
PLATEAU = {"window": 200, "flat": 0.15, "apart": 0.3}  # steps, and differences of log(loss)


class Stretch(NamedTuple):
    """A stretch of snapshots, first and last included."""

    first: int
    last: int


def share_near_levels(values: np.ndarray, steps: np.ndarray, levels: list[float], tolerance: float) -> float:
    """The share of logarithmic time that `values` (snapshots, columns) spend within `tolerance` of one of the levels.

    What is near zero does not count: it is the share of the time in which values exceed `tolerance`. A snapshot stands
    for the time until the next. NaN with fewer than two snapshots after step 0, or if no value exceeds `tolerance`.
    """
    values, steps = values[steps > 0], steps[steps > 0]
    if len(steps) < 2:
        return float("nan")
    near = np.abs(values[..., None] - np.asarray(levels)).min(-1) <= tolerance
    time = np.diff(np.log(steps))[:, None] * (values[:-1] > tolerance)
    return float((near[:-1] * time).sum() / time.sum()) if time.any() else float("nan")


def find_swaps(values: np.ndarray, steps: np.ndarray, jump: float, within: float) -> list[Stretch]:
    """Stretches of at most `within` steps in which one column of `values` rises by `jump` while another falls by it.

    Stretches that overlap or touch are one event, given as the shortest of them (the first, of equally short ones).
    """
    found = []
    for first in range(len(steps)):
        for last in range(first + 1, np.searchsorted(steps, steps[first] + within, side="right")):
            change = values[last] - values[first]
            if change.max() >= jump and change.min() <= -jump:
                found.append(Stretch(first, last))
                break  # a longer one that begins here holds this one
    events: list[list[Stretch]] = []
    for stretch in found:  # in the order of their beginnings; ends may only be compared with the furthest so far
        if events and stretch.first <= max(earlier.last for earlier in events[-1]):
            events[-1].append(stretch)
        else:
            events.append([stretch])
    return [min(event, key=lambda stretch: steps[stretch.last] - steps[stretch.first]) for event in events]


def measure_descent(loss: np.ndarray, steps: np.ndarray, window: int) -> np.ndarray:
    """(snapshots - window + 1,) rate at which the loss falls, per step: minus the least-squares slope in each."""
    losses = np.lib.stride_tricks.sliding_window_view(loss, window)
    times = np.lib.stride_tricks.sliding_window_view(steps.astype(float), window)
    times = times - times.mean(1, keepdims=True)
    return -(times * losses).sum(1) / (times**2).sum(1)


def fastest_descent(loss: np.ndarray, steps: np.ndarray, events: list[Stretch], window: int) -> float:
    """The fastest descent of the loss in a window around the middle of an event, in units of the median of all windows.

    NaN without an event, or where the median window does not descend.
    """
    if not events:
        return float("nan")
    rates = measure_descent(loss, steps, window)
    median = float(np.median(rates))
    if median <= 0:
        return float("nan")
    middles = [(event.first + event.last) // 2 - window // 2 for event in events]
    return float(max(rates[np.clip(middles, 0, len(rates) - 1)]) / median)


def find_plateaus(loss: np.ndarray, steps: np.ndarray, window: float, flat: float, apart: float) -> list[Stretch]:
    """Stretches where the loss stands still, each at least `window` steps long.

    The loss stands still where the means of log(loss) over the window before and the window after differ by at most
    `flat`. Neighbouring stretches whose mean log(loss) differ by less than `apart` are one plateau.
    """
    logarithm, spacing = np.log(loss), float(np.median(np.diff(steps)))
    count = max(1, round(window / spacing))
    if len(loss) < 2 * count:
        return []
    means = np.lib.stride_tricks.sliding_window_view(logarithm, count).mean(1)
    still = np.abs(means[count:] - means[:-count]) <= flat  # of the snapshots count, count + 1, ...
    plateaus: list[Stretch] = []
    for run in np.split(np.arange(len(still)), np.flatnonzero(np.diff(still)) + 1):
        if not still[run[0]] or len(run) < count:
            continue
        stretch = Stretch(int(run[0]) + count, int(run[-1]) + count)
        levels = [logarithm[s.first : s.last + 1].mean() for s in (*plateaus[-1:], stretch)]
        if len(levels) == 2 and abs(levels[1] - levels[0]) < apart:
            stretch = Stretch(plateaus.pop().first, stretch.last)
        plateaus.append(stretch)
    return plateaus


def happen_in_order(stages: list[np.ndarray]) -> bool:
    """Whether each stage, (snapshots,) of booleans, is there at some snapshot after the first of the stage before."""
    begin = 0
    for stage in stages:
        later = np.flatnonzero(stage[begin:])
        if len(later) == 0:
            return False
        begin += int(later[0]) + 1
    return True


# Of one model's rows of the table `dynamics`, in the order of steps


def swaps_of(rows: pd.DataFrame) -> list[Stretch]:
    """Features that swap dimensionality, as stretches of `rows`."""
    values = np.stack(rows["dimensionality"].to_list()) if len(rows) else np.empty((0, 0))
    return find_swaps(values, rows["step"].to_numpy(), JUMP, JUMP_SHARE * rows["step"].max())


def plateaus_of(rows: pd.DataFrame) -> list[Stretch]:
    """Plateaus of the training loss, as stretches of `rows`, which begin after step 0."""
    return find_plateaus(rows["loss"].to_numpy(), rows["step"].to_numpy(), **PLATEAU)
