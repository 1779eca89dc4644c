"""Firing magnitudes: the value of a feature that is present, as a function of a uniform number (its quantile)."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.special import ndtr, ndtri

from superposition.dictionaries.dictionary_tensors import TensorFields

TINY = 2.0**-25  # keeps quantiles off 0 and 1, where a normal number is infinite


@dataclass(frozen=True)
class Magnitudes(TensorFields):
    """Distributions of positive values, one per feature.

    constant is the mean; uniform is U[0, 2 mean); exponential has that mean; rectified_normal is max(0, N(mean,
    std^2)), of which the values above 0 are drawn here, and the zeros are counted as absence (`positive_share`);
    log_normal has that mean and standard deviation.

    Attributes:
        kind: constant, uniform, exponential, rectified_normal or log_normal
        mean, std: (n_features,); std is 0 where the kind has none
    """

    kind: str
    mean: Tensor
    std: Tensor

    @cached_property
    def positive_share(self) -> Tensor:
        """(n_features,) float64 probability that a value is above 0."""
        if self.kind != "rectified_normal":
            return torch.ones_like(self.mean, dtype=torch.float64)
        return torch.where(self.std > 0, ndtr(self.mean.double() / self.std.double()), 1.0)

    @cached_property
    def present_mean(self) -> Tensor:
        """(n_features,) mean of the values above 0."""
        if self.kind != "rectified_normal":
            return self.mean
        ratio = torch.where(self.std > 0, self.mean / self.std, torch.inf)
        density = torch.exp(-ratio.square() / 2) / math.sqrt(2 * math.pi)
        return self.mean + self.std * density / self.positive_share.float()

    def values(self, quantile: Tensor, features: Tensor | slice) -> Tensor:
        """The value of each of `features` at its quantile in [0, 1), above 0."""
        mean, std, quantile = self.mean[features], self.std[features], quantile.clamp(TINY, 1 - 2 * TINY)
        match self.kind:
            case "constant":
                return mean.expand_as(quantile)
            case "uniform":
                return 2 * mean * quantile
            case "exponential":
                return -mean * torch.log1p(-quantile)
            case "rectified_normal":
                share = self.positive_share[features].to(quantile)
                normal = -ndtri((share * (1 - quantile)).clamp(max=1 - 2 * TINY))
                return (mean + std * normal).clamp(min=TINY)  # rounding
            case "log_normal":
                variance = torch.log1p((std / mean).square())
                return mean * torch.exp(variance.sqrt() * ndtri(quantile) - variance / 2)
        raise ValueError(f"magnitude.kind is {self.kind!r}: allowed are the kinds of the schema")


def make_magnitudes(block: dict, n_features: int, generator: torch.Generator) -> Magnitudes:
    """Those of a `magnitude` block: a mean that is one number or goes along a line over the features, and a standard
    deviation that is one number or drawn for each feature, the absolute value of a normal number (folded normal)."""
    mean, std = block["mean"], block.get("std", 0.0)
    ends = (mean["first"], mean["last"]) if isinstance(mean, dict) else (mean, mean)
    if isinstance(std, dict):
        drawn = (std["mean"] + std["std"] * torch.randn(n_features, generator=generator)).abs()
    else:
        drawn = torch.full((n_features,), std)
    return Magnitudes(block["kind"], torch.linspace(*ends, n_features), drawn)
