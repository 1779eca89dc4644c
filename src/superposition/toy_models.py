"""The toy models, written as they read in the papers. This is the specification that every engine is held to.

A stack of independent instances is one set of tensors whose leading axis is the instance:

    W        (instances, n_hidden, n_features)   column i is the direction of feature i
    b_final  (instances, n_features)
    x        (batch, instances, n_features)
"""

from collections.abc import Callable

import torch
from einops import einsum
from torch import Tensor

Parameters = dict[str, Tensor]


def encode(parameters: Parameters, x: Tensor) -> Tensor:
    """h = W x, of shape (batch, instances, n_hidden)."""
    return einsum(parameters["W"], x, "inst hidden feature, batch inst feature -> batch inst hidden")


def decode_linearly(parameters: Parameters, h: Tensor) -> Tensor:
    """W^T h + b, of shape (batch, instances, n_features)."""
    out = einsum(parameters["W"], h, "inst hidden feature, batch inst hidden -> batch inst feature")
    return out + parameters["b_final"]


def linear(parameters: Parameters, x: Tensor) -> Tensor:
    """x' = W^T W x + b: the linear baseline (Elhage et al. 2022, "Demonstrating superposition")."""
    return decode_linearly(parameters, encode(parameters, x))


def relu_output(parameters: Parameters, x: Tensor) -> Tensor:
    """x' = ReLU(W^T W x + b): the ReLU output model (same section)."""
    return torch.relu(linear(parameters, x))


FORWARD: dict[str, Callable[[Parameters, Tensor], Tensor]] = {"linear": linear, "relu_output": relu_output}


def reconstruction_loss(kind: str, parameters: Parameters, x: Tensor, importance: Tensor) -> Tensor:
    """(instances,) mean over batch and features of I_i (x_i - x'_i)^2, with importance of shape (n_features,)."""
    squared_error = (x - FORWARD[kind](parameters, x)) ** 2
    return (importance * squared_error).mean(dim=(0, 2))


def initialise(n_features: int, n_hidden: int, generators: list[torch.Generator]) -> Parameters:
    """Fresh parameters, one instance per generator: W Xavier-normal, b_final zero.

    Each matrix is drawn by itself with std = sqrt(2 / (n_hidden + n_features)). `torch.nn.init.xavier_normal_` applied
    to the whole stack would count the instance axis as a fan, and the scale would depend on how many are trained.
    """
    std = (2.0 / (n_hidden + n_features)) ** 0.5
    W = torch.stack([torch.randn(n_hidden, n_features, generator=g) * std for g in generators])
    return {"W": W, "b_final": torch.zeros(len(generators), n_features)}
