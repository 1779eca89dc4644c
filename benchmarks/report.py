"""The results as a table for storage and as lines for the terminal."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.timing import Timing
from benchmarks.workloads import Workload

NO_ENGINE = "no engine yet"


def summarise_timing(workload: Workload, timing: Timing, machine: dict) -> dict:
    """One row of the table `benchmark`: medians over pairs, and the range of the ratio over them."""
    ours, ratios = float(np.median(timing.ours)), timing.ratios()
    gflops, roofline = ours * workload.flops / 1e9, float(np.median(timing.roofline))
    return {
        "workload": workload.name,
        "shape": workload.shape,
        "textbook_steps_per_s": float(np.median(timing.textbook)),
        "ours_steps_per_s": ours,
        "ours_samples_per_s": ours * workload.samples,
        "ratio": float(np.median(ratios)),
        "ratio_low": float(ratios.min()),
        "ratio_high": float(ratios.max()),
        "target": workload.targets.get(machine["device"], np.nan),
        "step_gflop": workload.flops / 1e9,
        "gflops": gflops,
        "roofline_gflops": roofline,
        "roofline_share": gflops / roofline,
        "n_pairs": len(ratios),
        **machine,
    }


def describe(machine: dict) -> str:
    used = f"one of {machine['n_cores']} cores" if machine["device"] == "cpu" else "one GPU"
    return (
        f"{machine['processor']}, {used}, load {machine['load']:.1f}; "
        f"Python {machine['python']}, torch {machine['torch']}, numba {machine['numba']}; "
        f"commit {machine['commit']}, {machine['date']}"
    )


def header() -> str:
    return (
        f"{'':15}{'textbook':>10}{'ours':>11}{'ratio':>8}  {'[range]':17}{'target':>7}"
        f"{'samples/s':>12}{'GFLOP/s':>9}{'of roofline':>13}\n{'':15}{'steps/s':>10}{'steps/s':>11}"
    )


def line(row: dict) -> str:
    """A row of the table `benchmark`, under `header`."""
    start = f"{row['workload']:15}{row['textbook_steps_per_s']:10,.4g}"
    if np.isnan(row["ours_steps_per_s"]):
        return f"{start}{NO_ENGINE:>15}"
    interval = f"[{row['ratio_low']:.1f}, {row['ratio_high']:.1f}]"
    target = "" if np.isnan(row["target"]) else f">= {row['target']:g}"
    return (
        f"{start}{row['ours_steps_per_s']:11,.4g}{row['ratio']:8.1f}  {interval:17}{target:>7}"
        f"{row['ours_samples_per_s']:12.3g}{row['gflops']:9.3g}{row['roofline_share']:13.2f}"
    )


def pair_line(row: dict, pairs: int) -> str:
    """What a step of full-batch training costs for each of its `pairs` of a training point and a feature."""
    textbook, ours = (1e9 / (row[side] * pairs) for side in ("textbook_steps_per_s", "ours_steps_per_s"))
    return f"{'':15}{textbook:.3g} and {ours:.3g} ns for each pair of a training point and a feature"


def scaling_lines(scaling: pd.DataFrame) -> Iterator[str]:
    for (model, size), curve in scaling.groupby(["model", "size"], sort=False):
        first = curve.iloc[0]
        span = f"{curve['value'].min():,} to {curve['value'].max():,}"
        interval = f"[{first.exponent_low:.2f}, {first.exponent_high:.2f}]"
        yield f"{model:15}{size:10}{span:>16}   time ~ {size}^{first.exponent:.2f} {interval}"
