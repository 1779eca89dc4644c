"""A run that is killed again and again, at any moment, ends with the bits of one that was left alone."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
from workflow_runs import TINY, make_environment

TARGET = "results/claims.parquet"  # all tables
PATIENCE = 1200  # seconds for a run to get on
KILLS = pytest.mark.parametrize("kills", [4, pytest.param(36, marks=pytest.mark.long)])


class Run:
    """One run, in the way of `make paper`: under a lock that a killed run before it may have left behind."""

    def __init__(self, project):
        command = [sys.executable, "-m", "pipeline.run_alone", f"--configfile={TINY}", "--cores", "2", "--", TARGET]
        environment = make_environment() | {"PYTHONPATH": str(project.root / "src")}
        self.log = project.root / "run.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=project.root, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def has_ended(self):
        return self.process.poll() is not None

    def list_jobs(self):
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(self.process.pid).children(recursive=True)
            return [child for child in children if "--spec" in child.cmdline()]
        return []

    def kill_main(self):
        """Its jobs go on, and nobody waits for them."""
        self.process.kill()
        self.process.wait()
        return True

    def kill_everything(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return True

    def kill_job(self, dice):
        """Snakemake sees it and ends with an error, once the other jobs are done; whether there was a job to kill."""
        jobs = self.list_jobs()
        if not jobs:
            self.kill_everything()  # between two jobs: not what was wanted, and not counted
            return False
        with contextlib.suppress(psutil.Error):
            dice.choice(jobs).kill()
        self.process.wait(PATIENCE)
        return True


@KILLS
def test_killed_at_random_moments(tiny_run, fresh, kills):
    expected = {path: (tiny_run.results / path).read_bytes() for path in tiny_run.list_results()}
    dice = random.Random(kills)
    survived = {"main": 0, "job": 0, "everything": 0}
    try:
        while sum(survived.values()) < kills:
            run, before = Run(fresh), len(fresh.list_results())
            wait_for_progress(run, fresh, before + dice.randrange(6))
            time.sleep(dice.uniform(0, 2))
            if run.has_ended():
                if run.process.returncode == 0:
                    assert_same(fresh, expected)
                    shutil.rmtree(fresh.results)
                    shutil.rmtree(fresh.root / ".snakemake")
                continue
            kind = dice.choice([*survived])
            kill = {"main": run.kill_main, "job": lambda run=run: run.kill_job(dice), "everything": run.kill_everything}
            survived[kind] += kill[kind]()
        run = Run(fresh)
        assert run.process.wait(PATIENCE) == 0, run.log.read_text()
        assert_same(fresh, expected)
    finally:
        if not run.has_ended():
            run.kill_everything()
        print(f"survived {survived}")
    assert all(survived.values()) or kills < 10


def wait_for_progress(run, project, n_results):
    """Until the project has so many results, or the run ends."""
    deadline = time.monotonic() + PATIENCE
    while not run.has_ended() and len(project.list_results()) < n_results:
        assert time.monotonic() < deadline, run.log.read_text()
        time.sleep(0.02)


def assert_same(project, expected):
    """That what the target needs is there, bit for bit as in an undisturbed run, and nothing half-written beside it."""
    made = {path: (project.results / path).read_bytes() for path in project.list_results()}
    assert "claims.parquet" in made
    assert set(made) == {path for path in expected if not path.startswith(("figures/", "paper."))}
    for path, content in made.items():
        assert content == expected[path], path
