"""What latents and losses of a stack of sparse autoencoders did in the last steps of training."""

from collections import deque

import torch
from torch import Tensor

from superposition import saes


class Activity:
    """What happened since the last stretch of the history ended, and how often latents fired in the last steps."""

    def __init__(self, window: int):
        self.recent: deque[Tensor] = deque(maxlen=window)
        self.stretch: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(self, losses: saes.Losses) -> None:
        own = losses.reconstruction, losses.sparsity, losses.fraction_active  # a recorded step overwrites them
        kept = tuple(tensor.detach().clone() for tensor in own)
        self.recent.append(kept[-1])
        self.stretch.append(kept)

    def dead(self) -> Tensor:
        """(instances, n_latents): silent in every batch of the last `window` steps."""
        return torch.stack(list(self.recent)).sum(0) == 0

    def to_tensors(self) -> dict[str, Tensor]:
        """What the last steps of a finished stretch did, for `resume`."""
        return {"recent": torch.stack(list(self.recent))}

    def resume(self, kept: dict[str, Tensor], device: torch.device | str) -> None:
        self.recent.extend(kept["recent"].to(device).unbind(0))

    def take_stretch(self) -> list[Tensor]:
        """Means since the last call: reconstruction and sparsity loss, both (instances,), and the fraction of samples
        on which each latent fired, (instances, n_latents)."""
        means = [torch.stack(values).mean(0) for values in zip(*self.stretch, strict=True)]
        self.stretch.clear()
        return means
