"""Distributions of sparse features: what the toy models and, through them, the sparse autoencoders are trained on.

A distribution is made for a stack of instances, each with its own probabilities, and is sampled with a generator that
the caller provides. Samples are dense here; `SparseSamples` holds them for storage as their non-zeros.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from superposition.runs import parameter_of_instances

LOWEST_MAGNITUDE = {"uniform": 0.0, "signed_uniform": -1.0}  # of U[lowest, 1)


class SparseFeatures:
    """Features that are rarely present, alone or in sets; the value of a present one is U[0, 1) or U[-1, 1).

    The first sets are correlated: one draw decides for all members, whose magnitudes are independent. The next are
    anticorrelated: at most one member is present. The remaining features are present independently of all others, with
    probability p_i = 1 - S_i. Distributions of Elhage et al. 2022 ("Demonstrating superposition", "The Geometry of
    Superposition", "Computation in Superposition"); ARENA 1.5.4 has the pairs.

    Args:
        probability: (instances, n_features), each in [0, 1]; alike within a set
        magnitude: "uniform" is U[0, 1), "signed_uniform" is U[-1, 1)
        correlated_sets, anticorrelated_sets: how many sets of `set_size` consecutive features begin the features
        probability_of: whose probability p is in an anticorrelated set, that of every "feature" (ARENA's convention; a
            set of k is then active with probability k p) or that of the "set", whose member is drawn uniformly (Elhage
            et al.'s)
    """

    def __init__(
        self,
        probability: Tensor,
        magnitude: str = "uniform",
        correlated_sets: int = 0,
        anticorrelated_sets: int = 0,
        set_size: int = 2,
        probability_of: str = "feature",
    ):
        if magnitude not in LOWEST_MAGNITUDE:
            raise ValueError(f"features.magnitude is {magnitude!r}: allowed are {sorted(LOWEST_MAGNITUDE)}")
        if probability_of not in ("feature", "set"):
            raise ValueError(f"features.probability_of is {probability_of!r}: allowed are 'feature', 'set'")
        self.probability = probability
        self.magnitude = magnitude
        self.lowest = LOWEST_MAGNITUDE[magnitude]
        self.set_size = set_size
        self.correlated_sets, self.anticorrelated_sets = correlated_sets, anticorrelated_sets
        n_sets, n_features = correlated_sets + anticorrelated_sets, probability.shape[1]
        if n_sets * set_size > n_features:
            raise ValueError(f"{n_sets} sets of {set_size} features do not fit into {n_features} features")
        self.n_in_sets = n_sets * set_size
        in_sets = probability[:, : self.n_in_sets].unflatten(1, (n_sets, set_size))
        self.set_probability = in_sets[..., 0].clone() if n_sets else probability.new_zeros(len(probability), 0)
        if probability_of == "feature":
            self.set_probability[:, correlated_sets:] *= set_size
        if n_sets and (in_sets != in_sets[..., :1]).any():
            raise ValueError("the features of a set differ in probability; they must be alike")
        if (self.set_probability > 1).any():
            raise ValueError(
                f"an anticorrelated set is active with probability {float(self.set_probability.max()):g}: "
                f"feature_probability must be at most 1 / {set_size}"
            )

    @property
    def is_independent(self) -> bool:
        return self.n_in_sets == 0

    @property
    def marginals(self) -> Tensor:
        """(instances, n_features) probability that each feature is present."""
        share = torch.ones_like(self.set_probability)
        share[:, self.correlated_sets :] /= self.set_size
        in_sets = (self.set_probability * share).repeat_interleave(self.set_size, dim=1)
        return torch.cat([in_sets, self.probability[:, self.n_in_sets :]], dim=1)

    def sample(self, n_samples: int, generator: torch.Generator) -> Tensor:
        """(n_samples, instances, n_features), float32."""
        x = self._sample_independent(n_samples, generator)
        if self.is_independent:
            return x
        return torch.cat([self._sample_sets(n_samples, generator), x], dim=2)

    def _sample_independent(self, n_samples: int, generator: torch.Generator) -> Tensor:
        """One uniform number decides both: given u < p, u / p is again uniform on [0, 1)."""
        p = self.probability[:, self.n_in_sets :]
        u = torch.rand(n_samples, *p.shape, generator=generator, device=p.device)
        return torch.where(u < p, self.lowest + (1 - self.lowest) * (u / p), 0.0)

    def _sample_sets(self, n_samples: int, generator: torch.Generator) -> Tensor:
        """(n_samples, instances, n_in_sets). Given u < p, u / p picks the member of an anticorrelated set."""
        p, device = self.set_probability, self.probability.device
        u = torch.rand(n_samples, *p.shape, 1, generator=generator, device=device)
        active = u < p[..., None]
        member = (u / p[..., None] * self.set_size).clamp(max=self.set_size - 1).long()  # u / p may round to 1
        chosen = member == torch.arange(self.set_size, device=device)
        chosen[:, :, : self.correlated_sets] = True
        magnitude = torch.rand(n_samples, *p.shape, self.set_size, generator=generator, device=device)
        values = torch.where(active & chosen, self.lowest + (1 - self.lowest) * magnitude, 0.0)
        return values.flatten(2)


def make_distribution(features: dict, probability: Tensor) -> SparseFeatures:
    """The distribution of a `features` block of the configuration, with probability (instances, n_features)."""
    keys = ("magnitude", "correlated_sets", "anticorrelated_sets", "set_size", "probability_of")
    return SparseFeatures(probability, **{key: features[key] for key in keys})


def scale_last(values: Tensor, factors: Tensor) -> Tensor:
    """(instances, n): `values`, (n,) or (instances, n), with the last of each row times a factor, (instances,)."""
    scaled = values.expand(len(factors), -1).clone()
    scaled[:, -1] *= factors
    return scaled


def feature_probability(experiment: dict) -> Tensor:
    """(instances, n_features) probability p_i of each feature in each instance of an experiment."""
    p = torch.tensor(parameter_of_instances(experiment, "feature_probability"), dtype=torch.float32)
    factors = torch.tensor(parameter_of_instances(experiment, "last_probability"), dtype=torch.float32)
    return scale_last(p[:, None].expand(-1, experiment["model"]["n_features"]), factors)


def feature_importance(experiment: dict) -> Tensor:
    """(instances, n_features) importance I_i of each feature in each instance of an experiment."""
    importance = experiment["importance"]
    curve = importance_curve(importance["curve"], importance["base"], experiment["model"]["n_features"])
    return scale_last(curve, torch.tensor(parameter_of_instances(experiment, "last_importance"), dtype=torch.float32))


def importance_curve(curve: str, base: float, n_features: int) -> Tensor:
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

    def to_dense(self, point: int, most: int | None = None) -> Tensor:
        """(samples, n_features) of one point, of its first `most` samples alone if that is given."""
        n_samples = self.n_samples if most is None else min(most, self.n_samples)
        offsets = self.offsets[point, : n_samples + 1]
        begin, end = int(offsets[0]), int(offsets[-1])
        rows = torch.repeat_interleave(torch.arange(n_samples), offsets.diff())
        dense = torch.zeros(n_samples, self.n_features)
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
