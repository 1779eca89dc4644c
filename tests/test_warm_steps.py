"""Steps run as forks do what they do as processes of their own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from warm_steps import serve_steps
from workflow_runs import ROOT

STEP = """
import os, sys
print(sys.argv[1:], os.getcwd(), os.environ["SEED"], os.environ.get("LEFT"), __name__)
print("to standard error", file=sys.stderr)
if "torch" in sys.modules:
    sys.exit(eval(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def variables():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEFT", "in the server")
        with serve_steps(ROOT / "src") as found:
            yield found


def run_step(folder: Path, variables: dict[str, str], code: int | str) -> subprocess.CompletedProcess[str]:
    """A step in `folder` that prints what it was given and, as a fork of a process with torch, ends with `code`."""
    (folder / "step.py").write_text(STEP, encoding="utf-8")
    command = f"env SEED='1 2' {sys.executable} -m step '{code}' 'a b' \"$(printf 'c\\nd')\""
    environment = {name: value for name, value in os.environ.items() if name != "LEFT"} | variables
    return subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("code", [0, 1, 17])
def test_a_fork_does_what_a_process_does(tmp_path, variables, code):
    run, alone = run_step(tmp_path, variables, code), run_step(tmp_path, {}, code)
    assert (run.returncode, alone.returncode) == (code, 0)
    assert (run.stdout, run.stderr) == (alone.stdout, alone.stderr)
    assert run.stdout == f"{[str(code), 'a b', 'c' + chr(10) + 'd']} {tmp_path} 1 2 None __main__\n"


@pytest.mark.parametrize(
    ("code", "found", "said"),
    [
        ('"a line"', 1, "a line\n"),
        ("None", 0, ""),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("os.kill(os.getpid(), 9)", 137, ""),
    ],
)
def test_a_step_ends_as_it_ends_by_itself(tmp_path, variables, code, found, said):
    run = run_step(tmp_path, variables, code)
    assert run.returncode == found
    assert run.stderr.endswith(f"to standard error\n{said}" if len(said) < 10 else said)


def test_no_step_outlives_the_server(tmp_path):
    (tmp_path / "step.py").write_text(
        "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)", encoding="utf-8"
    )
    with serve_steps(ROOT / "src") as variables:
        command = ["bash", "-c", f"env A=1 {sys.executable} -m step"]
        shell = subprocess.Popen(command, cwd=tmp_path, env=os.environ | variables, stdout=subprocess.PIPE)
        step = psutil.Process(int(shell.stdout.readline()))
    assert (shell.wait(), shell.stdout.close()) == (1, None)
    for _ in range(100):  # of a tenth of a second: who is killed does not end at once
        if not step.is_running() or step.status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    pytest.fail(f"{step} is still at work")
