"""What the training of sparse autoencoders asks of an optimizer beyond `optimizers`: other betas, moments that are
forgotten where a latent is restarted, gradients clipped instance by instance."""

import math

import torch
from torch import Tensor

from superposition.optimizers import EPSILON, schedule_factor
from superposition.saes.architecture import latent_axis


class SaeAdam:
    """`optimizers.Adam` with other decay rates of its moments if asked for; the same to the last bit if not.

    Args:
        parameters: name -> tensor of shape (instances, ...), updated in place
        learning_rate: (instances,)
        weight_decay: decoupled decay per unit of learning rate; 0 is plain Adam
        betas: decay rates of the two moments
    """

    def __init__(
        self, parameters: dict[str, Tensor], learning_rate: Tensor, weight_decay: float, betas: tuple[float, float]
    ):
        self.parameters = parameters
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.betas = betas
        self.first = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.second = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.steps = 0

    @torch.no_grad()
    def step(self, gradients: dict[str, Tensor], rate_factor: float) -> None:
        """One update; `rate_factor` is the schedule's value at this step."""
        self.steps += 1
        beta1, beta2 = self.betas
        bias1, bias2 = 1 - beta1**self.steps, 1 - beta2**self.steps
        for name, parameter in self.parameters.items():
            rate = (rate_factor * self.learning_rate).view(-1, *[1] * (parameter.ndim - 1))
            gradient, first, second = gradients[name], self.first[name], self.second[name]
            if self.weight_decay:
                parameter.mul_(1 - rate * self.weight_decay)
            first.lerp_(gradient, 1 - beta1)
            second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
            denominator = (second.sqrt() / math.sqrt(bias2)).add_(EPSILON)
            parameter.sub_(rate / bias1 * first / denominator)

    def reset_moments(self, latents: Tensor) -> None:
        """Forget the moments of some latents' weights.

        Args:
            latents: (instances, n_latents) bool
        """
        for name in self.parameters:
            axis = latent_axis(name)
            if axis is not None:
                where = latents.to(self.first[name].device)
                where = where.unsqueeze(-1 if axis == -2 else 1) if self.first[name].ndim == 3 else where
                self.first[name].masked_fill_(where, 0.0)
                self.second[name].masked_fill_(where, 0.0)


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
