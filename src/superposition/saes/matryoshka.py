"""Autoencoders whose first latents must reconstruct by themselves, too."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from superposition.saes.architecture import Losses, Parameters, combine, fraction_active, spread
from superposition.saes.linear import LinearSae
from superposition.saes.relu import ReluSae
from superposition.saes.topk import BatchTopKSae


@dataclass(frozen=True, kw_only=True)
class MatryoshkaSae(LinearSae):
    """An autoencoder whose loss is the mean over several prefixes, reconstructions from the first n latents alone.

    General features are thereby worth having early, and the later latents gain nothing by absorbing them.

    Bussmann et al. 2025 ("Learning Multi-Level Features with Matryoshka Sparse Autoencoders") have fixed widths,
    Nabeshima 2024 ("Matryoshka Sparse Autoencoders") draws them for every batch.

    Args:
        prefixes: the widths, n_latents last; or how many are drawn for every step, n_latents always among them and the
            others different, with probability proportional to width^-(1 + prefix_power)

    State: where prefixes are drawn, widths (instances, prefixes), the same for all instances.
    """

    state: ClassVar[tuple[str, ...]] = ("widths",)

    prefixes: list[int] | int
    prefix_power: float = 0.5

    def initialise(
        self, d_in: int, n_latents: int, generators: list[torch.Generator], settings: Parameters | None = None
    ) -> Parameters:
        parameters = super().initialise(d_in, n_latents, generators, settings)
        if isinstance(self.prefixes, int):
            count = min(self.prefixes, n_latents)
            parameters["widths"] = torch.full((len(generators), count), n_latents)
        return parameters

    def begin_step(self, parameters: Parameters, done: float, generator: torch.Generator) -> None:
        super().begin_step(parameters, done, generator)
        if isinstance(self.prefixes, int):
            widths = parameters["widths"]
            smaller = torch.arange(1, int(widths[0, -1]), dtype=torch.float32)
            drawn = torch.tensor([], dtype=torch.int64)
            if widths.shape[1] > 1:
                drawn = torch.multinomial(smaller ** -(1 + self.prefix_power), widths.shape[1] - 1, generator=generator)
            widths[:, :-1] = (1 + drawn.sort().values).to(widths.device)

    def blocks(self, parameters: Parameters) -> Iterator[slice]:
        """What each prefix has of latents beyond the one before it."""
        widths = parameters["widths"][0].tolist() if isinstance(self.prefixes, int) else self.prefixes
        return (slice(begin, end) for begin, end in pairwise([0, *widths]))

    def reconstruction_losses(self, parameters: Parameters, h: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """The mean over prefixes of the loss of their reconstructions, and h' of all latents."""
        directions, h_hat, losses = self.directions(parameters), spread(parameters["b_dec"], h), []
        for block in self.blocks(parameters):
            h_hat = h_hat + combine(z[..., block], directions[:, block])
            losses.append(self.squared_error(h, h_hat))
        return torch.stack(losses).mean(0), h_hat


@dataclass(frozen=True, kw_only=True)
class MatryoshkaBatchTopKSae(MatryoshkaSae, BatchTopKSae):
    """A BatchTopKSae with the loss of a MatryoshkaSae (Bussmann et al. 2025); AuxK is of all latents together."""

    state: ClassVar[tuple[str, ...]] = (*BatchTopKSae.state, *MatryoshkaSae.state)


@dataclass(frozen=True, kw_only=True)
class MatryoshkaReluSae(MatryoshkaSae, ReluSae):
    """A ReluSae whose reconstruction loss and penalty are means over prefixes (Nabeshima 2024).

    The penalty of a prefix is that of its own latents, so that it weighs the later ones less. Nabeshima also sorts
    latents by the size of what they write as training goes on, which is not done here.
    """

    def losses(self, parameters: Parameters, h: Tensor, sparsity_penalty: Tensor) -> Losses:
        """The mean over prefixes n of mean_d (h - h'_n)^2 + sparsity_penalty * sum_{j<n} |z_j| |d_j|, averaged over the
        batch, where h'_n decodes the first n latents."""
        z = self.encode(parameters, h)
        reconstruction, _ = self.reconstruction_losses(parameters, h, z)
        written = self.contribution(parameters, z).abs()
        of_blocks = torch.stack([written[..., block].sum(-1).mean(0) for block in self.blocks(parameters)])
        sparsity = of_blocks.cumsum(0).mean(0)
        return Losses(reconstruction, sparsity, reconstruction + sparsity_penalty * sparsity, fraction_active(z))
