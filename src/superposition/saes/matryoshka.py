"""BatchTopK autoencoders whose first latents must reconstruct by themselves, too."""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from superposition.saes.architecture import Parameters, combine, spread
from superposition.saes.topk import BatchTopKSae


@dataclass(frozen=True, kw_only=True)
class MatryoshkaBatchTopKSae(BatchTopKSae):
    """A BatchTopKSae whose loss is the mean over several prefixes, reconstructions from the first n latents alone.

    General features are thereby worth having early, and the later latents gain nothing by absorbing them.

    Bussmann et al. 2025 ("Learning Multi-Level Features with Matryoshka Sparse Autoencoders") have fixed widths,
    Nabeshima 2024 ("Matryoshka Sparse Autoencoders") draws them for every batch.

    Args:
        prefixes: the widths, n_latents last; or how many are drawn for every step, n_latents always among them and the
            others different, with probability proportional to width^-(1 + prefix_power)

    State: where prefixes are drawn, widths (instances, prefixes), the same for all instances.
    """

    state: ClassVar[tuple[str, ...]] = (*BatchTopKSae.state, "widths")

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
        if isinstance(self.prefixes, int):
            widths = parameters["widths"]
            smaller = torch.arange(1, int(widths[0, -1]), dtype=torch.float32)
            drawn = torch.tensor([], dtype=torch.int64)
            if widths.shape[1] > 1:
                drawn = torch.multinomial(smaller ** -(1 + self.prefix_power), widths.shape[1] - 1, generator=generator)
            widths[:, :-1] = (1 + drawn.sort().values).to(widths.device)

    def reconstruction_losses(self, parameters: Parameters, h: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """The mean over prefixes of the loss of their reconstructions, and h' of all latents."""
        widths = parameters["widths"][0].tolist() if isinstance(self.prefixes, int) else self.prefixes
        directions, h_hat, losses = self.directions(parameters), spread(parameters["b_dec"], h), []
        for begin, end in pairwise([0, *widths]):
            h_hat = h_hat + combine(z[..., begin:end], directions[:, begin:end])
            losses.append(self.squared_error(h, h_hat))
        return torch.stack(losses).mean(0), h_hat
