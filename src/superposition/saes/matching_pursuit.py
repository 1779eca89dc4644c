"""The autoencoder that encodes by matching pursuit: greedily, one latent at a time, on what is left unexplained."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from superposition.saes.architecture import (
    Architecture,
    Losses,
    Parameters,
    draw_weights,
    fraction_active,
    normalise,
    spread,
    write,
)


@dataclass(frozen=True, kw_only=True)
class MatchingPursuitSae(Architecture):
    """k times: the latent whose unit decoder row is the most along the residual takes that part of it.

    The residual is h - b_dec at first; z_j = max(0, residual . d_j) is added for the latent j where it is largest, and
    z_j d_j is taken off. A latent may be chosen again. There is no encoder but the decoder.

    Costa et al. 2025 ("From Flat to Hierarchical: Extracting Sparse Representations with Matching Pursuit", section 3).

    Args:
        k: iterations, the largest number of latents that a sample can have active

    Tensors: W_dec, b_dec as in saes.
    """

    per_instance: ClassVar[tuple[str, ...]] = ("k",)

    k: float

    def initialise(
        self, d_in: int, n_latents: int, generators: list[torch.Generator], settings: Parameters | None = None
    ) -> Parameters:
        """Decoder rows uniform, see draw_weights, then normalised; b_dec zero."""
        W_dec = normalise(draw_weights(generators, n_latents, d_in))
        return {"W_dec": W_dec, "b_dec": torch.zeros(len(generators), d_in)} | (settings or {})

    def counts(self, parameters: Parameters) -> list[int]:
        """k, rounded, of every instance."""
        k = self.setting(parameters, "k")
        k = k[:, 0].tolist() if isinstance(k, Tensor) else [k] * len(parameters["b_dec"])
        return [round(each) for each in k]

    def encode(self, parameters: Parameters, h: Tensor) -> Tensor:
        return self.pursue(parameters, h)[0]

    def pursue(self, parameters: Parameters, h: Tensor) -> tuple[Tensor, Tensor]:
        """z, (batch, instances, n_latents), and the residual that it leaves of h, (batch, instances, d_in)."""
        directions, residual = normalise(parameters["W_dec"]), h - spread(parameters["b_dec"], h)
        n_instances, n_latents, _ = directions.shape
        z = residual.new_zeros(*residual.shape[:2], n_latents)
        counts, instances = self.counts(parameters), torch.arange(n_instances, device=h.device)
        for iteration in range(max(counts)):
            with torch.no_grad():
                latent = torch.einsum("bid,ild->bil", residual, directions).argmax(-1)
            chosen = directions[instances, latent]  # (batch, instances, d_in)
            part = torch.relu((residual * chosen).sum(-1, keepdim=True))
            if iteration >= min(counts):
                part = part * (iteration < torch.tensor(counts, device=h.device))[:, None]
            z = z.scatter_add(-1, latent[..., None], part)
            residual = residual - part * chosen
        return z, residual

    def decode(self, parameters: Parameters, z: Tensor) -> Tensor:
        return write(z, normalise(parameters["W_dec"]), parameters["b_dec"])

    def losses(self, parameters: Parameters, h: Tensor, sparsity_penalty: Tensor) -> Losses:
        """mean_d (h - h')^2, averaged over the batch; h - h' is the last residual. The penalty has no part in it."""
        z, residual = self.pursue(parameters, h)
        reconstruction = self.squared_error(residual, torch.zeros_like(residual))
        return Losses(reconstruction, torch.zeros_like(reconstruction), reconstruction, fraction_active(z))

    def restart_latent(
        self, parameters: Parameters, instance: int, latent: int, direction: Tensor, scale: float
    ) -> None:
        """W_dec = v; there is no other encoder that `scale` could apply to."""
        parameters["W_dec"][instance, latent] = direction

    def weights(self, parameters: Parameters) -> Parameters:
        """The encoder of the first iteration, without a bias."""
        directions = normalise(parameters["W_dec"])
        b_enc = torch.zeros_like(directions[..., 0])
        return {"W_enc": directions.mT, "b_enc": b_enc, "W_dec": directions, "b_dec": parameters["b_dec"]}

    def after_step(self, parameters: Parameters) -> None:
        parameters["W_dec"].copy_(normalise(parameters["W_dec"]))
