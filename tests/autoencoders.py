"""What the tests of the autoencoders' kernels share: the architectures, and how the kernels see them."""

import numpy as np
import pytest
import torch

from superposition import saes
from superposition.kernels.sae_training import KERNELS

TRAINING = {"batch_size": 64, "steps": 20, "schedule": "constant", "warmup_steps": 0, "weight_decay": 0.0}
ANGLES = torch.arange(5) * 2 * torch.pi / 5
PENTAGON = 1.15 * torch.stack([ANGLES.cos(), ANGLES.sin()])

RELU, GATED = saes.ReluSae(), saes.GatedSae()
ARCHITECTURES = [RELU, GATED, saes.JumpReluSae(threshold_init=0.1, bandwidth=0.3)]
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda each: type(each).__name__)


def order(architecture):
    return KERNELS[type(architecture)].ORDER


def flatten(arrays, names):
    return np.concatenate([np.asarray(arrays[name]).ravel() for name in names])
