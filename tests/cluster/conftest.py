"""A cluster for all tests of this folder, and the small workload that they send there."""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from slurm_cluster import SlurmCluster, find_missing
from workload import Workload, make_sources

PLUGINS = ("snakemake_executor_plugin_slurm", "snakemake_executor_plugin_cluster_generic")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where Slurm is missing, `make test` goes on without; `make test-cluster` installs it, or fails."""
    missing = find_missing() + [plugin for plugin in PLUGINS if importlib.util.find_spec(plugin) is None]
    for item in items if missing and not os.environ.get("TEST_LONG") else []:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.skip(reason=f"no {', '.join(missing)}: make test-cluster installs it"))


@pytest.fixture(scope="session")
def cluster_folder():
    """Of a short path, for there is a limit to the length of a socket's."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def cluster(cluster_folder):
    """Two nodes with one GPU each."""
    folder = Path(tempfile.mkdtemp(dir=cluster_folder))
    cluster = SlurmCluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def cluster_sources(tmp_path_factory):
    return make_sources(tmp_path_factory.mktemp("workload") / "sources")


@pytest.fixture(scope="session")
def local_run(cluster_sources, tmp_path_factory) -> Workload:
    """The workload, run to its end without a cluster: what every other run has to equal."""
    workload = Workload(cluster_sources.copy(tmp_path_factory.mktemp("local") / "project"))
    workload.start("default", "--cores", "2").finish()
    return workload


@pytest.fixture
def workload(cluster_sources, cluster, tmp_path):
    """The workload before anything of it was run, on the cluster. Controllers that still run in the end are killed."""
    workload = Workload(cluster_sources.copy(tmp_path / "project"), cluster)
    yield workload
    workload.stop()
