"""What changes the weight of the sparsity loss over training: a warm-up, and steering towards a number of latents."""

import torch
from torch import Tensor

L0_MEMORY, RATE_MEMORY = 0.99, 0.95  # of the running means of L0 and of its change
SLOWDOWN = 0.01  # of the steering while L0 already moves towards its target
STEEPNESS = 10.0  # at a relative error of 1 / STEEPNESS the steering is nearly at its full strength
LOWEST, HIGHEST = 0.01, 100.0  # of the factor on the penalty


def warmup_factor(step: int, warmup_steps: int) -> float:
    """Share of the sparsity penalty at `step` (0-based): it rises along a line to 1 at step `warmup_steps`."""
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0


class L0Controller:
    """Multiplies each instance's sparsity penalty, step by step, until its mean number of active latents is as wanted.

    With the relative error e = (L0 - target) / target of a running mean of L0, the factor grows or shrinks by the share
    strength * tanh(STEEPNESS |e|) in every step, and by SLOWDOWN of that while L0 moves towards the target: the
    controller of the experiments of Chanin & Garriga-Alonso 2026 ("SynthSAEBench").

    Args:
        target: (instances,) active latents per sample
        strength: the largest relative change of the factor in one step

    Attributes:
        factor, l0, change: (instances,) the state, the last two running means; NaN before the first step
    """

    def __init__(self, target: Tensor, strength: float):
        self.target, self.strength = target, strength
        self.factor = torch.ones_like(target)
        self.l0 = torch.full_like(target, torch.nan)
        self.change = torch.zeros_like(target)

    @torch.no_grad()
    def update(self, now: Tensor) -> None:
        """Account for a step whose samples had `now` (instances,) active latents on average."""
        l0 = torch.where(self.l0.isnan(), now, self.l0.lerp(now, 1 - L0_MEMORY))
        change = torch.where(self.l0.isnan(), 0.0, l0 - self.l0)
        self.change.lerp_(change, 1 - RATE_MEMORY)
        self.l0 = l0
        error = (l0 - self.target) / self.target
        approaching = self.change * error < 0
        share = self.strength * (STEEPNESS * error.abs()).tanh() * torch.where(approaching, SLOWDOWN, 1.0)
        self.factor = (self.factor * (1 + error.sign() * share)).clamp(LOWEST, HIGHEST)

    def state(self) -> dict[str, Tensor]:
        """The state under the names by which it is saved."""
        return {"penalty_multiplier": self.factor, "mean_l0": self.l0, "l0_change": self.change}

    def resume(self, kept: dict[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        for name, tensor in self.state().items():
            tensor.copy_(kept[name])
