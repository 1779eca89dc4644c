"""Distributions of sparse features: what the toy models and, through them, the sparse autoencoders are trained on.

A distribution is made for a stack of instances, each with its own probabilities, and is sampled with a generator that
the caller provides. Samples are dense here; `SparseSamples` holds them for storage as their non-zeros.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

LOWEST_MAGNITUDE = {"uniform": 0.0, "signed_uniform": -1.0}  # of U[lowest, 1)


class IndependentFeatures:
    """Feature i is present with probability p_i, independently of the others; its value is then U[0, 1) or U[-1, 1).

    The distributions of Elhage et al. 2022 ("Demonstrating superposition", Experiment setup, and "Computation in
    Superposition"), with p = 1 - S.

    Args:
        probability: (instances, n_features), each in [0, 1]
        magnitude: "uniform" is U[0, 1), "signed_uniform" is U[-1, 1)
    """

    def __init__(self, probability: Tensor, magnitude: str = "uniform"):
        if magnitude not in LOWEST_MAGNITUDE:
            raise ValueError(f"features.magnitude is {magnitude!r}: allowed are {sorted(LOWEST_MAGNITUDE)}")
        self.probability = probability
        self.lowest = LOWEST_MAGNITUDE[magnitude]

    def sample(self, n_samples: int, generator: torch.Generator) -> Tensor:
        """(n_samples, instances, n_features), float32.

        One uniform number decides both: given u < p, u / p is again uniform on [0, 1).
        """
        p = self.probability
        u = torch.rand(n_samples, *p.shape, generator=generator, device=p.device)
        return torch.where(u < p, self.lowest + (1 - self.lowest) * (u / p), 0.0)


DISTRIBUTIONS = {"independent": IndependentFeatures}


def make_distribution(kind: str, probability: Tensor, magnitude: str = "uniform") -> IndependentFeatures:
    if kind not in DISTRIBUTIONS:
        raise ValueError(f"features.distribution is {kind!r}: allowed are {sorted(DISTRIBUTIONS)}")
    return DISTRIBUTIONS[kind](probability, magnitude)


def feature_importance(curve: str, base: float, n_features: int) -> Tensor:
    """(n_features,) importances I_i of the loss: all one, or base^i."""
    match curve:
        case "uniform":
            return torch.ones(n_features)
        case "geometric":
            return base ** torch.arange(n_features, dtype=torch.float32)
    raise ValueError(f"importance.curve is {curve!r}: allowed are 'uniform', 'geometric'")


@dataclass(frozen=True)
class SparseSamples:
    """Samples of (points, samples, n_features) as their non-zeros, in row order.

    Attributes:
        values: (non-zeros,) float32
        features: (non-zeros,) int32, the feature of each value
        offsets: (points, samples + 1) int64, where each sample's values begin
        n_features: width of the dense sample
    """

    values: Tensor
    features: Tensor
    offsets: Tensor
    n_features: int

    @classmethod
    def from_dense(cls, dense: Tensor) -> "SparseSamples":
        """From (points, samples, n_features)."""
        points, samples, n_features = dense.shape
        present = dense != 0
        counts = present.sum(-1).flatten()
        ends = counts.cumsum(0).view(points, samples)
        begins = torch.cat([torch.zeros(1, dtype=ends.dtype), ends[:, -1]])[:-1, None]
        offsets = torch.cat([begins, ends], dim=1)
        features = present.nonzero()[:, -1].to(torch.int32)
        return cls(dense[present], features, offsets, n_features)

    @property
    def n_points(self) -> int:
        return self.offsets.shape[0]

    @property
    def n_samples(self) -> int:
        return self.offsets.shape[1] - 1

    def to_dense(self, point: int) -> Tensor:
        """(samples, n_features) of one point."""
        offsets = self.offsets[point]
        begin, end = int(offsets[0]), int(offsets[-1])
        rows = torch.repeat_interleave(torch.arange(self.n_samples), offsets.diff())
        dense = torch.zeros(self.n_samples, self.n_features)
        dense[rows, self.features[begin:end].long()] = self.values[begin:end]
        return dense

    def to_tensors(self) -> dict[str, Tensor]:
        return {
            "values": self.values,
            "features": self.features,
            "offsets": self.offsets,
            "n_features": torch.tensor(self.n_features),
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "SparseSamples":
        return cls(tensors["values"], tensors["features"], tensors["offsets"], int(tensors["n_features"]))
