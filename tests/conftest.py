"""One thread, as jobs have it: results and times do not depend on the machine's number of cores."""

import torch

torch.set_num_threads(1)
