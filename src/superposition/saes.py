"""The sparse autoencoders, written as they read in the papers. This is the specification that every engine is held to.

A stack of independent instances is one set of tensors whose leading axis is the instance:

    W_enc  (instances, d_in, n_latents)        b_enc  (instances, n_latents)
    W_dec  (instances, n_latents, d_in)        b_dec  (instances, d_in)
    h      (batch, instances, d_in)            z      (batch, instances, n_latents)
"""

import math
from dataclasses import dataclass

import torch
from einops import einsum
from torch import Tensor

Parameters = dict[str, Tensor]
EPSILON = 1e-8  # guards the division by a decoder row's norm


@dataclass(frozen=True)
class Losses:
    """Parts of the loss, each (instances,); `total` is what is minimised."""

    reconstruction: Tensor
    sparsity: Tensor
    total: Tensor
    active: Tensor  # (batch, instances, n_latents) bool: which latents fired


def normalise_decoder(parameters: Parameters) -> Tensor:
    """Decoder rows of unit length, of W_dec's shape."""
    W_dec = parameters["W_dec"]
    return W_dec / (W_dec.norm(dim=-1, keepdim=True) + EPSILON)


class ReluSae:
    """z = ReLU((h - b_dec) W_enc + b_enc),  h' = z W_dec / |W_dec| + b_dec.

    Bricken et al. 2023 ("Towards Monosemanticity", Sparse Autoencoder Setup) with the conventions of ARENA 1.5.4
    section 5: reconstruction is averaged, not summed, over d_in, and the decoder is normalised in the forward pass and
    after every step.
    """

    @staticmethod
    def encode(parameters: Parameters, h: Tensor) -> Tensor:
        centred = h - parameters["b_dec"]
        pre = einsum(centred, parameters["W_enc"], "batch inst d, inst d latent -> batch inst latent")
        return torch.relu(pre + parameters["b_enc"])

    @staticmethod
    def decode(parameters: Parameters, z: Tensor) -> Tensor:
        directions = normalise_decoder(parameters)
        return einsum(z, directions, "batch inst latent, inst latent d -> batch inst d") + parameters["b_dec"]

    @classmethod
    def losses(cls, parameters: Parameters, h: Tensor, sparsity_penalty: Tensor) -> Losses:
        """mean_d (h - h')^2 + sparsity_penalty * sum_j |z_j|, averaged over the batch; the penalty is (instances,)."""
        z = cls.encode(parameters, h)
        reconstruction = ((h - cls.decode(parameters, z)) ** 2).mean(dim=(0, 2))
        sparsity = z.abs().sum(-1).mean(0)
        return Losses(reconstruction, sparsity, reconstruction + sparsity_penalty * sparsity, (z > 0).detach())


ARCHITECTURES = {"relu": ReluSae}


def initialise(d_in: int, n_latents: int, generators: list[torch.Generator]) -> Parameters:
    """Fresh parameters, one instance per generator: weights uniform, biases zero, decoder rows normalised.

    The bound sqrt(6 / (d_in n_latents)) is what `kaiming_uniform_` gives in ARENA 1.5.4, which applies it to the stack
    of matrices; it does not depend on the number of instances.
    """
    bound = math.sqrt(6.0 / (d_in * n_latents))

    def draw(generator: torch.Generator, *shape: int) -> Tensor:
        return (2 * torch.rand(*shape, generator=generator) - 1) * bound

    n = len(generators)
    parameters = {
        "W_enc": torch.stack([draw(g, d_in, n_latents) for g in generators]),
        "W_dec": torch.stack([draw(g, n_latents, d_in) for g in generators]),
        "b_enc": torch.zeros(n, n_latents),
        "b_dec": torch.zeros(n, d_in),
    }
    parameters["W_dec"] = normalise_decoder(parameters)
    return parameters


@torch.no_grad()
def resample_simple(parameters: Parameters, dead: Tensor, scale: float, generators: list[torch.Generator]) -> None:
    """Give every dead latent a new random unit direction v: W_dec = v, W_enc = scale v, b_enc = 0 (ARENA 1.5.4, 5).

    Args:
        dead: (instances, n_latents) bool; the others are left as they are
        generators: one per instance, so that an instance's draws do not depend on the other instances' dead
    """
    for instance, latent in dead.cpu().nonzero().tolist():
        direction = torch.randn(parameters["W_dec"].shape[-1], generator=generators[instance])
        direction = (direction / direction.norm()).to(parameters["W_dec"].device)
        parameters["W_dec"][instance, latent] = direction
        parameters["W_enc"][instance, :, latent] = scale * direction
        parameters["b_enc"][instance, latent] = 0.0
