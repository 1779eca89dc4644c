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
        self.rows: dict[int, dict[str, Tensor]] = {}  # step -> column -> (instances, ...); weights at snapshots alone
        self.weights = list(weights)
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
        """Add the rows of the stretch that ends with `step`, from its means (see `sae_activity.Activity.take_stretch`).

        Args:
            weights: W_enc, b_enc, W_dec, b_dec and threshold of the architecture, see saes
        """
        self._append(step, reconstruction, sparsity, fraction_active, weights)
        self.resampled = torch.zeros_like(self.resampled)

    def _append(self, step, reconstruction, sparsity, fraction_active, weights) -> None:
        columns = {
            "reconstruction_loss": reconstruction,
            "sparsity_loss": sparsity,
            "fraction_active": fraction_active,
            "resampled": self.resampled,
        }
        if step in self.snapshot_steps:
            columns |= {key: tensor.detach().flatten(1) for key, tensor in weights.items()}
        self.rows[step] = {key: tensor.cpu().clone() for key, tensor in columns.items()}

    def to_tensors(self) -> dict[str, Tensor]:
        """What was kept so far, for `resume`."""
        return {f"row.{step}.{key}": tensor for step, row in self.rows.items() for key, tensor in row.items()}

    def resume(self, kept: dict[str, Tensor]) -> None:
        """Take over what `to_tensors` gave, at the end of a stretch."""
        self.rows = {}
        for name in (name for name in kept if name.startswith("row.")):
            _, step, key = name.split(".")
            self.rows.setdefault(int(step), {})[key] = kept[name]
        self.rows = dict(sorted(self.rows.items()))

    def _to_frame(self, step: int, row: dict[str, Tensor]) -> pd.DataFrame:
        n = len(row["resampled"])
        scalars = {key: row[key].numpy() for key in ("reconstruction_loss", "sparsity_loss")}
        vectors = {
            key: list(row[key].numpy()) if key in row else [None] * n
            for key in ("fraction_active", "resampled", *self.weights)
        }
        return pd.DataFrame({"step": step, "instance": range(n), **scalars, **vectors})

    def to_table(self, recorder: Recorder, name: str, seed: int) -> pd.DataFrame:
        """Columns: sae, seed, step, instance, loss and its parts (means of the stretch that ends at step),
        fraction_active and resampled (n_latents), and the flattened weights at snapshot steps, else null."""
        frame = pd.concat([self._to_frame(step, row) for step, row in self.rows.items()], ignore_index=True)
        losses = {
            (step, instance): float(value)
            for step, values in zip(recorder.steps, recorder.losses, strict=True)
            for instance, value in enumerate(values)
        }
        keys = zip(frame["step"], frame["instance"], strict=True)
        return frame.assign(sae=name, seed=seed, loss=[losses.get(key, float("nan")) for key in keys])
