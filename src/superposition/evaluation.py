"""Held-out loss: how good a trained toy model is on samples that no training saw."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from superposition import toy_models
from superposition.features import SparseSamples, feature_importance, feature_probability, make_distribution
from superposition.runs import held_out_of_instances
from superposition.seeding import torch_generator

OUTPUTS = 4_000_000  # outputs per pass: bounds the memory


def sample_held_out(name: str, experiment: dict, seed: int) -> SparseSamples:
    """The experiment's frozen held-out samples, one set per distribution of features (see held_out_of_instances)."""
    experiment = experiment | {"restarts": 1}  # which share their samples
    held_out, probability = held_out_of_instances(experiment), feature_probability(experiment)
    n_samples, sampled = experiment["evaluation"]["n_samples"], []
    for index in range(held_out.max() + 1):
        instance = int(np.flatnonzero(held_out == index)[0])
        distribution = make_distribution(experiment["features"], probability[instance, None])
        sampled.append(distribution.sample(n_samples, torch_generator(seed, name, "held_out", index))[:, 0])
    return SparseSamples.from_dense(torch.stack(sampled))


def held_out_losses(
    kind: str, parameters: toy_models.Parameters, samples: SparseSamples, held_out: np.ndarray, importance: Tensor
) -> np.ndarray:
    """(instances,) importance-weighted squared error, mean over features and samples of the instance's held-out set.

    Args:
        held_out: (instances,) the held-out set that belongs to each instance
        importance: (instances, n_features)
    """
    losses = np.empty(len(held_out))
    for index in np.unique(held_out):
        instances = np.flatnonzero(held_out == index)
        stack = toy_models.take_instances(parameters, instances)
        rows = max(1, OUTPUTS // (len(instances) * importance.shape[1]))
        total = sum(
            toy_models.reconstruction_loss(kind, stack, chunk[:, None], importance[instances]).double() * len(chunk)
            for chunk in samples.to_dense(int(index)).split(rows)
        )
        losses[instances] = total.numpy() / samples.n_samples
    return losses


def lowest_loss_instances(losses: np.ndarray, points: np.ndarray) -> Iterator[int]:
    """For each point in order, the instance whose held-out loss is lowest among its restarts."""
    for point in np.unique(points):
        instances = np.flatnonzero(points == point)
        yield int(instances[losses[instances].argmin()])


def choose_instance(
    experiment: dict, parameters: toy_models.Parameters, samples: SparseSamples, choice: int | str
) -> int:
    """The instance that a downstream experiment builds on: a given one, or that of the lowest held-out loss."""
    if choice != "lowest_loss":
        return int(choice)
    fixed = (held_out_of_instances(experiment), feature_importance(experiment))
    return int(held_out_losses(experiment["model"]["kind"], parameters, samples, *fixed).argmin())
