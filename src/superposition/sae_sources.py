"""Where the activations come from that sparse autoencoders are fitted to.

A source has true features W, (d_in, n_features), and a bias, (d_in,). It draws activations h by
`sample(batch_size, n_instances, generator)`, of shape (batch_size, n_instances, d_in), or (batch_size, 1, d_in) for a
batch that all instances share. One whose instances have samples of their own says so by `shared = False`; it is then
asked for one instance at a time, each with its own generator, so that no instance's samples depend on the others.
"""

import hashlib
from typing import Protocol

import torch
from torch import Tensor

from superposition.features import SparseFeatures, make_distribution
from superposition.seeding import torch_generator


class Source(Protocol):
    W: Tensor
    bias: Tensor

    def sample(self, batch_size: int, n_instances: int, generator: torch.Generator) -> Tensor: ...


class ToyModelActivations:
    """h = W x of a trained toy model, with samples x of its own for every instance.

    Args:
        W: (d_in, n_features)
        probability: (n_features,) of the features x
        features: the block of the configuration that they come from
    """

    shared = False

    def __init__(self, W: Tensor, probability: Tensor, features: dict, device: torch.device | str = "cpu"):
        self.W = W.to(device)
        self.bias = torch.zeros(len(W), device=device)
        self.probability, self.features = probability.to(device), features
        self._distributions: dict[int, SparseFeatures] = {}

    def digest(self) -> str:
        """A hash of W, by which a checkpoint knows the source that it is of."""
        return hashlib.sha256(self.W.cpu().numpy().tobytes()).hexdigest()

    def distribution(self, n_instances: int) -> SparseFeatures:
        if n_instances not in self._distributions:
            probability = self.probability.expand(n_instances, -1)
            self._distributions[n_instances] = make_distribution(self.features, probability)
        return self._distributions[n_instances]

    def sample(self, batch_size: int, n_instances: int, generator: torch.Generator) -> Tensor:
        return self.distribution(n_instances).sample(batch_size, generator) @ self.W.T


class ScaledActivations:
    """The activations of another source, multiplied by a number, and its features and bias likewise."""

    def __init__(self, source: Source, factor: float):
        self.source, self.factor = source, factor
        self.shared = getattr(source, "shared", True)
        self.W, self.bias = factor * source.W, factor * source.bias

    def sample(self, batch_size: int, n_instances: int, generator: torch.Generator) -> Tensor:
        return self.factor * self.source.sample(batch_size, n_instances, generator)


class Batches:
    """The stream of batches of one purpose: the same for an instance alone as among others.

    Args:
        names: of the stream, see seeding
    """

    def __init__(self, source: Source, seed: int, *names: str, n_instances: int, device: torch.device | str = "cpu"):
        self.source, self.n_instances = source, n_instances
        self.shared = getattr(source, "shared", True)
        streams = [()] if self.shared else [(i,) for i in range(n_instances)]
        self.generators = [torch_generator(seed, *names, *stream, device=device) for stream in streams]

    def draw(self, batch_size: int) -> Tensor:
        """(batch_size, instances or 1, d_in)"""
        if self.shared:
            return self.source.sample(batch_size, self.n_instances, self.generators[0])
        samples = [self.source.sample(batch_size, 1, generator)[:, 0] for generator in self.generators]
        return torch.stack(samples).transpose(0, 1)  # an instance's samples lie together, as products of matrices want

    def draw_for(self, instance: int, batch_size: int) -> Tensor:
        """(batch_size, d_in) of one instance alone; the streams of the others stay where they are."""
        return self.source.sample(batch_size, 1, self.generators[0 if self.shared else instance])[:, 0]
