"""One thread, as jobs have it: results and times do not depend on the machine's number of cores. Shared fixtures."""

import os

import pytest
import torch
from workflow_fixtures import finished, fresh, sources, tiny_run

__all__ = ["finished", "fresh", "sources", "tiny_run"]

torch.set_num_threads(1)


# Files whose tests take minutes. They begin first, or in the end all workers but one would wait for the last of them.
LONGEST = [
    "tiny_twin",
    "determinism",
    "slurm",
    "kernels_compilation",
    "kernels_toy_models",
    "sae_tools",
    "kill",
    "report",
    "reruns",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {f"test_{name}": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(LONGEST)))
    for item in items:
        if item.get_closest_marker("long") and not os.environ.get("TEST_LONG"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: make test-cluster runs it"))
