"""A synthetic dictionary: directions of features, and the distribution of the features that are summed along them.

    h = x W^T + bias (+ noise),   x (batch, n_features) sparse and not negative,   W (d_in, n_features)

The kinds of directions, probabilities, magnitudes and dependencies are those of published benchmarks of sparse
autoencoders on known ground truth: Sharkey et al. 2022, Nabeshima 2024 (feature trees), Chanin et al. 2024
(absorption), Anders et al. 2024 (composed features), Chanin 2026 (SynthSAEBench).
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.special import ndtri

from superposition.dictionaries.correlation import (
    Correlation,
    CorrelationMatrix,
    LowRankCorrelation,
    make_correlation,
)
from superposition.dictionaries.dictionary_tensors import TensorFields
from superposition.dictionaries.directions import draw_directions
from superposition.dictionaries.groups import (
    Group,
    gate_probabilities,
    list_groups,
    parents_of_features,
    sets_of_features,
)
from superposition.dictionaries.magnitudes import Magnitudes, make_magnitudes
from superposition.dictionaries.probabilities import firing_probabilities, rescale
from superposition.seeding import numpy_generator, torch_generator


@dataclass(frozen=True)
class Dictionary(TensorFields):
    """True features with their directions and their distribution.

    Attributes:
        W: (d_in, n_features) float32, its columns the features' directions; bias: (d_in,)
        parents: (n_features,) int64, the feature without which each is absent, -1 for none
        sets: (n_features,) int64, the set that each belongs to, -1 for none; a sample has one feature of every set
        gate: (n_features,) probability of being present given the parent; marginal: the same overall, before the
            settings `one_hot_share` and `fills_zero_samples` have changed samples
        groups: in the order of their features
        correlation: of the features that depend on no other, in their order; None if they are independent
        equal_magnitudes: whether the features of a sample have one quantile of their magnitudes in common
        one_hot_share: share of samples that keep the feature of one set alone
        fills_zero_samples: whether a sample without a feature gets one of magnitude 1, any of those without a parent
        noise: standard deviation of the noise on every coordinate of h
    """

    W: Tensor
    bias: Tensor
    parents: Tensor
    sets: Tensor
    gate: Tensor
    marginal: Tensor
    magnitudes: Magnitudes
    groups: list[Group]
    correlation: Correlation | None
    equal_magnitudes: bool
    one_hot_share: float
    fills_zero_samples: bool
    noise: float

    @property
    def n_features(self) -> int:
        return self.W.shape[1]

    @property
    def d_in(self) -> int:
        return self.W.shape[0]

    def to(self, device: torch.device | str) -> "Dictionary":
        moved = super().to(device)
        correlation = self.correlation and self.correlation.to(device)
        return replace(moved, magnitudes=self.magnitudes.to(device), correlation=correlation)

    def sample(self, batch_size: int, generator: torch.Generator) -> Tensor:
        """(batch_size, n_features) float32; the generator is on the dictionary's device."""
        present = self._draw_present(batch_size, generator)
        if self.one_hot_share:
            present &= self._keep_one_set(batch_size, generator)
        x = self._draw_values(present, generator)
        for group in self.groups:
            if group.scaled:
                above = group.parent.span
                ratio = x[:, above] / self.magnitudes.present_mean[above]
                x[:, group.span] *= ratio.repeat_interleave(group.size, dim=1)
        return self._fill_zero_samples(x, generator) if self.fills_zero_samples else x

    def embed(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(batch, d_in) activations h = x W^T + bias, with noise if there is a generator to draw it with."""
        h = x @ self.W.T + self.bias
        if generator is not None and self.noise:
            h += self.noise * torch.randn(h.shape, generator=generator, device=h.device)
        return h

    def _draw_present(self, batch_size: int, generator: torch.Generator) -> Tensor:
        """(batch_size, n_features) bool, group by group: a level of all trees at once."""
        device = self.W.device
        free = [group for group in self.groups if group.is_free]
        drawn = dict(zip(map(id, free), self._draw_free(free, batch_size, generator), strict=True))
        present = torch.empty(batch_size, self.n_features, dtype=torch.bool, device=device)
        for group in self.groups:
            if group.is_free:
                present[:, group.span] = drawn[id(group)]
                continue
            gate = self.gate[group.span].view(group.count, group.size)
            if group.choice == "independent":
                fires = torch.rand(batch_size, *gate.shape, generator=generator, device=device) < gate
            else:
                u = torch.rand(batch_size, group.count, 1, generator=generator, device=device)
                end = gate.cumsum(1)
                end[end > 1 - 1e-6] = 2  # u below 1 picks one for certain, whatever the rounding of the sum
                fires = (u >= torch.cat([torch.zeros_like(end[:, :1]), end[:, :-1]], dim=1)) & (u < end)
            if group.parent:
                fires &= present[:, group.parent.span, None]
            present[:, group.span] = fires.flatten(1)
        return present

    def _draw_free(self, free: list[Group], batch_size: int, generator: torch.Generator) -> list[Tensor]:
        """(batch_size, features) bool for each of the groups whose features depend on no other."""
        if not free:
            return []
        gate = torch.cat([self.gate[group.span] for group in free])
        if self.correlation is None:
            fires = torch.rand(batch_size, len(gate), generator=generator, device=gate.device) < gate
        else:
            fires = self.correlation.normals(batch_size, generator) < ndtri(gate)
        return list(fires.split([group.size * group.count for group in free], dim=1))

    def _keep_one_set(self, batch_size: int, generator: torch.Generator) -> Tensor:
        """(batch_size, n_features) bool: all but, in the share of one-hot samples, the features of other sets."""
        settings = {"generator": generator, "device": self.W.device}
        one_hot = torch.rand(batch_size, 1, **settings) < self.one_hot_share
        chosen = torch.randint(int(self.sets.max()) + 1, (batch_size, 1), **settings)
        return ~one_hot | (self.sets == chosen)

    def _draw_values(self, present: Tensor, generator: torch.Generator) -> Tensor:
        """(batch_size, n_features): magnitudes where a feature is present, else 0.

        On a CPU they are drawn for present features alone; on a GPU for all, which spares it the wait for their number.
        """
        batch_size, device = len(present), present.device
        if self.equal_magnitudes:
            quantile = torch.rand(batch_size, 1, generator=generator, device=device).expand_as(present)
        elif present.is_cuda:
            quantile = torch.rand(present.shape, generator=generator, device=device)
        else:
            row, feature = present.nonzero(as_tuple=True)
            x = torch.zeros(present.shape, device=device)
            x[row, feature] = self.magnitudes.values(torch.rand(len(row), generator=generator), feature)
            return x
        return torch.where(present, self.magnitudes.values(quantile, slice(None)), 0.0)

    def _fill_zero_samples(self, x: Tensor, generator: torch.Generator) -> Tensor:
        roots = (self.parents < 0).nonzero()[:, 0]
        chosen = roots[torch.randint(len(roots), (len(x),), generator=generator, device=x.device)]
        empty = ~(x > 0).any(dim=1)
        rows = torch.arange(len(x), device=x.device)
        x[rows, chosen] = torch.where(empty, 1.0, x[rows, chosen])
        return x

    def to_tensors(self) -> dict[str, Tensor]:
        """All that is drawn when a dictionary is made, by name; `from_tensors` needs its block besides."""
        parts = {"magnitudes": self.magnitudes, **({"correlation": self.correlation} if self.correlation else {})}
        inner = {f"{part}.{name}": tensor for part, each in parts.items() for name, tensor in each.tensors().items()}
        return self.tensors() | inner

    @classmethod
    def from_tensors(cls, block: dict, tensors: dict[str, Tensor]) -> "Dictionary":
        own = {name: tensors[name] for name in ("W", "bias", "parents", "sets", "gate", "marginal")}
        magnitudes = Magnitudes(block["magnitude"]["kind"], tensors["magnitudes.mean"], tensors["magnitudes.std"])
        correlation = None
        if "correlation.cholesky" in tensors:
            correlation = CorrelationMatrix(tensors["correlation.cholesky"])
        elif "correlation.factors" in tensors:
            correlation = LowRankCorrelation(tensors["correlation.factors"])
        return cls(**own, magnitudes=magnitudes, correlation=correlation, **_settings(block))


def make_dictionary(name: str, block: dict, seed: int) -> Dictionary:
    """The dictionary of a block of the configuration at a seed.

    Raises:
        ValueError: if the declared probabilities are impossible
    """
    n_features, groups = block["n_features"], list_groups(block)
    magnitudes = make_magnitudes(block["magnitude"], n_features, torch_generator(seed, name, "magnitudes"))
    share = magnitudes.positive_share.numpy()
    declared = declared_probabilities(name, block, groups, seed)
    gate, marginal = gate_probabilities(groups, declared, share, block["probability_excess"])
    W = draw_directions(block["directions"], block["d_in"], n_features, torch_generator(seed, name, "directions"))
    bias = torch.randn(block["d_in"], generator=torch_generator(seed, name, "bias"))
    n_free = sum(group.size * group.count for group in groups if group.is_free)
    return Dictionary(
        W=W,
        bias=block["bias_norm"] * bias / bias.norm(),
        parents=torch.from_numpy(parents_of_features(groups, n_features)),
        sets=torch.from_numpy(sets_of_features(groups, n_features)),
        gate=torch.from_numpy(gate).float(),
        marginal=torch.from_numpy(marginal).float(),
        magnitudes=magnitudes,
        correlation=make_correlation(block["correlation"], n_free, torch_generator(seed, name, "correlation")),
        **_settings(block),
    )


def declared_probabilities(name: str, block: dict, groups: list[Group], seed: int):
    """(n_features,) float64: the dictionary's curve, with a group's own in the place of its features."""
    rng = numpy_generator(seed, name, "probability")
    declared = firing_probabilities(block["probability"], block["n_features"], rng)
    if "mean_l0" in block:
        declared = rescale(declared, block["mean_l0"])
    for group, own in zip(groups, block["groups"], strict=False):
        if "probability" in own:
            declared[group.span] = firing_probabilities(own["probability"], group.size * group.count, rng)
    return declared


def _settings(block: dict) -> dict:
    return {
        "groups": list_groups(block),
        "equal_magnitudes": block["equal_magnitudes"],
        "one_hot_share": block["one_hot_share"],
        "fills_zero_samples": block["zero_samples"] == "one_feature",
        "noise": block["noise"],
    }
