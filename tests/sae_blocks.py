"""Sweeps of every architecture on a small overcomplete dictionary, for what all of them have to pass."""

import io

import torch
from builders import sae, toy_model

from superposition import saes
from superposition.progress import Progress
from superposition.sae_sources import ToyModelActivations
from superposition.sae_training import fit_saes
from superposition.seeding import torch_generator

DICTIONARY = torch.nn.functional.normalize(torch.randn(8, 12, generator=torch_generator(0, "dictionary")), dim=0)
SWEPT = {  # what is swept where an architecture has something of its own, two values each
    "topk": {"k": [2, 3]},
    "batchtopk": {"k": [1.5, 2.5]},
    "matryoshka_batchtopk": {"k": [1.5, 2.5]},
    "matching_pursuit": {"k": [2, 3]},
    "pca": {"k": [2, 3]},
    "ica": {"k": [2, 3]},
    "nmf": {"k": [2, 3]},
    "random": {"k": [2, 3]},
    "jumprelu": {"bandwidth": [0.1, 0.3], "threshold_init": [0.1, 0.2]},
}


def source(W=DICTIONARY, p=0.15, device="cpu"):
    return ToyModelActivations(W, torch.full((W.shape[1],), p), toy_model()["features"], device)


def block(architecture: str, **changes) -> dict:
    """A sweep of 16 latents, or as many as there can be, and 40 steps by the specification."""
    training = {"steps": 40, "batch_size": 64, "learning_rate": 0.01, "engine": "torch"} | changes.pop("training", {})
    settings = {"k": 2, "sparsity_penalty": 0.02, "prefixes": 4, "dead_window": 10, "fit_samples": 2_000, "restarts": 1}
    n_latents = 8 if architecture in ("pca", "ica") else 16
    settings |= {"n_latents": n_latents}
    return sae(architecture=architecture, training=training, **settings | changes)


def fit(sweep: dict, data=None, seed: int = 0, device: str = "cpu"):
    """Parameters and history of a sweep."""
    progress = Progress("test", sweep["training"]["steps"], stream=io.StringIO())
    return fit_saes("test", sweep, seed, data or source(device=device), device, progress)


def held_out(n_instances: int, n_samples: int = 2_000, data=None) -> torch.Tensor:
    h = (data or source()).sample(n_samples, 1, torch_generator(0, "held out"))
    return h.expand(-1, n_instances, -1)


def unexplained(sweep: dict, parameters: saes.Parameters) -> torch.Tensor:
    """(instances,) the fraction of the variance of held-out activations that is unexplained."""
    architecture = saes.make_architecture(sweep)
    h = held_out(len(parameters["b_dec"]))
    error = h - architecture.decode(parameters, architecture.encode(parameters, h))
    return (error**2).sum((0, 2)) / ((h - h.mean(0)) ** 2).sum((0, 2))
