"""Our side of every comparison: what an experiment of config.yaml would run, called the way its script calls it.

An engine is a function of (steps, seed, device) that trains and returns the parameters under textbook.py's names; None
stands for one that is not there yet.
"""

import functools
import io
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from pipeline.configuration import load_configuration
from superposition import saes, toy_models
from superposition.features import SparseSamples
from superposition.progress import Progress
from superposition.sae_sources import ToyModelActivations
from superposition.sae_training import fit_saes
from superposition.seeding import torch_generator
from superposition.toy_model_training import train_toy_models
from superposition.training import Recorder

try:
    from superposition import finite_data
    from superposition.kernels import full_batch
except ImportError:
    full_batch = None

ROOT = Path(__file__).resolve().parents[1]
Parameters = dict[str, Tensor]
Engine = Callable[[int, int, str], Parameters]  # steps, seed, device


def complete(raw: dict) -> dict:
    """A configuration with every default; ConfigurationError where it breaks the schema."""
    return load_configuration(raw, ROOT / "schemas/config.schema.yaml", ROOT)


def toy_model_engine(name: str, experiment: dict) -> Engine:
    """`experiment` is a complete block of `toy_models`."""

    def train(steps: int, seed: int, device: str) -> Parameters:
        block = experiment | {"training": experiment["training"] | {"steps": steps}}
        return train_toy_models(name, block, seed, device, quiet(name, steps))[0]

    return train


def sae_engine(name: str, sae: dict, toy_model: dict, W: Tensor, probability: Tensor) -> Engine | None:
    """`sae` is a block of `saes` as one writes it, on the experiment `toy_model`; W (d_in, n_features), probability
    (n_features,)."""
    if sae["architecture"] not in saes.ARCHITECTURES:
        return None
    config = complete({"toy_models": {sae["toy_model"]: toy_model}, "saes": {name: sae}})
    whole, features = config["saes"][name], config["toy_models"][sae["toy_model"]]["features"]

    def fit(steps: int, seed: int, device: str) -> Parameters:
        block = whole | {"training": whole["training"] | {"steps": steps}}
        source = ToyModelActivations(W, probability, features, device)
        return fit_saes(name, block, seed, source, device, quiet(name, steps))[0]

    return fit


def full_batch_engine(
    name: str, points: Callable[[], Tensor], n_instances: int, n_hidden: int, weight_decay: float
) -> Engine | None:
    """points() is (n_points, n_features), the fixed samples that all instances share."""
    if full_batch is None:
        return None

    @functools.cache
    def data() -> SparseSamples:
        return SparseSamples.from_dense(points()[None])

    def train(steps: int, seed: int, device: str) -> Parameters:
        generators = start_generators(name, seed, n_instances)
        start = toy_models.initialise("relu_output", points().shape[1], n_hidden, generators)
        parameters = {key: tensor.to(device) for key, tensor in start.items()}
        constant = {"schedule": "constant", "warmup_steps": 0, "weight_decay": weight_decay}
        training = {"steps": steps, "engine": "auto"} | constant
        learning_rate = torch.full((n_instances,), 1e-3, device=device)
        minimise = full_batch.minimise_full_batch if device == "cpu" else finite_data.minimise_full_batch
        minimise(parameters, data(), "mean", training, learning_rate, Recorder(100, quiet(name, steps)))
        return parameters

    return train


def quiet(name: str, steps: int) -> Progress:
    return Progress(name, steps, stream=io.StringIO())


def start_generators(name: str, seed: int, n_instances: int) -> list[torch.Generator]:
    """Of the initial weights: the same that the training functions take, so that both sides start alike."""
    return [torch_generator(seed, name, "init", instance) for instance in range(n_instances)]
