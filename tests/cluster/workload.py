"""A few jobs of the tiny twin, whose trainings note when and where they run, and take as long as a test needs."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slurm_cluster import SlurmCluster, wait_for
from workflow_runs import ROOT, TINY, Project, cut_down, make_environment, make_project

TARGET = "results/claims.parquet"  # all tables, but no figures
EXPERIMENT, SEEDS = "five_in_two_sparse", 3
SAE = "relu_no_resampling"
LONGEST_RUN = 1200  # seconds, on a machine that does much else
TRAININGS = [f"{name}/{seed}" for name in (EXPERIMENT, SAE) for seed in range(SEEDS)]
# Laid into the copy's devices.py: what every training passes through on its way to the CPU.
PASSAGE = '        yield "cpu"\n        return\n'
OBSERVED = """\
        _note("start")
        end = time.monotonic() + float(open("seconds").read())
        while time.monotonic() < end and not os.path.exists("release"):
            time.sleep(0.1)
        yield "cpu"
        _note("end")
        return
"""
NOTE = """

def _note(event):
    where = [os.environ.get(name, "-") for name in ("SLURMD_NODENAME", "SLURM_JOB_ID", "CUDA_VISIBLE_DEVICES")]
    import sys
    job, gpus = (sys.argv[sys.argv.index(option) + 1] for option in ("--weights", "--gpus"))
    with open(os.environ["TEST_EVENTS"], "a") as file:
        file.write(" ".join([event, job, str(time.time()), gpus, *where]) + "\\n")
"""


@dataclass(frozen=True)
class Training:
    """One training that came to its end: its weights, when it ran, and where."""

    weights: str
    start: float
    end: float
    asked: int  # GPUs
    node: str
    job: str
    gpu: str


def make_sources(folder: Path) -> Project:
    configurations = cut_down()
    for config in configurations.values():
        for section, names in (("toy_models", [EXPERIMENT]), ("saes", [SAE]), ("finite_data", [])):
            config[section] = {name: config[section][name] for name in names}
    configurations["config.yaml"]["figures"] = {}
    configurations[TINY]["seeds"] = SEEDS
    project = make_project(folder, configurations)
    project.replace("src/superposition/devices.py", PASSAGE, OBSERVED)
    project.append("src/superposition/devices.py", NOTE)
    return project


class Workload:
    """A copy of the project, and the Snakemakes that were started in it."""

    def __init__(self, project: Project, cluster: SlurmCluster | None = None):
        self.project, self.cluster = project, cluster
        self.events = project.root / "events"
        self.controllers: list[Controller] = []
        self.set_seconds(0)

    def set_seconds(self, seconds: float) -> None:
        """How much longer a training lasts that starts from now on."""
        (self.project.root / "seconds").write_text(str(seconds))

    def release(self) -> None:
        """Let all trainings go on at once."""
        (self.project.root / "release").touch()

    def start(self, profile: str, *arguments: str, target: str = TARGET) -> "Controller":
        """Start `make paper PROFILE=...`, in other words."""
        environment = make_environment() if self.cluster is None else make_environment() | self.cluster.environment
        tools = f"{ROOT / 'profiles/slurm/bin'}:" if profile == "slurm" else ""
        environment |= {
            "PATH": f"{tools}{Path(sys.executable).parent}:{environment['PATH']}",
            "PYTHONPATH": str(self.project.root / "src"),
            "TEST_EVENTS": str(self.events),
        }
        command = [sys.executable, "-m", "pipeline.run_alone", f"--configfile={TINY}"]
        command += ["--workflow-profile", f"profiles/{profile}", *arguments, "--", target]
        log = self.project.root / f"controller{len(self.controllers)}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                command, cwd=self.project.root, env=environment, stdout=file, stderr=file, start_new_session=True
            )
        self.controllers.append(Controller(process, log))
        return self.controllers[-1]

    def stop(self) -> None:
        for controller in self.controllers:
            controller.kill()

    def count(self, event: str) -> int:
        """How many trainings have started, or ended, so far."""
        return sum(line.startswith(event) for line in self._read_events())

    def wait_for(self, event: str, count: int = 1, seconds: float = LONGEST_RUN) -> None:
        controller = self.controllers[-1]

        def is_there() -> bool:
            assert controller.process.poll() in (None, 0), controller.log.read_text()
            return self.count(event) >= count

        wait_for(is_there, f"{count} trainings to {event}", seconds)

    def _read_events(self) -> list[str]:
        return self.events.read_text().splitlines() if self.events.exists() else []

    def list_trainings(self) -> list[Training]:
        started, trainings = {}, []
        for line in self._read_events():
            event, weights, moment, asked, node, job, gpu = line.split()
            if event == "start":
                started[weights, job] = float(moment)
            else:
                trainings.append(Training(weights, started[weights, job], float(moment), int(asked), node, job, gpu))
        return trainings

    def list_jobs_of_trainings(self) -> dict[str, list[str]]:
        """Weights -> the Slurm jobs in which their training was started, the first one first."""
        jobs: dict[str, list[str]] = {}
        for event, weights, _, _, _, job, _ in map(str.split, self._read_events()):
            if event == "start":
                jobs.setdefault(weights, []).append(job)
        return jobs

    def read_results(self) -> dict[str, bytes]:
        project = self.project
        return {path: (project.results / path).read_bytes() for path in project.list_results()}


@dataclass
class Controller:
    """A Snakemake that submits the jobs of a workload."""

    process: subprocess.Popen
    log: Path

    def finish(self, seconds: float = LONGEST_RUN) -> str:
        """Wait for its end, which has to be a good one, and return what it said."""
        assert self.process.wait(seconds) == 0, self.log.read_text()
        return self.log.read_text()

    def kill_after(self, wait: Callable[[], None]) -> None:
        wait()
        self.kill()

    def kill(self) -> None:
        """At once, with all that it has started on its machine, but not the jobs in the cluster."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def count_at_once(trainings: list[Training]) -> int:
    """The largest number of trainings that ran at the same moment."""
    return max(sum(each.start <= training.start < each.end for each in trainings) for training in trainings)
