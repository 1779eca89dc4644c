"""How our time grows with each size, and the exponents that fit: cost proportional to a size has exponent 1."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.timing import choose_steps, measure
from benchmarks.workloads import Workload, full_batch_workload, toy_model_workload

REPETITIONS = 3
CONFIDENCE = 0.95
WHOLE = ("steps", "seeds")  # curves of the time of whole trainings; all others are of the time of one step
N_STEPS = 200  # of each training in the curve over seeds


def dense_models(instances: int = 4, features: int = 128, hidden: int = 32, batch: int = 1024) -> Workload:
    """Toy models whose features are common, so that the cost is that of the arithmetic."""
    return toy_model_workload("scaling", features, hidden, [0.5], restarts=instances, batch=batch)


def fixed_points(points: int = 1000, features: int = 4000) -> Workload:
    return full_batch_workload("scaling", points, features, 0.001)


def list_curves(quick: bool) -> Iterator[tuple[str, str, Callable[[int], Workload], list[int]]]:
    """(model, size, value -> workload, values); for sizes in WHOLE the workload does not depend on the value."""
    small = {"instances": 2, "features": 8, "hidden": 4, "batch": 64} if quick else {}
    values = [1, 2, 4] if quick else [1, 2, 4, 8, 16]
    yield "toy_models", "instances", lambda n: dense_models(**small | {"instances": n}), values
    yield "toy_models", "features", lambda n: dense_models(**small | {"features": n}), [32 * n for n in values]
    yield "toy_models", "hidden", lambda n: dense_models(**small | {"hidden": n}), [4 * n for n in values]
    yield "toy_models", "steps", lambda n: dense_models(**small), [100 * n for n in values]
    yield "toy_models", "seeds", lambda n: dense_models(**small), values[:4]
    if fixed_points(2, 2).ours is None:
        return
    unit = 50 if quick else 250
    yield "double_descent", "points", lambda n: fixed_points(points=n), [unit * n for n in values]
    yield "double_descent", "features", lambda n: fixed_points(features=n), [2 * unit * n for n in values]


def measure_scaling(quick: bool) -> pd.DataFrame:
    """The table `scaling`: every curve's times, each value `REPETITIONS` times in turn, and its fit."""
    frames, seconds = [], 0.02 if quick else 0.3
    for model, size, make, values in list_curves(quick):
        runs = {value: prepare(make(value), size, value, seconds) for value in values}
        rows = [
            {"model": model, "size": size, "value": value, "repetition": repetition, "seconds": run()}
            for repetition in range(REPETITIONS)
            for value, run in runs.items()
        ]
        frame = pd.DataFrame(rows)
        exponent, low, high = fit_exponent(frame["value"], frame["seconds"])
        frames.append(frame.assign(exponent=exponent, exponent_low=low, exponent_high=high))
    return pd.concat(frames, ignore_index=True)


def prepare(workload: Workload, size: str, value: int, seconds: float) -> Callable[[], float]:
    """What measures one point of a curve: seconds of a step, or of the whole training for sizes in WHOLE."""
    engine = workload.ours
    if size not in WHOLE:
        steps = choose_steps(engine, "cpu", seconds)
        return lambda: measure("cpu", engine, steps, 0, "cpu") / steps
    engine(2, 0, "cpu")  # compiles
    if size == "steps":
        return lambda: measure("cpu", engine, value, 0, "cpu")
    return lambda: measure("cpu", lambda: [engine(N_STEPS, seed, "cpu") for seed in range(value)])


def fit_exponent(values: pd.Series, seconds: pd.Series) -> tuple[float, float, float]:
    """Least-squares slope of ln(seconds) on ln(value), and its 95 % interval."""
    line = stats.linregress(np.log(values), np.log(seconds))
    reach = line.stderr * stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 2)
    return line.slope, line.slope - reach, line.slope + reach
