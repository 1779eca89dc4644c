"""The ReLU autoencoder whose penalty turns from an L1 norm into nearly a count of active latents."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from superposition.saes.architecture import Losses, Parameters, fraction_active
from superposition.saes.relu import ReluSae

SHIFT = 1e-6  # added to activations in the penalty: the slope of z^p is infinite at 0


@dataclass(frozen=True, kw_only=True)
class PAnnealingSae(ReluSae):
    """A ReluSae with the penalty c sum_j |z_j|^p, where p falls from 1 to `final_power` along a line.

    The factor c, 1 at first, keeps the penalty's size as p falls: at every change of p it is multiplied by the ratio of
    the old to the new sum, to first order in the change.

    Karvonen et al. 2024 ("Measuring Progress in Dictionary Learning for Language Model Interpretability with Board Game
    Models", section 3), who change p ten times, with the ratio taken over several batches.

    Args:
        final_power: p at the end of training
        anneal_start: share of training after which p begins to fall

    State, (instances,): power and penalty_factor, p and c; log_slope, d log(sum_j z_j^p) / dp on the last batch.
    """

    state: ClassVar[tuple[str, ...]] = ("power", "penalty_factor", "log_slope")

    final_power: float = 0.2
    anneal_start: float = 0.0

    def initialise(
        self, d_in: int, n_latents: int, generators: list[torch.Generator], settings: Parameters | None = None
    ) -> Parameters:
        n = len(generators)
        state = {"power": torch.ones(n), "penalty_factor": torch.ones(n), "log_slope": torch.zeros(n)}
        return super().initialise(d_in, n_latents, generators, settings) | state

    def begin_step(self, parameters: Parameters, done: float, generator: torch.Generator) -> None:
        power = 1 - (1 - self.final_power) * max(0.0, done - self.anneal_start) / (1 - self.anneal_start)
        change = power - parameters["power"]
        parameters["penalty_factor"] *= (-change * parameters["log_slope"]).exp()
        parameters["power"].fill_(power)

    def losses(self, parameters: Parameters, h: Tensor, sparsity_penalty: Tensor) -> Losses:
        """mean_d (h - h')^2 + sparsity_penalty * c sum_j (|z_j| |d_j|)^p, averaged over the batch."""
        z = self.encode(parameters, h)
        reconstruction = self.squared_error(h, self.decode(parameters, z))
        written, power = self.contribution(parameters, z), parameters["power"][:, None]
        powers = (written + SHIFT) ** power - SHIFT**power
        sparsity = parameters["penalty_factor"] * powers.sum(-1).mean(0)
        total = reconstruction + sparsity_penalty * sparsity
        return Losses(reconstruction, sparsity, total, fraction_active(z), self.slope(parameters, written.detach()))

    @staticmethod
    def slope(parameters: Parameters, written: Tensor) -> Tensor:
        """d log(sum_j z_j^p) / dp over a batch of z_j |d_j|, 0 where nothing is active."""
        shifted = written + SHIFT
        powers = torch.where(written > 0, shifted ** parameters["power"][:, None], 0.0)
        total = powers.sum(dim=(0, 2))
        return torch.where(total > 0, (powers * shifted.log()).sum(dim=(0, 2)) / total, 0.0)

    def observe(self, parameters: Parameters, losses: Losses) -> None:
        parameters["log_slope"].copy_(losses.followed)
