"""The loss of a small toy model in expectation over independent features, by quadrature instead of samples.

At a feature probability of 0.01 two features meet in one sample of ten thousand, and that sample is where models in
superposition err: held-out losses of such models are too noisy to be held against a formula.
"""

import numpy as np
import torch
from torch import Tensor

from superposition.features import SparseFeatures
from superposition.toy_models import KINDS, Parameters, take_instances

MOST_FEATURES = 3
NODES = 16  # values of a feature that is present; the error is far below one per cent, corners of the ReLU included
OUTPUTS = 4_000_000  # outputs per pass: bounds the memory


def expected_losses(
    kind: str, parameters: Parameters, distribution: SparseFeatures, importance: Tensor
) -> np.ndarray | float:
    """(instances,) E[mean over features of I_i (y_i - x'_i)^2]; NaN if it is not computed.

    It is for at most MOST_FEATURES independent features. Each is absent, or has one of NODES Gauss-Legendre values; the
    sum runs over all combinations.

    Args:
        distribution: of the instances' features; importance: (instances, n_features)
    """
    n_instances, n_features = importance.shape
    if n_features > MOST_FEATURES or not distribution.is_independent:
        return float("nan")
    nodes, weights = np.polynomial.legendre.leggauss(NODES)  # on [-1, 1], weights that sum to 2
    lowest = distribution.lowest
    values = torch.tensor([0.0, *(lowest + (1 - lowest) * (nodes + 1) / 2)], dtype=torch.float64)
    p = distribution.probability.double()[..., None]
    weights = torch.cat([1 - p, p * torch.from_numpy(weights) / 2], dim=2)  # (instances, n_features, 1 + NODES)
    grid = torch.cartesian_prod(*[torch.arange(len(values))] * n_features).view(-1, n_features)
    x, losses = values[grid][:, None], np.empty(n_instances)  # x (combinations, 1, n_features)
    precise = {name: tensor.double() for name, tensor in parameters.items()}
    features = torch.arange(n_features)
    for instances in torch.arange(n_instances).split(max(1, OUTPUTS // grid.numel())):
        errors = KINDS[kind].target(x) - KINDS[kind].forward(take_instances(precise, instances), x)
        weighted = (importance[instances] * errors**2).mean(-1)  # (combinations, instances)
        chances = weights[instances][:, features, grid].prod(-1)  # (instances, combinations)
        losses[instances.numpy()] = (chances * weighted.T).sum(1).numpy()
    return losses
