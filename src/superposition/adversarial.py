"""The analytic attack on a toy model with linear hidden units (Elhage et al. 2022, "... and Adversarial Robustness").

Gradients of a ReLU output are masked, so the paper attacks through the weights: what moves output i of W^T W x most is
the i-th row of W^T W. In superposition that row leads through all features that interfere with i.
"""

import torch
from torch import Tensor


def attack_directions(W: Tensor) -> Tensor:
    """(..., n_features, n_features): row i is row i of W^T W at length 1; zero where feature i is absent."""
    rows = W.mT @ W
    return rows / rows.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(W.dtype).tiny)


def perturb(W: Tensor, x: Tensor, size: Tensor, generator: torch.Generator) -> Tensor:
    """x (batch, instances, n_features) under an attack on a random feature of each sample, with a random sign.

    Its length is `size` (instances,) times the mean length of the instance's inputs in this batch. W is
    (instances, n_hidden, n_features).
    """
    batch, instances, n_features = x.shape
    feature = torch.randint(n_features, (batch, instances), generator=generator, device=x.device)
    sign = 2 * torch.randint(2, (batch, instances, 1), generator=generator, device=x.device) - 1
    directions = attack_directions(W)[torch.arange(instances, device=x.device), feature]
    return x + (size * x.norm(dim=-1).mean(0))[:, None] * sign * directions
