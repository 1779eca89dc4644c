"""Fits all instances of a sparse-autoencoder sweep, at one seed, to the hidden activations of one trained toy model."""

from collections import deque

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from superposition import saes
from superposition.features import make_distribution
from superposition.progress import Progress
from superposition.runs import list_instances, parameter_of_instances
from superposition.seeding import torch_generator
from superposition.training import Recorder, minimise


class Activity:
    """How often each latent fired, for the history and for resampling.

    Fractions are over batches: `window` of the last steps, and `stretch` since the last call of `take_stretch`.
    """

    def __init__(self, window: int):
        self.recent: deque[Tensor] = deque(maxlen=window)
        self.stretch: list[Tensor] = []

    def add(self, active: Tensor) -> None:
        fraction = active.float().mean(0)
        self.recent.append(fraction)
        self.stretch.append(fraction)

    def dead(self) -> Tensor:
        """(instances, n_latents): silent in every batch of the window."""
        return torch.stack(list(self.recent)).sum(0) == 0

    def take_stretch(self) -> Tensor:
        """(instances, n_latents) mean fraction of samples on which each latent fired since the last call."""
        mean = torch.stack(self.stretch).mean(0)
        self.stretch.clear()
        return mean


def fit_saes(
    name: str,
    sae: dict,
    seed: int,
    W: Tensor,
    probability: Tensor,
    distribution: str,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> tuple[dict[str, Tensor], pd.DataFrame]:
    """All instances of the sweep `sae` at `seed`.

    Args:
        sae: the SAE's block of the configuration
        W: (d_in, n_features) of the toy model whose activations h = W x are reconstructed
        probability: (n_features,) of the features x; distribution: their kind (see features)

    Returns:
        the weights (see saes), and the history: one row per (step, instance), see `history_table`.
    """
    training, resampling = sae["training"], sae["resampling"]
    n_instances, architecture = len(list_instances(sae)), saes.ARCHITECTURES[sae["architecture"]]
    generators = [torch_generator(seed, name, "init", i) for i in range(n_instances)]
    resamplers = [torch_generator(seed, name, "resample", i) for i in range(n_instances)]
    batches = torch_generator(seed, name, "train", device=device)

    parameters = saes.initialise(W.shape[0], sae["n_latents"], generators)
    parameters = {key: tensor.to(device) for key, tensor in parameters.items()}
    penalty, learning_rate = (
        torch.tensor(parameter_of_instances(sae, key, default), dtype=torch.float32, device=device)
        for key, default in (
            ("sparsity_penalty", sae["sparsity_penalty"]),
            ("learning_rate", training["learning_rate"]),
        )
    )
    features = make_distribution(distribution, probability.to(device).expand(n_instances, -1))
    W = W.to(device)
    recorder = Recorder(training["log_every"], progress or Progress(name, training["steps"]))
    history = History(sae, n_instances, parameters)
    activity = Activity(resampling["window"])

    def loss_of_step(step: int) -> Tensor:
        h = features.sample(training["batch_size"], batches) @ W.T
        losses = architecture.losses(parameters, h, penalty)
        activity.add(losses.active)
        history.add(losses)
        return losses.total

    def before_step(step: int) -> None:
        if resampling["method"] == "simple" and step and step % resampling["every"] == 0:
            dead = activity.dead()
            saes.resample_simple(parameters, dead, resampling["scale"], resamplers)
            history.resampled |= dead.cpu()

    def after_step(step: int) -> None:
        parameters["W_dec"].copy_(saes.normalise_decoder(parameters))
        if recorder.ends_stretch(step + 1):
            history.close_stretch(step + 1, activity.take_stretch(), parameters)

    minimise(parameters, loss_of_step, training, learning_rate, recorder, before_step, after_step)
    return parameters, history.to_table(recorder, name, seed)


class History:
    """Rows of (step, instance): losses, activity, which latents were resampled, and now and then the weights."""

    def __init__(self, sae: dict, n_instances: int, parameters: dict[str, Tensor]):
        steps, every = sae["training"]["steps"], sae["training"]["log_every"]
        logged = np.append(np.arange(every, steps, every), steps)
        n_snapshots = min(sae["training"]["snapshots"], len(logged) + 1)
        chosen = np.linspace(0, len(logged), n_snapshots).round().astype(int)
        self.snapshot_steps = set(np.concatenate([[0], logged])[chosen].tolist())
        self.resampled = torch.zeros(n_instances, sae["n_latents"], dtype=torch.bool)
        self.reconstruction: Tensor | float = 0.0
        self.sparsity: Tensor | float = 0.0
        self.count = 0
        self.frames: list[pd.DataFrame] = []
        if 0 in self.snapshot_steps:
            empty = torch.full((n_instances,), float("nan"))
            self._append(0, empty, empty, torch.full(self.resampled.shape, float("nan")), parameters)

    def add(self, losses: saes.Losses) -> None:
        self.reconstruction = self.reconstruction + losses.reconstruction.detach()
        self.sparsity = self.sparsity + losses.sparsity.detach()
        self.count += 1

    def close_stretch(self, step: int, fraction_active: Tensor, parameters: dict[str, Tensor]) -> None:
        self._append(step, self.reconstruction / self.count, self.sparsity / self.count, fraction_active, parameters)
        self.reconstruction, self.sparsity, self.count = 0.0, 0.0, 0
        self.resampled = torch.zeros_like(self.resampled)

    def _append(self, step, reconstruction, sparsity, fraction_active, parameters) -> None:
        snapshot = step in self.snapshot_steps
        n = len(fraction_active)
        weights = {
            key: list(parameters[key].detach().cpu().flatten(1).numpy().copy()) if snapshot else [None] * n
            for key in ("W_enc", "b_enc", "W_dec", "b_dec")
        }
        rows = {
            "step": step,
            "instance": range(n),
            "reconstruction_loss": reconstruction.cpu().numpy(),
            "sparsity_loss": sparsity.cpu().numpy(),
            "fraction_active": list(fraction_active.cpu().numpy()),
            "resampled": list(self.resampled.numpy().copy()),
            **weights,
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
