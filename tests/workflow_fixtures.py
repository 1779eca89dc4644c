"""Runs of the workflow that test files share; conftest.py makes them known to pytest."""

from pathlib import Path

import pytest
from workflow_runs import Project, cut_down, make_project


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small copy of the project as it stood when the tests began, which most runs are made of."""
    return make_project(tmp_path_factory.mktemp("sources") / "project", cut_down())


@pytest.fixture(scope="session")
def tiny_run(sources: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small copy, run once to its end. Read it, but do not change it."""
    project = sources.copy(tmp_path_factory.mktemp("tiny") / "run")
    project.run("--cores", "2")
    return project


@pytest.fixture
def finished(tiny_run: Project, tmp_path: Path) -> Project:
    """A copy of the tiny run at another path, to edit."""
    return tiny_run.copy(tmp_path / "project")


@pytest.fixture
def fresh(sources: Project, tmp_path: Path) -> Project:
    """The project before anything was run, to edit."""
    return sources.copy(tmp_path / "project")
