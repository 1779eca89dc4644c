"""A run that is killed is taken up where it was: what was finished stays, what was not is made again."""

import os
import signal
import subprocess
import time

from workflow_runs import Project, make_environment

TARGET = "results/metrics/saes/relu_simple_resampling/0.parquet"
BEFORE = ("data", "models")  # what the fit of the autoencoders reads
FIT_LOG = "logs/fit_saes/relu_simple_resampling/0.log"  # opened when the fit starts
FINITE_DATA = "arena_few_samples/0"
PATIENCE = 120  # seconds


def run_until(project: Project, file: str, *arguments: str) -> None:
    """Start a run, and kill it with all its jobs, as a power cut would, as soon as `file` is among the results."""
    process = subprocess.Popen(
        project.command(*arguments),
        cwd=project.root,
        env=make_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a process group of its own, to which the jobs belong as well
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while not (project.results / file).exists():
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline, "the run does not get on"
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def read_results(project: Project, folders: tuple[str, ...]) -> dict[str, tuple[bytes, int]]:
    """Content and time of change of every result in `folders`."""
    files = [project.results / path for path in project.list_results() if path.startswith(folders)]
    return {str(path.relative_to(project.results)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_killed_run_is_taken_up(tiny_run, fresh):
    run_until(fresh, FIT_LOG, "--cores", "2", TARGET)
    finished = read_results(fresh, BEFORE)
    assert [path for path in fresh.list_results() if not path.startswith(BEFORE)] == []
    assert list(finished) == [
        "data/five_in_two_sparse/0.safetensors",
        "models/five_in_two_sparse/0.parquet",
        "models/five_in_two_sparse/0.safetensors",
    ]

    refused = fresh.snakemake("--cores", "2", TARGET)  # the lock of the killed run is still there
    assert refused.returncode == 1
    assert "--unlock" in refused.stderr
    fresh.run("--unlock")
    fresh.run("--cores", "2", TARGET)

    assert read_results(fresh, BEFORE) == finished
    for path in fresh.list_results():
        assert (fresh.results / path).read_bytes() == (tiny_run.results / path).read_bytes(), path
    assert fresh.root / TARGET in set(fresh.results.rglob("*.parquet"))


def test_a_killed_training_goes_on_from_its_checkpoint_to_the_same_bytes(fresh, tmp_path):
    weights, checkpoint = (f"{folder}/{FINITE_DATA}.safetensors" for folder in ("models", "checkpoints"))
    fresh.replace("src/superposition/checkpoints.py", "SECONDS = 30.0", "SECONDS = 0.0")
    fresh.configure({"seeds": 1, "finite_data": {"arena_few_samples": {"training": {"steps": 4000}}}})
    command = ("--cores", "1", f"results/{weights}", "--forcerun", "train_on_finite_data")
    fresh.run(*command)
    fresh.run(*command)  # once more, for the process that compiles the kernels may round otherwise than those after it
    whole = fresh.copy(tmp_path / "whole")

    run_until(fresh, checkpoint, *command)
    assert not (fresh.results / weights).exists()
    fresh.run("--unlock")
    fresh.run("--cores", "1", f"results/{weights}")
    assert fresh.list_results() == whole.list_results()  # the checkpoint is gone, too
    for path in whole.list_results():
        assert (fresh.results / path).read_bytes() == (whole.results / path).read_bytes(), path
