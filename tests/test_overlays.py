"""The configurations in docs/ that are laid over config.yaml plan what their headers say, by the commands they give."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from workflow_runs import ROOT, SOURCES, make_environment

HEADER = re.compile(r"#   (snakemake .*?)\n#\n", re.DOTALL)
JOBS = {  # header -> training jobs that its command plans
    "sharkey": ("fit_saes", 16),
    "synthsaebench": ("fit_saes", 5),
    "double_descent_grid": ("train_on_finite_data", 20),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A project without results: the sources, linked."""
    for name in (*SOURCES, "config.yaml", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.mark.parametrize("name", JOBS)
def test_the_command_of_a_header_plans_its_jobs(copy: Path, name: str):
    [command] = HEADER.findall((copy / f"docs/{name}.yaml").read_text())
    command = command.replace("\\\n#", "").replace("snakemake ", "snakemake -n --quiet reason ", 1)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = make_environment() | {"PATH": path}
    run = subprocess.run(["bash", "-c", command], cwd=copy, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    rule, jobs = JOBS[name]
    assert re.search(rf"^{rule} +{jobs}$", run.stdout, re.MULTILINE), run.stdout[:2000]
