"""What every sparse autoencoder is made of, and the parts that several architectures share."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from einops import einsum
from torch import Tensor
from torch.autograd import Function

Parameters = dict[str, Tensor]
EPSILON = 1e-8  # guards the division by a decoder row's norm


@dataclass(frozen=True)
class Losses:
    """The loss, each part (instances,) and a mean over the batch; `total` is what is minimised."""

    reconstruction: Tensor
    sparsity: Tensor
    total: Tensor
    fraction_active: Tensor  # (instances, n_latents) share of the batch on which each latent fired
    followed: Tensor | None = None  # (instances,) what the architecture's state follows, without gradient


class SparseCode(ABC):
    """What turns activations into latents and back: all that measuring asks for."""

    modes: ClassVar[tuple[str, ...]] = ()  # names of the ways to encode where there are several, the usual one first

    @abstractmethod
    def encode(self, parameters: Parameters, h: Tensor) -> Tensor:
        """z, (batch, instances, n_latents)"""

    @abstractmethod
    def decode(self, parameters: Parameters, z: Tensor) -> Tensor:
        """h', (batch, instances, d_in)"""

    def weights(self, parameters: Parameters) -> Parameters:
        """W_enc, b_enc, W_dec, b_dec: where each latent looks and writes, in the form that all architectures share."""
        return {key: parameters[key] for key in ("W_enc", "b_enc", "W_dec", "b_dec")}

    def thresholds(self, parameters: Parameters) -> Tensor:
        """(instances, n_latents): what (h - b_dec) W_enc + b_enc of `weights` has to exceed for each latent to fire.

        NaN for architectures whose latents have no threshold of their own.
        """
        return torch.full_like(self.weights(parameters)["b_enc"], float("nan"))


@dataclass(frozen=True, kw_only=True)
class Architecture(SparseCode):
    """One kind of autoencoder that is trained by gradients: its tensors, its forward pass and its loss.

    A subclass is a frozen dataclass. Its fields are the keys of the configuration that it has, besides the size. Among
    the tensors some may be state, which the optimizer leaves alone: thresholds that follow the data, settings that
    differ between instances. All are saved, so that encoding needs no more than the tensors.

    Args:
        reconstruction_loss: whether squared errors are averaged over d_in ("mean") or added up ("sum")
        decoder: "trained", "frozen" at its initial value, or "soft_frozen", with each row kept within an angle of its
            initial direction (the controls of Korznikov et al. 2026)
        decoder_cosine: the cosine of that angle
        decoder_bias: whether b_dec is trained; otherwise it stays 0 (Sharkey et al. 2022)
    """

    state: ClassVar[tuple[str, ...]] = ()
    per_instance: ClassVar[tuple[str, ...]] = ()  # settings that may be swept, see `setting`

    reconstruction_loss: str = "mean"
    decoder: str = "trained"
    decoder_cosine: float = 0.8
    decoder_bias: bool = True

    @abstractmethod
    def initialise(
        self, d_in: int, n_latents: int, generators: list[torch.Generator], settings: Parameters | None = None
    ) -> Parameters:
        """Fresh parameters, one instance per generator.

        Args:
            settings: name -> (instances,), the settings that are swept; they are kept among the parameters
        """

    @abstractmethod
    def losses(self, parameters: Parameters, h: Tensor, sparsity_penalty: Tensor) -> Losses:
        """The loss on h, (batch, instances or 1, d_in); the penalty is (instances,)."""

    @abstractmethod
    def restart_latent(
        self, parameters: Parameters, instance: int, latent: int, direction: Tensor, scale: float
    ) -> None:
        """Make one latent, in place, look for the unit vector `direction` (d_in,), with an encoder of norm `scale`."""

    def begin_step(self, parameters: Parameters, done: float, generator: torch.Generator) -> None:
        """Change state that follows a schedule, in place, before a step.

        Args:
            done: the share of training that is over, in [0, 1)
            generator: one for all instances, on the CPU; what it gives must not depend on their number
        """

    def adjust_gradients(self, parameters: Parameters, gradients: Parameters) -> None:
        """What is done to the gradients, in place, before the optimizer sees them."""

    def after_step(self, parameters: Parameters) -> None:
        """What is done to the parameters, in place, after every step of the optimizer."""

    def observe(self, parameters: Parameters, losses: Losses) -> None:
        """Change state that follows the data, in place, once a step's losses are known and before its update."""

    def trained(self, parameters: Parameters) -> Parameters:
        """The tensors that the optimizer moves."""
        fixed = {*self.state, *self.per_instance, "W_dec_initial"} | ({"W_dec"} if self.decoder == "frozen" else set())
        fixed |= set() if self.decoder_bias else {"b_dec"}
        return {name: tensor for name, tensor in parameters.items() if name not in fixed}

    def setting(self, parameters: Parameters, name: str) -> float | Tensor:
        """A setting's value for all instances, or, where it is swept, its values (instances, 1)."""
        return parameters[name][:, None] if name in parameters else getattr(self, name)

    def squared_error(self, h: Tensor, h_hat: Tensor) -> Tensor:
        """(instances,) mean over the batch, mean or sum over d_in, of (h - h')^2."""
        if self.reconstruction_loss == "sum":
            return ((h - h_hat) ** 2).sum(-1).mean(0)
        return mean_squared_error(h, h_hat)


