"""Runs of the workflow that test files share; conftest.py makes them known to pytest."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from workflow_runs import Project, cut_down, make_project


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small copy of the project as it stood when the tests began, which most runs are made of."""
    return make_project(tmp_path_factory.mktemp("sources") / "project", cut_down())


@pytest.fixture(scope="session")
def tiny_run(sources: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small copy, run once to its end, for all of pytest's workers. Read it, but do not change it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # which the workers of this session have in common
    project = Project(folder / "tiny" / "run")
    with FileLock(folder / "tiny.lock"):
        if not (folder / "tiny" / "done").exists():
            shutil.rmtree(folder / "tiny", ignore_errors=True)  # of a worker whose run failed
            sources.copy(project.root).run("--cores", "2")
            (folder / "tiny" / "done").touch()
    return project


@pytest.fixture
def finished(tiny_run: Project, tmp_path: Path) -> Project:
    """A copy of the tiny run at another path, to edit."""
    return tiny_run.copy(tmp_path / "project")


@pytest.fixture
def fresh(sources: Project, tmp_path: Path) -> Project:
    """The project before anything was run, to edit."""
    return sources.copy(tmp_path / "project")
