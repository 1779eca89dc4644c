"""What every sparse autoencoder is made of, and the parts that several architectures share."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from einops import einsum
from torch import Tensor

Parameters = dict[str, Tensor]
EPSILON = 1e-8  # guards the division by a decoder row's norm


@dataclass(frozen=True)
class Losses:
    """The loss, each part (instances,) and a mean over the batch; `total` is what is minimised."""

    reconstruction: Tensor
    sparsity: Tensor
    total: Tensor
    active: Tensor  # (batch, instances, n_latents) bool: which latents fired


class Architecture(ABC):
    """One kind of autoencoder: its tensors, its forward pass and its loss.

    A subclass is a frozen dataclass. Its fields are the keys of the configuration that it alone has.
    """

    @abstractmethod
    def initialise(self, d_in: int, n_latents: int, generators: list[torch.Generator]) -> Parameters:
        """Fresh parameters, one instance per generator."""

    @abstractmethod
    def encode(self, parameters: Parameters, h: Tensor) -> Tensor:
        """z, (batch, instances, n_latents)"""

    @abstractmethod
    def decode(self, parameters: Parameters, z: Tensor) -> Tensor:
        """h', (batch, instances, d_in)"""

    @abstractmethod
    def losses(self, parameters: Parameters, h: Tensor, sparsity_penalty: Tensor) -> Losses:
        """The loss on h; the penalty is (instances,)."""

    @abstractmethod
    def restart_latent(
        self, parameters: Parameters, instance: int, latent: int, direction: Tensor, scale: float
    ) -> None:
        """Make one latent, in place, look for the unit vector `direction` (d_in,), with an encoder of norm `scale`."""

    def weights(self, parameters: Parameters) -> Parameters:
        """W_enc, b_enc, W_dec, b_dec: where each latent looks and writes, in the form that all architectures share."""
        return {key: parameters[key] for key in ("W_enc", "b_enc", "W_dec", "b_dec")}

    def thresholds(self, parameters: Parameters) -> Tensor:
        """(instances, n_latents): what (h - b_dec) W_enc + b_enc of `weights` has to exceed for each latent to fire.

        NaN for architectures whose latents have no threshold of their own.
        """
        return torch.full_like(self.weights(parameters)["b_enc"], float("nan"))

    def after_step(self, parameters: Parameters) -> None:  # noqa: B027 - most have nothing to do
        """What is done to the parameters, in place, after every step of the optimizer."""


def draw_weights(generators: list[torch.Generator], rows: int, columns: int) -> Tensor:
    """(len(generators), rows, columns), uniform.

    The bound sqrt(6 / (rows columns)) is what `kaiming_uniform_` gives in ARENA 1.5.4, which applies it to the stack of
    matrices; it does not depend on the number of instances.
    """
    bound = math.sqrt(6.0 / (rows * columns))
    return torch.stack([(2 * torch.rand(rows, columns, generator=g) - 1) * bound for g in generators])


def normalise_decoder(parameters: Parameters) -> Tensor:
    """Decoder rows of unit length, of W_dec's shape."""
    W_dec = parameters["W_dec"]
    return W_dec / (W_dec.norm(dim=-1, keepdim=True) + EPSILON)


def read(h: Tensor, b_dec: Tensor, W: Tensor) -> Tensor:
    """(h - b_dec) W, of shape (batch, instances, n_latents)."""
    return einsum(h - b_dec, W, "batch inst d, inst d latent -> batch inst latent")


def write(z: Tensor, directions: Tensor, b_dec: Tensor) -> Tensor:
    """z D + b_dec, of shape (batch, instances, d_in)."""
    return einsum(z, directions, "batch inst latent, inst latent d -> batch inst d") + b_dec


def mean_squared_error(h: Tensor, h_hat: Tensor) -> Tensor:
    """(instances,) mean over batch and d_in of (h - h')^2."""
    return ((h - h_hat) ** 2).mean(dim=(0, 2))
