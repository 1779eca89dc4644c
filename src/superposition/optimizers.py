"""Gradients, Adam and AdamW over a stack of independent instances, each with its own learning rate; learning-rate
schedules."""

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

Number = float | Tensor
Output = TypeVar("Output")
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # torch.optim's defaults, which every source of this paper uses


def evaluate_and_differentiate(
    parameters: dict[str, Tensor], function: Callable[[], Output], losses_in: Callable[[Output], Tensor]
) -> tuple[Output, dict[str, Tensor]]:
    """What `function` of `parameters` gives, and by autograd the gradients of the losses (instances,) in that.

    Losses of independent instances are summed, so each gets the gradient of its own loss alone.
    """
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    output = function()
    gradients = torch.autograd.grad(losses_in(output).sum(), list(parameters.values()))
    for parameter in parameters.values():
        parameter.requires_grad_(False)
    return output, dict(zip(parameters, gradients, strict=True))


class Adam:
    """Adam (Kingma & Ba 2015), or AdamW (Loshchilov & Hutter 2019) if `decoupled` weight decay is asked for.

    Instances are the leading axis of every parameter. With one learning rate it takes the same steps as torch.optim; a
    test holds them together to 1e-6.

    Args:
        parameters: name -> tensor of shape (instances, ...), updated in place
        learning_rate: (instances,)
        weight_decay: decoupled decay per unit of learning rate; 0 is plain Adam
        betas: decay rates of the two moments
    """

    def __init__(
        self,
        parameters: dict[str, Tensor],
        learning_rate: Tensor,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (BETA1, BETA2),
    ):
        self.parameters = parameters
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.betas = betas
        self.first = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.second = {name: torch.zeros_like(p) for name, p in parameters.items()}

    def to_tensors(self) -> dict[str, Tensor]:
        """The moments, for `resume`."""
        kinds = {"first": self.first, "second": self.second}
        return {f"{kind}.{name}": tensor for kind, tensors in kinds.items() for name, tensor in tensors.items()}

    def resume(self, kept: dict[str, Tensor]) -> None:
        """Go on from what `to_tensors` gave."""
        for key, tensor in self.to_tensors().items():
            tensor.copy_(kept[key])

    def numbers(self, step: int, rate_factor: float = 1.0) -> tuple[float, float, float]:
        """What `step` needs besides gradients in the 0-based update `step`: the schedule's value, and what undoes the
        moments' start at 0, 1 - beta1^(step + 1) and the root of 1 - beta2^(step + 1)."""
        beta1, beta2 = self.betas
        return rate_factor, 1 - beta1 ** (step + 1), math.sqrt(1 - beta2 ** (step + 1))

    @torch.no_grad()
    def step(self, gradients: dict[str, Tensor], rate_factor: Number, bias1: Number, root2: Number) -> None:
        """One update with the `numbers` of its step, which may be tensors without axes."""
        beta1, beta2 = self.betas
        for name, parameter in self.parameters.items():
            rate = (rate_factor * self.learning_rate).view(-1, *[1] * (parameter.ndim - 1))
            gradient, first, second = gradients[name], self.first[name], self.second[name]
            if self.weight_decay:
                parameter.mul_(1 - rate * self.weight_decay)
            first.lerp_(gradient, 1 - beta1)
            second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
            denominator = (second.sqrt() / root2).add_(EPSILON)
            parameter.sub_(rate / bias1 * first / denominator)


def schedule_factor(schedule: str, step: int, steps: int, warmup_steps: int = 0) -> float:
    """Share of the full learning rate at `step` (0-based) of `steps`: a linear warm-up, then the schedule's decay.

    constant stays at 1; linear and cosine fall to 0 at the end of training.
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, steps - warmup_steps)
    match schedule:
        case "constant":
            return 1.0
        case "linear":
            return 1.0 - done
        case "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * done))
    raise ValueError(f"schedule is {schedule!r}: allowed are 'constant', 'linear', 'cosine'")
