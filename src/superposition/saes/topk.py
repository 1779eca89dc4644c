"""Autoencoders that keep the k largest activations: of every sample (TopK), or of the batch (BatchTopK)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from superposition.saes.architecture import Losses, Parameters, fraction_active
from superposition.saes.auxiliary import AuxiliarySae
from superposition.saes.selection import keep_largest


@dataclass(frozen=True, kw_only=True)
class TopKSae(AuxiliarySae):
    """z = the k largest of ReLU((h - b_dec) W_enc + b_enc), the others 0. No penalty, so nothing is shrunk.

    Gao et al. 2024 ("Scaling and evaluating sparse autoencoders", section 2.3). The largest are those that write most,
    z_j |d_j|, where decoder rows are free.

    Args:
        k: active latents per sample
        k_start: those with which training begins, from where they change to k along a line; "none" is k
        k_anneal_end: share of training after which they are k

    State: where k is annealed, unannealed (instances,), the share of the way from k_start to k that is yet to come.
    """

    state: ClassVar[tuple[str, ...]] = (*AuxiliarySae.state, "unannealed")
    per_instance: ClassVar[tuple[str, ...]] = ("k",)

    k: float
    k_start: float | str = "none"
    k_anneal_end: float = 0.5

    def initialise(
        self, d_in: int, n_latents: int, generators: list[torch.Generator], settings: Parameters | None = None
    ) -> Parameters:
        state = {} if self.k_start == "none" else {"unannealed": torch.ones(len(generators))}
        return super().initialise(d_in, n_latents, generators, settings) | state

    def begin_step(self, parameters: Parameters, done: float, generator: torch.Generator) -> None:
        super().begin_step(parameters, done, generator)
        if self.k_start != "none":
            parameters["unannealed"].fill_(max(0.0, 1 - done / self.k_anneal_end))

    def counts(self, parameters: Parameters, factor: int = 1, training: bool = False) -> list[int]:
        """k times `factor`, rounded, of every instance; in training, of the k that is due."""
        k = self.setting(parameters, "k")
        k = k[:, 0].tolist() if isinstance(k, Tensor) else [k] * len(parameters["b_dec"])
        if training and self.k_start != "none":
            left = parameters["unannealed"].tolist()
            k = [each + (self.k_start - each) * share for each, share in zip(k, left, strict=True)]
        return [round(each * factor) for each in k]

    def activation(self, parameters: Parameters, h: Tensor) -> Tensor:
        """All of ReLU((h - b_dec) W_enc + b_enc)."""
        return torch.relu(self.pre_activation(parameters, h))

    def select(self, parameters: Parameters, activation: Tensor, training: bool = False) -> Tensor:
        """(batch, instances, n_latents) bool: which are kept of a batch of activations, see `counts`."""
        scores = self.contribution(parameters, activation).detach().transpose(0, 1)
        return keep_largest(scores, self.counts(parameters, training=training)).transpose(0, 1)

    def encode(self, parameters: Parameters, h: Tensor) -> Tensor:
        activation = self.activation(parameters, h)
        return activation * self.select(parameters, activation)

    def reconstruction_losses(self, parameters: Parameters, h: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of the reconstruction, (instances,), and h'."""
        h_hat = self.decode(parameters, z)
        return self.squared_error(h, h_hat), h_hat

    def followed(self, parameters: Parameters, z: Tensor) -> Tensor | None:
        """What the state follows, see Losses."""
        return None

    def losses(self, parameters: Parameters, h: Tensor, sparsity_penalty: Tensor) -> Losses:
        """mean_d (h - h')^2 plus the auxiliary loss, averaged over the batch; the penalty has no part in it."""
        pre = self.pre_activation(parameters, h)
        activation = torch.relu(pre)
        z = activation * self.select(parameters, activation, training=True)
        reconstruction, h_hat = self.reconstruction_losses(parameters, h, z)
        total = reconstruction + self.auxiliary_loss(parameters, h, h_hat, pre)
        none = torch.zeros_like(reconstruction)
        return Losses(reconstruction, none, total, fraction_active(z), self.followed(parameters, z.detach()))


@dataclass(frozen=True, kw_only=True)
class BatchTopKSae(TopKSae):
    """z = the k batch_size largest activations of a batch, so that samples may differ in how many they keep.

    That couples the samples of a batch. To encode one by one there is a threshold instead, a running mean over training
    of the smallest activation kept: the mode "threshold", which is the usual one, beside the mode "batch" of training.

    Bussmann et al. 2024 ("BatchTopK Sparse Autoencoders", section 3).

    Args:
        k: mean number of active latents per sample, not necessarily whole
        threshold_rate: weight of the last batch in the running mean

    State: threshold (instances,), in the units of what is compared, see TopKSae; NaN before the first step.
    """

    state: ClassVar[tuple[str, ...]] = (*TopKSae.state, "threshold")
    modes: ClassVar[tuple[str, ...]] = ("threshold", "batch")

    threshold_rate: float = 0.01

    def initialise(
        self, d_in: int, n_latents: int, generators: list[torch.Generator], settings: Parameters | None = None
    ) -> Parameters:
        state = {"threshold": torch.full((len(generators),), torch.nan)}
        return super().initialise(d_in, n_latents, generators, settings) | state

    def select(self, parameters: Parameters, activation: Tensor, training: bool = False) -> Tensor:
        scores = self.contribution(parameters, activation).detach().transpose(0, 1)
        counts = self.counts(parameters, factor=scores.shape[1], training=training)
        return keep_largest(scores.flatten(1)[:, None], counts).view(scores.shape).transpose(0, 1)

    def encode(self, parameters: Parameters, h: Tensor, mode: str = "threshold") -> Tensor:
        """Latents in one of two modes: "threshold" is what a sample gives by itself, "batch" what h gives together."""
        activation = self.activation(parameters, h)
        match mode:
            case "threshold":
                return activation * (self.contribution(parameters, activation) > parameters["threshold"][:, None])
            case "batch":
                return activation * self.select(parameters, activation)
        raise ValueError(f"mode is {mode!r}: allowed are {', '.join(map(repr, self.modes))}")

    def followed(self, parameters: Parameters, z: Tensor) -> Tensor:
        """The smallest activation kept, infinite where none is."""
        return torch.where(z > 0, self.contribution(parameters, z), torch.inf).amin(dim=(0, 2))

    def observe(self, parameters: Parameters, losses: Losses) -> None:
        super().observe(parameters, losses)
        old, smallest = parameters["threshold"], losses.followed
        new = torch.where(old.isnan(), smallest, old.lerp(smallest, self.threshold_rate))
        old.copy_(torch.where(smallest.isinf(), old, new))  # a batch on which nothing fired says nothing
