"""One thread, as jobs have it: results and times do not depend on the machine's number of cores. Shared fixtures."""

import torch
from workflow_fixtures import finished, fresh, sources, tiny_run

__all__ = ["finished", "fresh", "sources", "tiny_run"]

torch.set_num_threads(1)
