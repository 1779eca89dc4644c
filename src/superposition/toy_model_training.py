"""Trains all instances of one toy-model experiment at one seed."""

import pandas as pd
import torch
from torch import Tensor

from superposition import toy_models
from superposition.features import feature_importance, make_distribution
from superposition.kernels import toy_models as kernels
from superposition.progress import Progress
from superposition.runs import list_instances, parameter_of_instances
from superposition.seeding import derive_seed, torch_generator
from superposition.training import Recorder, minimise


def feature_probability(experiment: dict) -> Tensor:
    """(instances, n_features) probability of each feature in each instance of an experiment."""
    p = parameter_of_instances(experiment, "feature_probability", experiment["features"]["feature_probability"])
    return torch.tensor(p, dtype=torch.float32)[:, None].expand(-1, experiment["model"]["n_features"])


def train_toy_models(
    name: str, experiment: dict, seed: int, device: torch.device | str = "cpu", progress: Progress | None = None
) -> tuple[dict[str, Tensor], pd.DataFrame]:
    """All instances of `experiment` at `seed`.

    Returns:
        the weights (see toy_models), and the history: one row per (step, instance) with the mean training loss of the
        stretch of at most `training.log_every` steps that ends there.
    """
    model, features, training = experiment["model"], experiment["features"], experiment["training"]
    n_instances = len(list_instances(experiment))
    generators = [torch_generator(seed, name, "init", i) for i in range(n_instances)]
    shape = (model["n_features"], model["n_hidden"])
    parameters = toy_models.initialise(model["kind"], *shape, generators, model["init_std"])
    parameters = {key: tensor.to(device) for key, tensor in parameters.items()}

    probability = feature_probability(experiment).to(device)
    importance = feature_importance(**experiment["importance"], n_features=model["n_features"]).to(device)
    rates = parameter_of_instances(experiment, "learning_rate", training["learning_rate"])
    learning_rate = torch.tensor(rates, dtype=torch.float32, device=device)
    recorder = Recorder(training["log_every"], progress or Progress(name, training["steps"]))
    kind = model["kind"]
    if training["engine"] == "auto" and kernels.supports(kind, features["distribution"], device):
        seeds = [derive_seed(seed, name, "train", i) for i in range(n_instances)]
        fixed = (importance, training, learning_rate, seeds, recorder)
        kernels.minimise(kind, parameters, probability, *fixed, features["magnitude"])
        return parameters, history_table(recorder, name, seed)

    distribution = make_distribution(features["distribution"], probability, features["magnitude"])
    batches = torch_generator(seed, name, "train", device=device)

    def loss_of_step(step: int) -> Tensor:
        x = distribution.sample(training["batch_size"], batches)
        return toy_models.reconstruction_loss(kind, parameters, x, importance)

    minimise(parameters, loss_of_step, training, learning_rate, recorder)
    return parameters, history_table(recorder, name, seed)


def history_table(recorder: Recorder, experiment: str, seed: int) -> pd.DataFrame:
    """The recorded losses in long form: experiment, seed, step, instance, loss."""
    losses = torch.stack(recorder.losses)
    index = pd.MultiIndex.from_product([recorder.steps, range(losses.shape[1])], names=["step", "instance"])
    frame = pd.DataFrame({"loss": losses.flatten().numpy()}, index=index).reset_index()
    return frame.assign(experiment=experiment, seed=seed)
