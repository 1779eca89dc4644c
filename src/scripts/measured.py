"""Runs a step and ends its log with what it cost: `python -m scripts.measured -m scripts.<step> ...`.

Snakemake's benchmarks look at a job twice a second at first and every half minute later, and so miss what it does after
the last look; of a step that is a fork (`pipeline.warm_steps`) they see only who waits. The process itself knows.
"""

import os
import re
import runpy
import sys
import time
from pathlib import Path

COST = "cost: {cpu_s:.2f} s of CPU, {peak_mib:.0f} MiB of memory"
PATTERN = re.compile(r"^cost: (?P<cpu_s>[\d.]+) s of CPU, (?P<peak_mib>\d+|nan) MiB of memory$")


def read_peak() -> float:
    """The largest resident memory of this process so far, in MiB; NaN where the system does not say."""
    status = Path("/proc/self/status")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE) if status.exists() else None
    return int(found[1]) / 1024 if found else float("nan")


def read_cost(log: Path) -> dict[str, float]:
    """`cpu_s` and `peak_mib` of the job of a log; nothing if it does not end with them, as where a job failed."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    found = PATTERN.match(lines[-1]) if lines else None
    return {name: float(value) for name, value in found.groupdict().items()} if found else {}


def main() -> None:
    option, module, *arguments = sys.argv[1:]
    assert option == "-m", option
    sys.argv = [module, *arguments]
    sys.stdout.reconfigure(line_buffering=True)  # what it prints stands before its error, and its cost
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    children = os.times()  # one that compiled kernels, or typeset
    cpu_s = time.process_time() + children.children_user + children.children_system
    print(COST.format(cpu_s=cpu_s, peak_mib=read_peak()), file=sys.stderr)


if __name__ == "__main__":
    main()
