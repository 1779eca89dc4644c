"""How long a step takes: both sides in alternation, so that whatever else the machine does meets both alike.

On a CPU the clock is the time that this process computed, on all its threads: waiting for a busy machine does not
count, a second thread would. On a GPU it is the time on the wall.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.engines import Engine
from benchmarks.workloads import Workload

SEED = 0


@dataclass(frozen=True)
class Timing:
    """Steps per second of each side and the roofline's GFLOP/s, one of each per pair: (n_pairs,).

    `ours` is NaN where there is no engine.
    """

    textbook: np.ndarray
    ours: np.ndarray
    roofline: np.ndarray

    def ratios(self) -> np.ndarray:
        """(n_pairs,): each run of ours over the textbook run just before it."""
        return self.ours / self.textbook


def read_clock(device: str) -> float:
    """Seconds since an arbitrary moment."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def measure(device: str, run: Callable[..., object], *arguments) -> float:
    """Seconds that run(*arguments) takes."""
    begin = read_clock(device)
    run(*arguments)
    return max(read_clock(device) - begin, 1e-9)


def choose_steps(engine: Engine, device: str, seconds: float) -> int:
    """Steps that take about `seconds`, the start of training included; the first run, which compiles, is not timed."""
    engine(2, SEED, device)
    steps = 1
    while (taken := measure(device, engine, steps, SEED, device)) < seconds / 2:
        steps *= 4  # until the start of training hardly counts
    return max(1, round(steps * seconds / taken))


def time_pairs(workload: Workload, device: str, n_pairs: int, seconds: float) -> Timing:
    """Alternate between the two sides and the roofline, each run about `seconds` long."""
    engines = [engine for engine in (workload.textbook, workload.ours) if engine]
    steps = [choose_steps(engine, device, seconds) for engine in engines]
    rates, roofline = np.full((n_pairs, 2), np.nan), np.empty(n_pairs)
    for pair in range(n_pairs):
        for side, engine in enumerate(engines):
            rates[pair, side] = steps[side] / measure(device, engine, steps[side], SEED, device)
        roofline[pair] = measure_roofline(device)
    return Timing(rates[:, 0], rates[:, 1], roofline)


def measure_roofline(device: str) -> float:
    """GFLOP/s of float32 matrix products of a size that torch does fastest."""
    size, repeats = (1024, 5) if device == "cpu" else (8192, 5)
    a, b = torch.rand(2, size, size, device=device)
    a @ b
    taken = measure(device, lambda: [a @ b for _ in range(repeats)])
    return repeats * 2 * size**3 / taken / 1e9
