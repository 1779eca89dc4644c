"""Trains all models of one experiment on finite data at one seed, point by point, and goes on where it was stopped."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from superposition import toy_models
from superposition.checkpoints import Checkpoint
from superposition.features import SparseSamples
from superposition.finite_data import minimise_full_batch
from superposition.finite_data_runs import DataSets, list_models, list_settings
from superposition.kernels import full_batch
from superposition.progress import Progress
from superposition.seeding import torch_generator
from superposition.training import DivergenceError, Recorder

CURRENT = "current."  # before the names of what is kept of the point that is being trained


def train_on_finite_data(
    name: str,
    experiment: dict,
    seed: int,
    data_sets: DataSets,
    device: torch.device | str = "cpu",
    checkpoint: Checkpoint | None = None,
) -> tuple[dict[str, Tensor], pd.DataFrame]:
    """All models of `experiment` at `seed`.

    Args:
        checkpoint: where to keep what is done, and to go on from, to the same last bit: finished points, and the one
            that is being trained

    Returns:
        the weights W.<point>, (restarts, n_hidden, n_features), and b_final.<point> of each combination of swept
        values; and the history, one row per (step, instance) with the mean training loss of the stretch of at most
        `training.log_every` steps that ends there.
    """
    kept = checkpoint.load() if checkpoint else {}
    for setting in list_settings(experiment).itertuples():
        if f"W.{setting.point}" not in kept:
            data = data_sets.training[setting.n_samples]
            kept = _train_point(name, experiment, seed, setting, data, device, checkpoint, kept)
            if checkpoint and checkpoint.is_due():
                checkpoint.save(kept)
    weights = {key: tensor for key, tensor in kept.items() if key.startswith(("W.", "b_final."))}
    return weights, _tabulate_history(name, experiment, seed, kept)


def _train_point(
    name: str,
    experiment: dict,
    seed: int,
    setting: tuple,
    data: SparseSamples,
    device: torch.device | str,
    checkpoint: Checkpoint | None,
    kept: dict[str, Tensor],
) -> dict[str, Tensor]:
    """`kept` with the weights and the history of one point, and without the state of its training."""
    point, restarts = setting.point, experiment["restarts"]
    training = experiment["training"] | {"steps": setting.steps, "weight_decay": setting.weight_decay}
    generators = [torch_generator(seed, name, "init", point * restarts + restart) for restart in range(restarts)]
    model = experiment["model"]
    parameters = toy_models.initialise(
        "relu_output", model["n_features"], setting.n_hidden, generators, init_std=model["init_std"]
    )
    rates = torch.full((restarts,), training["learning_rate"])
    current = {key.removeprefix(CURRENT): tensor for key, tensor in kept.items() if key.startswith(CURRENT)}
    progress = Progress(f"{name}, {setting.n_samples:,} samples, point {point}", setting.steps)
    recorder = Recorder(training["log_every"], progress)
    recorder.resume(current)
    finished = {key: tensor for key, tensor in kept.items() if not key.startswith(CURRENT)}

    def keep(describe: Callable[[], dict[str, Tensor]]) -> None:
        if checkpoint and checkpoint.is_due():
            now = describe() | recorder.to_tensors()
            checkpoint.save(finished | {CURRENT + key: tensor for key, tensor in now.items()})

    try:
        if training["engine"] == "auto" and torch.device(device).type == "cpu":
            minimise = full_batch.minimise_full_batch
        else:
            minimise, rates = minimise_full_batch, rates.to(device)
            parameters = {key: tensor.to(device) for key, tensor in parameters.items()}
        minimise(parameters, data, training["loss"], training, rates, recorder, current, keep)
    except DivergenceError as error:
        raise DivergenceError(f"point {point} ({setting.n_samples} samples): {error}") from error
    trained = {f"{key}.{point}": tensor.cpu() for key, tensor in parameters.items()}
    history = {f"history_steps.{point}": torch.tensor(recorder.steps), f"losses.{point}": torch.stack(recorder.losses)}
    return finished | trained | history


def _tabulate_history(name: str, experiment: dict, seed: int, kept: dict[str, Tensor]) -> pd.DataFrame:
    models, frames = list_models(experiment), []
    for point, rows in models.groupby("point"):
        steps, losses = kept[f"history_steps.{point}"].numpy(), kept[f"losses.{point}"].numpy()
        keys = {"step": np.repeat(steps, len(rows)), "instance": np.tile(rows["instance"], len(steps))}
        frames.append(pd.DataFrame(keys | {"loss": losses.flatten()}))
    return pd.concat(frames, ignore_index=True).assign(experiment=name, seed=seed)
