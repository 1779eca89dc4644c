"""One gradient-descent loop for every stack of independent instances, on any device."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from superposition.optimizers import Adam, Number, evaluate_and_differentiate, schedule_factor
from superposition.progress import Progress
from superposition.recorded_steps import can_record, choose_advance


class DivergenceError(FloatingPointError):
    """A loss or a weight became NaN or infinite; the line names step, instance and learning rate."""


@dataclass
class Recorder:
    """Keeps the training history: the mean loss of each stretch of `every` steps, per instance.

    The last stretch ends with training, `progress.total_steps`, and is shorter where `every` does not divide that.
    """

    every: int
    progress: Progress
    steps: list[int] = field(default_factory=list)
    losses: list[Tensor] = field(default_factory=list)
    _sum: Tensor | float = 0.0

    def record(self, step: int, loss: Tensor, learning_rate: Tensor) -> bool:
        """Add the loss (instances,) after `step` steps; True where a stretch ends. DivergenceError if not finite."""
        self._sum = self._sum + loss.detach()
        if not self.ends_stretch(step):
            return False
        mean = (self._sum / (step - (self.steps[-1] if self.steps else 0))).cpu()
        check_finite(mean, step, learning_rate, "loss")
        self.steps.append(step)
        self.losses.append(mean)
        self.progress.update(step, float(mean.mean()))
        self._sum = 0.0
        return True

    def ends_stretch(self, step: int) -> bool:
        return step % self.every == 0 or step == self.progress.total_steps

    def to_tensors(self) -> dict[str, Tensor]:
        """The history up to the end of a stretch, for `resume`."""
        return {"history_steps": torch.tensor(self.steps), "history_losses": torch.stack(self.losses)}

    def resume(self, kept: dict[str, Tensor]) -> int:
        """Take over what `to_tensors` gave, if `kept` has it; how many steps were done."""
        if "history_steps" in kept:
            self.steps, self.losses = kept["history_steps"].tolist(), list(kept["history_losses"])
            self.progress.begin(self.steps[-1])
        return self.steps[-1] if self.steps else 0


def choose_snapshots(training: dict) -> set[int]:
    """The steps at which copies of the weights are kept: `training.snapshots` evenly spaced ends of stretches of
    `training.log_every` steps, from before the first step (0) to the last."""
    steps, every = training["steps"], training["log_every"]
    logged = np.concatenate([[0], np.arange(every, steps, every), [steps]])
    chosen = np.linspace(0, len(logged) - 1, min(training["snapshots"], len(logged))).round().astype(int)
    return set(logged[chosen].tolist())


def check_finite(values: Tensor, step: int, learning_rate: Tensor, what: str) -> None:
    """DivergenceError on the first instance of (instances, ...) that holds a NaN or an infinity."""
    broken = ~torch.isfinite(values).flatten(1).all(1) if values.ndim > 1 else ~torch.isfinite(values)
    if broken.any():
        instance = int(broken.nonzero()[0])
        raise DivergenceError(
            f"training diverged: {what} of instance {instance} is not finite by step {step:,} "
            f"(learning rate {float(learning_rate[instance]):g}, {int(broken.sum())} of {len(broken)} instances); "
            "nothing was written. A smaller training.learning_rate usually cures it"
        )


def minimise(
    parameters: dict[str, Tensor],
    loss_of_batch: Callable[[], Tensor],
    training: dict,
    learning_rate: Tensor,
    recorder: Recorder,
    generators: Sequence[torch.Generator] = (),
    after_step: Callable[[int], None] | None = None,
    kept: dict[str, Tensor] | None = None,
    keep: Callable[[Callable[[], dict[str, Tensor]]], None] | None = None,
) -> None:
    """Train `parameters` in place, from the first step on or from where `recorder` is.

    Args:
        parameters: name -> (instances, ...)
        loss_of_batch: (instances,) loss on the next batch, a function of `parameters`; see recorded_steps for what it
            may not do
        training: the `training` block of the configuration (steps, schedule, warmup_steps, weight_decay, engine)
        learning_rate: (instances,)
        generators: all that batches are drawn from
        after_step: called with the 0-based step after each update; may change parameters in place
        kept: the state of a training that is gone on with, whose history `recorder` has
        keep: called where a stretch ends, with a function that gives the state
    """
    optimizer = Adam(parameters, learning_rate, training["weight_decay"])
    steps, begin = training["steps"], recorder.steps[-1] if recorder.steps else 0

    def describe() -> dict[str, Tensor]:
        return optimizer.to_tensors() | {f"parameter.{name}": tensor for name, tensor in parameters.items()}

    def update(*numbers: Number) -> Tensor:
        loss, gradients = evaluate_and_differentiate(parameters, loss_of_batch, lambda loss: loss)
        optimizer.step(gradients, *numbers)
        return loss.detach()

    def numbers_of(step: int) -> tuple[float, ...]:
        return optimizer.numbers(step, schedule_factor(training["schedule"], step, steps, training["warmup_steps"]))

    if begin:
        optimizer.resume(kept)
        for name, parameter in parameters.items():
            parameter.copy_(kept[f"parameter.{name}"])
    todo, device = range(begin, steps), learning_rate.device
    advance = choose_advance(update, numbers_of, todo, generators, device, can_record(training, device))
    for step in todo:
        loss = advance(step)
        if after_step:
            after_step(step)
        if recorder.record(step + 1, loss, learning_rate) and keep:
            keep(describe)
    for name, parameter in parameters.items():
        check_finite(parameter, steps, learning_rate, name)
