"""What the training of sparse autoencoders asks of an optimizer beyond `optimizers`: moments that are forgotten where a
latent is restarted, gradients clipped instance by instance, a decay that takes the last steps alone."""

import torch
from torch import Tensor

from superposition.optimizers import Adam, schedule_factor
from superposition.saes.architecture import latent_axis


def forget_moments(optimizer: Adam, latents: Tensor) -> None:
    """Set the moments of some latents' weights to zero.

    Args:
        latents: (instances, n_latents) bool
    """
    for name in optimizer.parameters:
        axis = latent_axis(name)
        if axis is not None:
            first, second = optimizer.first[name], optimizer.second[name]
            where = latents.to(first.device)
            where = where.unsqueeze(-1 if axis == -2 else 1) if first.ndim == 3 else where
            first.masked_fill_(where, 0.0)
            second.masked_fill_(where, 0.0)


@torch.no_grad()
def clip_gradients(gradients: dict[str, Tensor], limit: float) -> None:
    """Scale each instance's gradient, in place, to a norm of at most `limit`, whatever the others' norms."""
    squares = torch.stack([gradient.flatten(1).square().sum(1) for gradient in gradients.values()])
    factor = (limit / squares.sum(0).sqrt().clamp(min=1e-12)).clamp(max=1.0)
    for gradient in gradients.values():
        gradient.mul_(factor.view(-1, *[1] * (gradient.ndim - 1)))


def rate_factor(training: dict, step: int) -> float:
    """Share of the full learning rate at a step, see `schedule_factor`; the decay of `schedule` takes the last
    `decay_steps`, or "all" of training after the warm-up."""
    steps, decay_steps = training["steps"], training["decay_steps"]
    if decay_steps == "all" or step < steps - decay_steps:
        schedule = training["schedule"] if decay_steps == "all" else "constant"
        return schedule_factor(schedule, step, steps, training["warmup_steps"])
    return schedule_factor(training["schedule"], step - (steps - decay_steps), decay_steps)
