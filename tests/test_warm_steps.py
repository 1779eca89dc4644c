"""Steps run as forks do what they do as processes of their own."""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from workflow_runs import ROOT

from pipeline import start_step
from pipeline.warm_steps import FEWEST_STEPS, SWITCH, start_server

SOURCE = ROOT / "src"
OF_THE_TEST = "PYTEST_CURRENT_TEST"
OWN = {"PYTHONPATH": str(SOURCE), "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
STEP = """
import os, sys
print(sys.argv[1:], os.getcwd(), os.environ["PWD"], os.environ["TMPDIR"], __name__)
print("to standard error", file=sys.stderr)
if "torch" in sys.modules:
    sys.exit(eval(sys.argv[1]))
"""
SLEEPER = "import os, time\nprint(os.getpid(), 'torch' in sys.modules, flush=True)\ntime.sleep(600)\n"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="everywhere else, each step is a start of Python")


def serve(folder: Path, own: dict[str, str] = OWN) -> subprocess.Popen:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv(OF_THE_TEST, raising=False)
        return start_server(own, FEWEST_STEPS)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A folder with a server."""
    folder = tmp_path_factory.mktemp("served")
    with serve(folder) as server:
        yield folder
        server.stdin.close()


def command(*arguments: str, **variables: str) -> list[str]:
    """A step as a shell starts it, in other circumstances that do not matter."""
    assignments = [f"{name}={value}" for name, value in (OWN | variables).items()]
    start = ["env", *assignments, sys.executable, "-I", "-S", start_step.__file__, "-m", "step", *arguments]
    return ["bash", "-c", f"unset {OF_THE_TEST}; export PWD=elsewhere TMPDIR=/tmp/.; {shlex.join(start)}"]


def run_step(folder: Path, code: int | str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A step in `folder` that prints what it was given and, as a fork of a process with torch, ends with `code`."""
    (folder / "step.py").write_text(STEP, encoding="utf-8")
    words = command(str(code), "a b", "c\nd", **variables)
    return subprocess.run(words, cwd=folder, env=dict(os.environ), capture_output=True, text=True)


@pytest.mark.parametrize("code", [0, 1, 17])
def test_a_fork_does_what_a_process_does(tmp_path, served, code):
    run, alone = run_step(served, code), run_step(tmp_path, code)
    assert (run.returncode, alone.returncode) == (code, 0)
    assert run.stderr == alone.stderr
    said = f"{[str(code), 'a b', 'c' + chr(10) + 'd']} {{}} elsewhere /tmp/. __main__\n"
    assert (run.stdout, alone.stdout) == (said.format(served), said.format(tmp_path))


@pytest.mark.parametrize(
    ("code", "found", "said"),
    [
        ('"a line"', 1, "a line\n"),
        ("None", 0, ""),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("os.kill(os.getpid(), 9)", 137, ""),
    ],
)
def test_a_step_ends_as_it_ends_by_itself(served, code, found, said):
    run = run_step(served, code)
    assert run.returncode == found
    assert run.stderr.endswith(f"to standard error\n{said}" if len(said) < 10 else said)


@pytest.mark.parametrize("variable", [{"OMP_NUM_THREADS": "2"}, {"SLURM_JOB_ID": "7"}])
def test_a_step_that_would_not_be_the_same_starts_anew(served, variable):
    assert run_step(served, 17).returncode == 17
    assert run_step(served, 17, **variable).returncode == 0


def test_a_fork_is_for_its_user_alone(served, monkeypatch):
    monkeypatch.chdir(served)
    monkeypatch.setattr(os, "getuid", lambda: -1)
    assert start_step.run_as_fork(["step", "17"]) is None


def start_sleeper(folder: Path) -> tuple[subprocess.Popen, psutil.Process]:
    """A shell that waits for a step, and the step, which is a fork."""
    (folder / "step.py").write_text(f"import sys\n{SLEEPER}", encoding="utf-8")
    shell = subprocess.Popen(command(), cwd=folder, env=dict(os.environ), stdout=subprocess.PIPE, text=True)
    number, is_fork = shell.stdout.readline().split()
    assert is_fork == "True"
    return shell, psutil.Process(int(number))


def has_ended(process: psutil.Process) -> bool:
    """Whether it ends within seconds: who is killed does not end at once."""
    for _ in range(100):
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


def test_a_step_ends_with_who_asked_for_it(served):
    shell, step = start_sleeper(served)
    with shell:
        [waiting] = psutil.Process(shell.pid).children() or [psutil.Process(shell.pid)]
        waiting.kill()
    assert has_ended(step)


def test_a_step_ends_with_the_process_that_attends_to_it(served):
    shell, step = start_sleeper(served)
    step.parent().kill()
    with shell:
        assert shell.wait(10) == 137
    assert has_ended(step)


def test_a_second_run_in_the_folder_has_steps_of_its_own(served):
    """They run the code as it is now, which may not be what the first run's server has imported."""
    assert run_step(served, 17, **{start_step.RUN: "2"}).returncode == 0
    with serve(served, OWN | {start_step.RUN: "2"}) as server:
        assert run_step(served, 17, **{start_step.RUN: "2"}).returncode == 17
        assert run_step(served, 17).returncode == 17
        server.stdin.close()


def test_a_step_outlives_its_server(tmp_path):
    """As it would outlive Snakemake, whose next run ends it (`leftovers`)."""
    with serve(tmp_path) as server:
        shell, step = start_sleeper(tmp_path)
        server.stdin.close()
        assert server.wait(10) == 0
        assert step.status() == psutil.STATUS_SLEEPING
        step.kill()
    with shell:
        assert shell.wait(10) == 137
    assert run_step(tmp_path, 17).returncode == 0


def test_without_a_server_that_can_import_steps_start_anew(tmp_path):
    broken = tmp_path / "broken/superposition"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("1 / 0")
    with serve(tmp_path, OWN | {"PYTHONPATH": f"{broken.parent}:{SOURCE}"}) as server:
        assert run_step(tmp_path, 17, PYTHONPATH=f"{broken.parent}:{SOURCE}").returncode == 0
        assert server.wait(10) == 1


def test_a_server_has_to_be_worth_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert start_server(OWN, FEWEST_STEPS - 1) is None
    monkeypatch.setenv(SWITCH, "0")
    assert start_server(OWN, FEWEST_STEPS) is None


def test_the_steps_of_a_run_are_forks(fresh):
    fresh.replace("src/pipeline/start_step.py", "os.execv(", 'sys.exit("anew")\n        os.execv(')
    fresh.run("--cores", "2", "--until", "sample_features", "sample_training_sets", "sample_dictionary")
    assert len(list(fresh.results.glob("data/*/*"))) > 3
