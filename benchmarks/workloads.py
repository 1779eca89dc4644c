"""What is timed: one workload for every kind of training in the paper, at the size of its largest experiment."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmarks import textbook
from benchmarks.engines import (
    Engine,
    Parameters,
    complete,
    full_batch_engine,
    sae_engine,
    start_generators,
    toy_model_engine,
)
from superposition.features import SparseFeatures, importance_curve
from superposition.seeding import torch_generator
from superposition.toy_model_training import feature_probability
from superposition.toy_models import initialise

N_HELD_OUT = 4096
FEATURES, HIDDEN, LATENTS = 5, 2, 5  # of the autoencoders and their toy model
SAE_PROBABILITY = 0.025


@dataclass(frozen=True)
class Workload:
    """The same training twice. Both sides take `samples` samples a step.

    Attributes:
        shape: instances, sizes and batch, as printed
        textbook, ours: train and return the parameters; `ours` is None where there is no engine yet
        loss: parameters -> (instances,) loss on samples that both sides are judged by
        flops: of one step's dense matrix products, forward and backward, over all instances
        targets: device -> least ratio to the textbook loop that is aimed at
        check_steps, repetitions: how long and how often both are trained to compare their losses
        pairs: of a training point and a feature in a step, where the same points are used in every step
        small: the workload that losses are compared on, where the timed one is too slow for repetitions
    """

    name: str
    shape: str
    textbook: Engine
    ours: Engine | None
    loss: Callable[[Parameters], Tensor]
    flops: float
    samples: int
    targets: dict[str, float] = field(default_factory=dict)
    check_steps: int = 300
    repetitions: int = 2
    pairs: int = 0
    small: "Workload | None" = None


def toy_model_workload(
    name: str,
    n_features: int,
    n_hidden: int,
    sweep: dict,
    restarts: int = 1,
    base: float = 1.0,
    batch: int = 1024,
    **rest,
) -> Workload:
    """ReLU output models over a sweep of probabilities, `restarts` of each; importance base^i."""
    raw = {
        "title": name,
        "model": {"kind": "relu_output", "n_features": n_features, "n_hidden": n_hidden},
        "importance": {"curve": "geometric", "base": base},
        "sweep": {"feature_probability": sweep},
        "restarts": restarts,
        "training": {"batch_size": batch},
    }
    experiment = complete({"toy_models": {name: raw}})["toy_models"][name]
    probability = feature_probability(experiment).contiguous()
    importance = importance_curve("geometric", base, n_features)
    held_out = SparseFeatures(probability).sample(N_HELD_OUT, torch_generator(0, name, "held out"))

    n = len(probability)

    def train_textbook(steps: int, seed: int, device: str) -> Parameters:
        torch.manual_seed(seed)
        start = move(initialise("relu_output", n_features, n_hidden, start_generators(name, seed, n)), device)
        return textbook.train_toy_models(start, probability.to(device), importance.to(device), steps, batch)

    return Workload(
        name,
        f"{n} × ({n_features} → {n_hidden}), batch {batch}",
        train_textbook,
        toy_model_engine(name, experiment),
        lambda parameters: textbook.toy_model_loss(parameters, held_out, importance),
        flops=5 * 2.0 * batch * n_features * n_hidden * n,  # W x, W^T h, W g, h g^T, (W g) x^T
        samples=batch * n,
        **rest,
    )


def sae_workload(
    name: str, architecture: str, penalty: float, instances: int = 16, batch: int = 1024, **rest
) -> Workload:
    """Autoencoders on the activations of a pentagon: five sparse features in two dimensions."""
    angles = 2 * torch.pi * torch.arange(FEATURES) / FEATURES
    W = 1.15 * torch.stack([angles.cos(), angles.sin()])
    toy_model = {"title": "pentagon", "model": {"kind": "relu_output", "n_features": FEATURES, "n_hidden": HIDDEN}}
    sae = {
        "title": name,
        "toy_model": "pentagon",
        "architecture": architecture,
        "n_latents": LATENTS,
        "sparsity_penalty": penalty,
        "restarts": instances,
        "training": {"batch_size": batch},
    }
    probability = torch.full((instances, FEATURES), SAE_PROBABILITY)
    x = SparseFeatures(probability).sample(N_HELD_OUT, torch_generator(0, name, "held out"))
    held_out = x @ W.T
    loss = {"relu": textbook.relu_sae_loss, "gated": textbook.gated_sae_loss}[architecture]

    def fit_textbook(steps: int, seed: int, device: str) -> Parameters:
        torch.manual_seed(seed)
        start = textbook.start_saes(architecture, HIDDEN, LATENTS, start_generators(name, seed, instances))
        fixed = W.to(device), probability.to(device), penalty
        return textbook.fit_saes(architecture, move(start, device), *fixed, steps, batch)

    # relu: encode, decode, and back dL/dz, dL/dW_dec, dL/dW_enc; gated: a second decode and a second dL/dz
    products = {"relu": 5, "gated": 7}[architecture]
    return Workload(
        name,
        f"{instances} × ({HIDDEN} → {LATENTS}), batch {batch}",
        fit_textbook,
        sae_engine(name, sae, toy_model, W, probability[0]),
        lambda parameters: loss(parameters, held_out, penalty),
        flops=2.0 * batch * instances * HIDDEN * (FEATURES + products * LATENTS),
        samples=batch * instances,
        **rest,
    )


def full_batch_workload(
    name: str, n_points: int, n_features: int, probability: float, n_hidden: int = 2, instances: int = 1, **rest
) -> Workload:
    """Models of one fixed set of samples of unit length (Henighan et al. 2023), with AdamW."""
    importance, weight_decay = torch.ones(n_features), 0.01

    @functools.cache
    def points() -> Tensor:
        """(n_points, n_features), drawn when first needed: the paper's take 200 MB."""
        sparse = SparseFeatures(torch.full((1, n_features), probability))
        x = sparse.sample(n_points, torch_generator(0, name, "points"))[:, 0]
        return x.div_(x.norm(dim=1, keepdim=True).clamp(min=1e-8))  # rows without any feature stay zero

    def copies() -> Tensor:
        return points()[:, None].expand(-1, instances, -1)

    def train_textbook(steps: int, seed: int, device: str) -> Parameters:
        torch.manual_seed(seed)
        start = move(initialise("relu_output", n_features, n_hidden, start_generators(name, seed, instances)), device)
        return textbook.train_full_batch(start, copies().to(device), weight_decay, steps)

    return Workload(
        name,
        f"{instances} × ({n_features:,} → {n_hidden}), all {n_points:,} points",
        train_textbook,
        full_batch_engine(name, points, instances, n_hidden, weight_decay),
        lambda parameters: textbook.toy_model_loss(parameters, copies(), importance),
        flops=5 * 2.0 * n_points * n_features * n_hidden * instances,
        samples=n_points * instances,
        pairs=n_points * n_features * instances,
        **rest,
    )


