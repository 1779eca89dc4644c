"""Steps run as forks do what they do as processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from warm_steps import serve_steps
from workflow_runs import ROOT

STEP = """
import os, sys
print(sys.argv[1:], os.getcwd(), os.environ["SEED"], os.environ.get("LEFT"), __name__)
print("to standard error", file=sys.stderr)
if "torch" in sys.modules:
    sys.exit(int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def variables():
    with serve_steps(ROOT / "src") as found:
        yield found


def run_step(folder: Path, variables: dict[str, str], code: int) -> subprocess.CompletedProcess[str]:
    """A step in `folder` that prints what it was given and, as a fork of a process with torch, ends with `code`."""
    (folder / "step.py").write_text(STEP, encoding="utf-8")
    command = f"env SEED='1 2' {sys.executable} -m step {code} 'a b' \"$(printf 'c\\nd')\""
    environment = {name: value for name, value in os.environ.items() if name != "LEFT"} | variables
    return subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("code", [0, 1, 17])
def test_a_fork_does_what_a_process_does(tmp_path, variables, code):
    run, alone = run_step(tmp_path, variables, code), run_step(tmp_path, {}, code)
    assert (run.returncode, alone.returncode) == (code, 0)
    assert (run.stdout, run.stderr) == (alone.stdout, alone.stderr)
    assert run.stdout == f"{[str(code), 'a b', 'c' + chr(10) + 'd']} {tmp_path} 1 2 None __main__\n"


def test_a_step_that_fails_says_so(tmp_path, variables):
    run = run_step(tmp_path, variables, "not-a-number")
    assert run.returncode == 1
    assert "ValueError: invalid literal" in run.stderr
