"""The training history of a stack of sparse autoencoders, as the table `sae_history`."""

import pandas as pd
import torch
from torch import Tensor

from superposition.training import Recorder, choose_snapshots


class History:
    """Rows of (step, instance): losses, activity, which latents were resampled, and now and then the weights."""

    def __init__(self, sae: dict, n_instances: int, weights: dict[str, Tensor]):
        self.snapshot_steps = choose_snapshots(sae["training"])
        self.resampled = torch.zeros(n_instances, sae["n_latents"], dtype=torch.bool)
        self.frames: list[pd.DataFrame] = []
        unknown = torch.full((n_instances,), float("nan"))
        self._append(0, unknown, unknown, torch.full(self.resampled.shape, float("nan")), weights)

    def close_stretch(
        self,
        step: int,
        reconstruction: Tensor,
        sparsity: Tensor,
        fraction_active: Tensor,
        weights: dict[str, Tensor],
    ) -> None:
        """Add the rows of the stretch that ends with `step`, from its means (see `Activity.take_stretch`).

        Args:
            weights: W_enc, b_enc, W_dec, b_dec and threshold of the architecture, see saes
        """
        self._append(step, reconstruction, sparsity, fraction_active, weights)
        self.resampled = torch.zeros_like(self.resampled)

    def _append(self, step, reconstruction, sparsity, fraction_active, weights) -> None:
        snapshot = step in self.snapshot_steps
        n = len(fraction_active)
        snapshots = {
            key: list(tensor.detach().cpu().flatten(1).numpy().copy()) if snapshot else [None] * n
            for key, tensor in weights.items()
        }
        rows = {
            "step": step,
            "instance": range(n),
            "reconstruction_loss": reconstruction.cpu().numpy(),
            "sparsity_loss": sparsity.cpu().numpy(),
            "fraction_active": list(fraction_active.cpu().numpy()),
            "resampled": list(self.resampled.numpy().copy()),
            **snapshots,
        }
        self.frames.append(pd.DataFrame(rows))

    def to_table(self, recorder: Recorder, name: str, seed: int) -> pd.DataFrame:
        """Columns: sae, seed, step, instance, loss and its parts (means of the stretch that ends at step),
        fraction_active and resampled (n_latents), and the flattened weights at snapshot steps, else null."""
        frame = pd.concat(self.frames, ignore_index=True)
        losses = {
            (step, instance): float(value)
            for step, values in zip(recorder.steps, recorder.losses, strict=True)
            for instance, value in enumerate(values)
        }
        keys = zip(frame["step"], frame["instance"], strict=True)
        return frame.assign(sae=name, seed=seed, loss=[losses.get(key, float("nan")) for key in keys])
