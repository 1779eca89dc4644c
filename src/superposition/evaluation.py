"""Held-out loss: how good a trained toy model is on samples that no training saw."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from superposition import toy_models
from superposition.features import SparseSamples, feature_importance, make_distribution
from superposition.runs import list_instances, list_points
from superposition.seeding import torch_generator

CHUNK = 16_384  # samples per pass: bounds the memory of wide models


def sample_held_out(name: str, experiment: dict, seed: int) -> SparseSamples:
    """The experiment's frozen held-out samples, one set per combination of swept values, shared by its restarts."""
    points = list_points(experiment)
    default = experiment["features"]["feature_probability"]
    probability = points.get("feature_probability", pd.Series(default, index=points.index)).to_numpy()
    n_features, n_samples = experiment["model"]["n_features"], experiment["evaluation"]["n_samples"]
    features, sampled = experiment["features"], []
    for point, p in enumerate(probability):
        probabilities = torch.full((1, n_features), float(p))
        distribution = make_distribution(features["distribution"], probabilities, features["magnitude"])
        sampled.append(distribution.sample(n_samples, torch_generator(seed, name, "held_out", point))[:, 0])
    return SparseSamples.from_dense(torch.stack(sampled))


def held_out_losses(
    kind: str, parameters: toy_models.Parameters, samples: SparseSamples, points: np.ndarray, importance: Tensor
) -> np.ndarray:
    """(instances,) importance-weighted squared error, mean over the samples of each instance's point and over features.

    Args:
        points: (instances,) point of the held-out samples that belongs to each instance
        importance: (n_features,)
    """
    losses = np.empty(len(points))
    for point in np.unique(points):
        instances = np.flatnonzero(points == point)
        stack = {name: tensor[instances] for name, tensor in parameters.items()}
        total = sum(
            toy_models.reconstruction_loss(kind, stack, chunk[:, None], importance).double() * len(chunk)
            for chunk in samples.to_dense(int(point)).split(CHUNK)
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
    model = experiment["model"]
    importance = feature_importance(**experiment["importance"], n_features=model["n_features"])
    points = list_instances(experiment)["point"].to_numpy()
    return int(held_out_losses(model["kind"], parameters, samples, points, importance).argmin())