def draw_weights(generators: list[torch.Generator], rows: int, columns: int) -> Tensor:
    """(len(generators), rows, columns), uniform.

    The bound sqrt(6 / (rows columns)) is what `kaiming_uniform_` gives in ARENA 1.5.4, which applies it to the stack of
    matrices; it does not depend on the number of instances.
    """
    bound = math.sqrt(6.0 / (rows * columns))
    return torch.stack([(2 * torch.rand(rows, columns, generator=g) - 1) * bound for g in generators])


def normalise(rows: Tensor) -> Tensor:
    """Vectors along the last axis, scaled to unit length; zeros stay zeros."""
    return rows / (rows.norm(dim=-1, keepdim=True) + EPSILON)


def normalise_decoder(parameters: Parameters) -> Tensor:
    """Decoder rows of unit length, of W_dec's shape."""
    return normalise(parameters["W_dec"])


def latent_axis(name: str) -> int | None:
    """Which axis of a parameter of that name, behind the instances, belongs to the latents; None if it has none."""
    return {"b_dec": None, "W_dec": -2}.get(name, -1)


class Spread(Function):
    """A vector of every instance repeated along the batch, with a gradient that an instance gets alike in any company.

    torch adds up a batch in an order that depends on how many instances there are. Here it is a product of matrices,
    one per instance.
    """

    @staticmethod
    def forward(ctx, vectors: Tensor, batch_size: int) -> Tensor:
        return vectors.expand(batch_size, *vectors.shape)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        ones = gradient.new_ones(gradient.shape[1], 1, gradient.shape[0])
        return torch.bmm(ones, gradient.transpose(0, 1))[:, 0], None


def spread(vectors: Tensor, batch: Tensor) -> Tensor:
    """(instances, n) -> (batch, instances, n), as often as there are samples in `batch`; see Spread."""
    return Spread.apply(vectors, len(batch))


def read(h: Tensor, b_dec: Tensor, W: Tensor) -> Tensor:
    """(h - b_dec) W, of shape (batch, instances, n_latents)."""
    return einsum(h - spread(b_dec, h), W, "batch inst d, inst d latent -> batch inst latent")


def combine(z: Tensor, directions: Tensor) -> Tensor:
    """z D, of shape (batch, instances, d_in)."""
    if z.shape[-1] == 1:  # no product of matrices to torch, which then adds up the batch as Spread says
        return z * spread(directions[:, 0], z)
    return einsum(z, directions, "batch inst latent, inst latent d -> batch inst d")


def write(z: Tensor, directions: Tensor, b_dec: Tensor) -> Tensor:
    """z D + b_dec, of shape (batch, instances, d_in)."""
    return combine(z, directions) + spread(b_dec, z)


def fraction_active(z: Tensor) -> Tensor:
    """(instances, n_latents) share of a batch (batch, instances, n_latents) on which each latent is above 0."""
    return (z.detach() > 0).float().mean(0)


def mean_squared_error(h: Tensor, h_hat: Tensor) -> Tensor:
    """(instances,) mean over batch and d_in of (h - h')^2."""
    return ((h - h_hat) ** 2).mean(dim=(0, 2))