def move(parameters: Parameters, device: str) -> Parameters:
    return {name: tensor.to(device) for name, tensor in parameters.items()}


def spaced(start: float, stop: float, points: int) -> dict:
    return {"spacing": "geometric", "start": start, "stop": stop, "points": points}


def list_workloads() -> list[Workload]:
    """The seven of the paper."""
    small, large, full = {"cpu": 40.0, "cuda": 10.0}, {"cpu": 10.0}, {"cpu": 100.0}
    few_points = full_batch_workload("double_descent", 500, 1000, 0.01, instances=8)
    few_grid = toy_model_workload("phase_diagram", 2, 1, spaced(1, 0.01, 50), restarts=4, base=0.8)
    return [
        toy_model_workload("intro_2d", 5, 2, spaced(1, 0.02, 8), base=0.9, targets=small, repetitions=4),
        toy_model_workload("phase_diagram", 2, 1, spaced(1, 0.01, 50), 20, base=0.8, targets=small, small=few_grid),
        toy_model_workload("importance_nd", 80, 20, spaced(1, 0.01, 10), base=0.9, targets=large),
        toy_model_workload("geometry", 200, 20, spaced(1, 0.05, 20), targets=large, check_steps=100, repetitions=1),
        full_batch_workload("double_descent", 5000, 10_000, 0.001, targets=full, small=few_points),
        sae_workload("sae_relu", "relu", 0.2, targets=small),
        sae_workload("sae_gated", "gated", 1.0, targets=small),
    ]


def list_tiny_workloads() -> list[Workload]:
    """The same seven, small: enough to see that everything works, too small to judge a speed by."""
    few = {"batch": 128, "check_steps": 200, "repetitions": 4}
    return [
        toy_model_workload("intro_2d", 5, 2, spaced(1, 0.02, 8), base=0.9, **few),
        toy_model_workload("phase_diagram", 2, 1, spaced(1, 0.01, 5), restarts=4, base=0.8, **few),
        toy_model_workload("importance_nd", 16, 4, spaced(1, 0.01, 4), base=0.9, **few),
        toy_model_workload("geometry", 24, 4, spaced(1, 0.05, 4), **few),
        full_batch_workload("double_descent", 50, 200, 0.05, instances=4, check_steps=200, repetitions=4),
        sae_workload("sae_relu", "relu", 0.2, instances=8, **few),
        sae_workload("sae_gated", "gated", 1.0, instances=8, **few),
    ]
