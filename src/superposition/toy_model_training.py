"""Trains all instances of one toy-model experiment at one seed."""

from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor

from superposition.adversarial import perturb
from superposition.checkpoints import Checkpoint
from superposition.features import feature_importance, feature_probability, make_distribution
from superposition.kernels import toy_models as kernels
from superposition.progress import Progress
from superposition.runs import list_instances, parameter_of_instances
from superposition.seeding import derive_seed, torch_generator
from superposition.toy_model_history import Snapshots
from superposition.toy_models import KINDS, hidden_activity, weigh_errors
from superposition.training import Recorder, minimise


def train_toy_models(
    name: str,
    experiment: dict,
    seed: int,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[dict[str, Tensor], pd.DataFrame]:
    """All instances of `experiment` at `seed`.

    Args:
        checkpoint: where to keep the state of training, and to go on from, to the same last bit

    Returns:
        the weights (see toy_models), and the history: one row per (step, instance) with the mean training loss of the
        stretch of at most `training.log_every` steps that ends there and, at `training.snapshots` steps, the weights W.
    """
    model, training = experiment["model"], experiment["training"]
    n_instances, kind = len(list_instances(experiment)), KINDS[model["kind"]]
    generators = [torch_generator(seed, name, "init", i) for i in range(n_instances)]
    settings = {"init_std": model["init_std"], "hidden_bias": model["hidden_bias"]}
    parameters = kind.initialise(model["n_features"], model["n_hidden"], generators, **settings)
    parameters = {key: tensor.to(device) for key, tensor in parameters.items()}

    importance = feature_importance(experiment).to(device)
    learning_rate, penalty, attack = (
        torch.tensor(parameter_of_instances(experiment, key), dtype=torch.float32, device=device)
        for key in ("learning_rate", "hidden_penalty", "attack_size")
    )
    distribution = make_distribution(experiment["features"], feature_probability(experiment).to(device))
    recorder = Recorder(training["log_every"], progress or Progress(name, training["steps"]))
    snapshots, batches = Snapshots(training), torch_generator(seed, name, "train", device=device)

    def take_snapshot(step: int) -> None:
        snapshots.take(step, kind.directions(parameters))

    def keep(describe: Callable[[], dict[str, Tensor]]) -> None:
        if checkpoint and checkpoint.is_due():
            history = recorder.to_tensors() | snapshots.to_tensors()
            checkpoint.save(describe() | history | {"generator": batches.get_state()})

    take_snapshot(0)
    kept = checkpoint.load() if checkpoint else {}
    if recorder.resume(kept):
        snapshots.resume(kept)
        batches.set_state(kept["generator"])
    if training["engine"] == "auto" and kernels.supports(model["kind"], device):
        seeds = [derive_seed(seed, name, "train", i) for i in range(n_instances)]
        kernels.minimise(
            model["kind"], parameters, distribution, importance, training, learning_rate, penalty, seeds, recorder,
            model["output_bias"], attack, take_snapshot, kept, keep,
        )  # fmt: skip
        return parameters, snapshots.to_table(recorder, name, seed)

    attacked, penalised = bool(attack.any()), bool(penalty.any())

    def loss_of_batch() -> Tensor:
        x = distribution.sample(training["batch_size"], batches)
        seen = perturb(parameters["W"].detach(), x, attack, batches) if attacked else x
        loss = weigh_errors(importance, kind.target(x), kind.forward(parameters, seen))
        return loss + penalty * hidden_activity(model["kind"], parameters, seen) if penalised else loss

    def after_step(step: int) -> None:
        take_snapshot(step + 1)

    trained = parameters if model["output_bias"] else {k: v for k, v in parameters.items() if k != "b_final"}
    minimise(trained, loss_of_batch, training, learning_rate, recorder, [batches], after_step, kept, keep)
    return parameters, snapshots.to_table(recorder, name, seed)
