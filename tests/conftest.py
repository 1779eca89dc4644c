"""One thread, as jobs have it: results and times do not depend on the machine's number of cores. Shared fixtures."""

import os

import pytest
import torch
from workflow_fixtures import finished, fresh, sources, tiny_run

__all__ = ["finished", "fresh", "sources", "tiny_run"]

torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("long") and not os.environ.get("TEST_LONG"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: make test-cluster runs it"))
