"""Correlated firing by a Gaussian copula: features fire where correlated normal numbers fall below their thresholds.

Each number by itself is standard normal, so a threshold of Phi^-1(p) keeps the probability p exactly, whatever the
correlations. Those of the firing itself are weaker than those of the numbers, as of all thresholded Gaussians.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from superposition.dictionaries.dictionary_tensors import TensorFields

SMALLEST_EIGENVALUE = 1e-6
LARGEST_SHARED = 0.99  # of a number's variance that it may share with others in a low-rank correlation


@dataclass(frozen=True)
class CorrelationMatrix(TensorFields):
    """Any correlation matrix R = L L^T, with L (n, n) lower triangular."""

    cholesky: Tensor

    def normals(self, batch_size: int, generator: torch.Generator) -> Tensor:
        """(batch, n) standard normal numbers with the correlations R."""
        n, device = len(self.cholesky), self.cholesky.device
        return torch.randn(batch_size, n, generator=generator, device=device) @ self.cholesky.T

    @property
    def rms(self) -> float:
        """Root mean square of the correlations of different features; NaN for a single one."""
        matrix = self.cholesky.double() @ self.cholesky.double().T
        return _rms(matrix.square().sum(), matrix.diagonal().square().sum(), len(matrix))


@dataclass(frozen=True)
class LowRankCorrelation(TensorFields):
    """R = F F^T off the diagonal, 1 on it, with F (n, rank): linear in the number of features."""

    factors: Tensor

    def normals(self, batch_size: int, generator: torch.Generator) -> Tensor:
        """(batch, n) standard normal numbers with the correlations R."""
        n, rank = self.factors.shape
        settings = {"generator": generator, "device": self.factors.device}
        own = (1 - self.factors.square().sum(1)).sqrt()
        shared = torch.randn(batch_size, rank, **settings) @ self.factors.T
        return shared + own * torch.randn(batch_size, n, **settings)

    @property
    def rms(self) -> float:
        """Root mean square of the correlations of different features; |F F^T|^2 = |F^T F|^2."""
        factors = self.factors.double()
        diagonal = factors.square().sum(1).square().sum()
        return _rms((factors.T @ factors).square().sum(), diagonal, len(factors))


def _rms(total: Tensor, diagonal: Tensor, n: int) -> float:
    return float(((total - diagonal).clamp(min=0) / (n * (n - 1))).sqrt()) if n > 1 else float("nan")


Correlation = CorrelationMatrix | LowRankCorrelation


def make_correlation(block: dict, n: int, generator: torch.Generator) -> Correlation | None:
    """That of a `correlation` block of the configuration between n features; None if they are independent."""
    match block["kind"]:
        case "none":
            return None
        case "random_matrix":
            return factorise(nearest_correlation(_draw_symmetric(n, block["strength"], generator)))
        case "low_rank":
            factors = block["strength"] * torch.randn(n, block["rank"], generator=generator)
            shared = factors.square().sum(1, keepdim=True)
            return LowRankCorrelation(factors * (LARGEST_SHARED / shared).clamp(max=1).sqrt())
        case "given":
            return factorise(nearest_correlation(torch.tensor(block["matrix"], dtype=torch.float64)))
    raise ValueError(f"correlation.kind is {block['kind']!r}: allowed are the kinds of the schema")


def _draw_symmetric(n: int, strength: float, generator: torch.Generator) -> Tensor:
    """(n, n) with ones on the diagonal and U[-strength, strength) off it: rarely a correlation matrix by itself."""
    upper = (strength * (2 * torch.rand(n, n, generator=generator, dtype=torch.float64) - 1)).triu(1)
    return upper + upper.T + torch.eye(n, dtype=torch.float64)


def nearest_correlation(matrix: Tensor) -> Tensor:
    """A correlation matrix near the symmetric `matrix`: eigenvalues raised to at least a little above 0, then scaled to
    a diagonal of ones. One that is a correlation matrix already stays as it is."""
    eigenvalues, vectors = torch.linalg.eigh(matrix)
    if eigenvalues[0] >= SMALLEST_EIGENVALUE:
        return matrix
    repaired = (vectors * eigenvalues.clamp(min=SMALLEST_EIGENVALUE)) @ vectors.T
    scale = repaired.diagonal().rsqrt()
    return scale[:, None] * repaired * scale


def factorise(matrix: Tensor) -> CorrelationMatrix:
    return CorrelationMatrix(torch.linalg.cholesky(matrix).float())
