"""Time every workload, check that both sides do the same work, measure the scaling, and write tables and figures.

Exit code 0 if all is well, 1 if a workload's losses differ, 2 if the device is not there or a
workload's name is unknown.
"""

import argparse
import sys
from pathlib import Path

import numba
import pandas as pd
import torch

from benchmarks import figures, report
from benchmarks.equality import Comparison, compare_losses
from benchmarks.machine import describe_machine
from benchmarks.publishing import publish
from benchmarks.scaling import measure_scaling
from benchmarks.timing import time_pairs
from benchmarks.workloads import Workload, list_tiny_workloads, list_workloads
from pipeline.yaml_files import load_yaml
from superposition.plotting import save_figure
from superposition.storage import save_table

ROOT = Path(__file__).resolve().parents[1]
PAIRS, SECONDS, QUICK_PAIRS, QUICK_SECONDS = 5, 1.0, 2, 0.02


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("benchmarks: there is no GPU that torch can use")
        return 2
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    workloads = list_tiny_workloads() if options.quick else list_workloads()
    unknown = set(options.only or []) - {workload.name for workload in workloads}
    if unknown:
        allowed = ", ".join(workload.name for workload in workloads)
        print(f"benchmarks: --only names {', '.join(sorted(unknown))}: allowed are {allowed}")
        return 2
    workloads = [workload for workload in workloads if workload.name in (options.only or [workload.name])]
    machine = describe_machine(options.device)
    print(report.describe(machine))
    table = time_all(workloads, machine, options.quick)
    agrees = check_all(workloads, options.device)
    scaling = pd.DataFrame()
    if options.device == "cpu" and not options.only:
        scaling = measure_scaling(options.quick)
        print("\nOur time as sizes grow, with the 95 % interval of the exponent")
        print(*report.scaling_lines(scaling), sep="\n", flush=True)
    drawn = write(table, scaling, machine, Path(options.results))
    if options.publish and agrees:
        publish(table, drawn, ROOT / "paper")
    return 0 if agrees else 1


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--quick", action="store_true", help="tiny workloads, to see that everything works")
    parser.add_argument("--only", nargs="+", metavar="WORKLOAD", help="these workloads alone, without the scaling")
    parser.add_argument("--results", help="folder to write to: results; of a part, results/benchmark/part")
    parser.add_argument("--publish", action="store_true", help="write what the paper shows, into paper/")
    options = parser.parse_args(arguments)
    if options.publish and (options.quick or options.only or options.device != "cpu"):
        parser.error("--publish needs all workloads on the CPU: leave out --quick, --only and --device")
    part = options.quick or options.only
    options.results = options.results or ROOT / ("results/benchmark/part" if part else "results")
    return options


def time_all(workloads: list[Workload], machine: dict, quick: bool) -> pd.DataFrame:
    """The table `benchmark`, printed row by row."""
    print(f"\nMedians of alternating runs\n{report.header()}", flush=True)
    rows = []
    for workload in workloads:
        pairs, seconds = (QUICK_PAIRS, QUICK_SECONDS) if quick else (PAIRS, SECONDS)
        timing = time_pairs(workload, machine["device"], pairs, seconds)
        rows.append(report.summarise_timing(workload, timing, machine))
        print(report.line(rows[-1]), flush=True)
        if workload.pairs:
            print(report.pair_line(rows[-1], workload.pairs), flush=True)
    table = pd.DataFrame(rows)
    print(f"roofline: {table['roofline_gflops'].median():.0f} GFLOP/s in float32 matrix products, measured in between")
    return table


def check_all(workloads: list[Workload], device: str) -> bool:
    """Print whether each pair of sides ends at the same loss; whether all that have an engine do."""
    print("\nThe same work? Mean difference of losses after as many steps, with its 99.9 % interval")
    comparisons: list[Comparison] = []
    for workload in workloads:
        if workload.ours is None:
            print(f"{workload.name:15}{report.NO_ENGINE}")
            continue
        comparisons.append(compare_losses(workload, device))
        print(f"{workload.name:15}{comparisons[-1]}", flush=True)
    return all(comparison.agrees for comparison in comparisons)


def write(table: pd.DataFrame, scaling: pd.DataFrame, machine: dict, results: Path) -> list[Path]:
    """Parquet and figures under `results`; those of a GPU have its name in theirs. Returns the figures as PDF."""
    schemas = load_yaml(ROOT / "schemas/tables.yaml")
    suffix = "" if machine["device"] == "cpu" else f"_{machine['device']}"
    origin = {"commit": machine["commit"]}
    tables = {"benchmark": table} if scaling.empty else {"benchmark": table, "scaling": scaling}
    for name, frame in tables.items():
        save_table(frame, results / f"{name}{suffix}.parquet", schemas[name] | {"table": name}, origin)
    drawn = {"speedups": figures.draw_speedups(table)}
    if not scaling.empty:
        drawn["scaling"] = figures.draw_scaling(scaling)
    paths = {results / "benchmark" / f"{name}{suffix}.pdf": figure for name, figure in drawn.items()}
    for path, figure in paths.items():
        save_figure(figure, path, path.with_suffix(".png"), origin)
    return list(paths)


if __name__ == "__main__":
    sys.exit(main())
