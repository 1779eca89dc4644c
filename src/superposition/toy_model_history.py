"""The training history of a stack of toy models, as the table `training_history`."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from superposition.training import Recorder, choose_snapshots


class Snapshots:
    """Copies of W (W_1 where there are two) at evenly spaced steps, the start among them, for films and paths."""

    def __init__(self, training: dict):
        self.steps = choose_snapshots(training)
        self.weights: dict[int, np.ndarray] = {}

    def take(self, step: int, W: Tensor) -> None:
        """Keep W (instances, n_hidden, n_features) if `step` is one of the chosen."""
        if step in self.steps:
            self.weights[step] = W.detach().cpu().flatten(1).numpy().copy()

    def to_tensors(self) -> dict[str, Tensor]:
        """What was kept so far, for `resume`."""
        return {f"snapshot.{step}": torch.from_numpy(weights) for step, weights in self.weights.items()}

    def resume(self, kept: dict[str, Tensor]) -> None:
        """Take over what `to_tensors` gave, if `kept` has any."""
        prefix = "snapshot."
        found = {int(key.removeprefix(prefix)): tensor for key, tensor in kept.items() if key.startswith(prefix)}
        self.weights = {step: tensor.numpy() for step, tensor in sorted(found.items())}

    def to_table(self, recorder: Recorder, name: str, seed: int) -> pd.DataFrame:
        """Columns: experiment, seed, step, instance, loss (mean of the stretch that ends there), and the flattened W at
        snapshot steps, else null."""
        losses = dict(zip(recorder.steps, recorder.losses, strict=True))
        n_instances = len(recorder.losses[0])
        frames = [
            pd.DataFrame(
                {
                    "step": step,
                    "instance": range(n_instances),
                    "loss": losses[step].numpy() if step in losses else np.nan,
                    "W": list(self.weights[step]) if step in self.weights else [None] * n_instances,
                }
            )
            for step in sorted({*losses, *self.weights})
        ]
        return pd.concat(frames, ignore_index=True).assign(experiment=name, seed=seed)
