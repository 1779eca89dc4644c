"""AuxK: dead latents are trained on what the living leave unexplained."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from superposition.saes.architecture import Losses, Parameters, combine
from superposition.saes.linear import LinearSae
from superposition.saes.selection import keep_largest


@dataclass(frozen=True, kw_only=True)
class AuxiliarySae(LinearSae):
    """An autoencoder that knows its dead latents, those silent on every sample of the last `dead_window` steps.

    The auxiliary loss is aux_coefficient |e - e'|^2, averaged or summed as the reconstruction loss is, where
    e = h - h' is held constant and e' decodes, without b_dec, the `aux_k` largest positive pre-activations among the
    dead.

    Gao et al. 2024 ("Scaling and evaluating sparse autoencoders", section 2 and appendix A.2).

    Args:
        aux_coefficient: 0 for none
        aux_k: a number of latents, or "half" of d_in

    State: silent_steps (instances, n_latents), how many steps each latent has been silent for.
    """

    state: ClassVar[tuple[str, ...]] = ("silent_steps",)

    aux_coefficient: float = 1 / 32
    aux_k: int | str = "half"
    dead_window: int = 1_000

    def initialise(
        self, d_in: int, n_latents: int, generators: list[torch.Generator], settings: Parameters | None = None
    ) -> Parameters:
        state = {"silent_steps": torch.zeros(len(generators), n_latents)}
        return super().initialise(d_in, n_latents, generators, settings) | state

    def dead(self, parameters: Parameters) -> Tensor:
        """(instances, n_latents) bool"""
        return parameters["silent_steps"] >= self.dead_window

    def aux_count(self, d_in: int) -> int:
        """aux_k as a number."""
        return max(1, d_in // 2 if self.aux_k == "half" else self.aux_k)

    def auxiliary_loss(self, parameters: Parameters, h: Tensor, h_hat: Tensor, pre: Tensor) -> Tensor:
        """(instances,), 0 for an instance without dead latents."""
        dead = self.dead(parameters)
        if self.aux_coefficient == 0 or not dead.any():
            return torch.zeros(len(dead), device=h.device)
        pre = torch.where(dead, torch.relu(pre), 0.0)
        counts = [self.aux_count(h.shape[-1])] * len(dead)
        kept = keep_largest(pre.detach().transpose(0, 1), counts).transpose(0, 1)
        error = (h - h_hat).detach()
        explained = combine(pre * kept, self.directions(parameters))
        return torch.where(dead.any(-1), self.aux_coefficient * self.squared_error(error, explained), 0.0)

    def observe(self, parameters: Parameters, losses: Losses) -> None:
        fired = losses.fraction_active > 0
        parameters["silent_steps"].copy_(torch.where(fired, 0.0, parameters["silent_steps"] + 1))

    def restart_latent(
        self, parameters: Parameters, instance: int, latent: int, direction: Tensor, scale: float
    ) -> None:
        super().restart_latent(parameters, instance, latent, direction, scale)
        parameters["silent_steps"][instance, latent] = 0.0
