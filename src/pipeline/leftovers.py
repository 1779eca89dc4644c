"""What a run that was killed leaves running: jobs that nobody waits for.

Their results would be made again in any case, and after an edit they would be those of the old code or configuration.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

SECONDS_TO_END = 10
FORKING = "pipeline.warm_steps"  # among the arguments of what starts steps, and of those that are its forks
SLURM_JOBS = "superposition-unattended"  # how profiles/slurm names its jobs, which no later run takes over


def end_jobs(folder: Path, groups: set[int]) -> list[int]:
    """End the jobs of killed runs in `folder`, known by the process groups of those runs; returns their process ids."""
    jobs = [process for process in psutil.process_iter() if _is_job(process, folder, groups)]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in jobs:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        if not psutil.wait_procs(jobs, timeout=SECONDS_TO_END)[1]:
            break
    return [process.pid for process in jobs]


def _is_job(process: psutil.Process, folder: Path, groups: set[int]) -> bool:
    try:
        return bool(
            os.getpgid(process.pid) in groups
            and Path(process.cwd()) == folder
            and {"--spec", FORKING} & {*process.cmdline()}  # its shell, which has it within one long word, ends with it
        )
    except (psutil.Error, OSError):  # another user's, or gone by now
        return False


def cancel_slurm_jobs(folder: Path) -> list[str]:
    """Cancel the Slurm jobs that a run with profiles/slurm has left in `folder`, and wait until they have ended.

    Returns their ids; none where there is no Slurm. The next run would submit them a second time, beside the first.
    """
    jobs = left = list_slurm_jobs(folder)
    if jobs:
        print(f"Waiting for Slurm to end what a killed run has left: {', '.join(jobs)}", file=sys.stderr)
    while left:
        subprocess.run(["scancel", *left], check=False, capture_output=True)
        time.sleep(1)
        left = list_slurm_jobs(folder)
    return jobs


def list_slurm_jobs(folder: Path) -> list[str]:
    command = ["squeue", "--noheader", "--me", "--format=%i|%j|%Z"]  # pending, running and completing ones
    try:
        listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    rows = [line.split("|", 2) for line in listing.splitlines()]
    return [job for job, name, place in rows if name.startswith(SLURM_JOBS) and Path(place) == folder]


def remove_temporary_files(results: Path) -> None:
    """Remove the hidden folders that killed jobs were writing in; nothing there ever takes the place of a result."""
    for folder in [*results.rglob(".*.tmp")]:
        shutil.rmtree(folder, ignore_errors=True)
