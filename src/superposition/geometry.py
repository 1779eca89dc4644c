"""The geometry of features in a toy model's hidden space.

W has shape [..., n_hidden, n_features]; column i is W_i, the direction that feature i is given, and leading axes
(instances) are independent models. Everything is computed and returned in float64. A column shorter than 1e-8 has no
direction and counts as absent: its cosines are undefined (NaN). A W that is not finite is a ValueError.

Definitions follow Elhage et al. 2022, "Toy Models of Superposition", unless a docstring names another source.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

MIN_NORM = 1e-8
REPRESENTED_NORM = 0.5  # norms of trained models gather near 0 and near 1
SUPERPOSED_INTERFERENCE = 0.1
ANTIPODAL_COSINE = -0.95


class InvariantError(ValueError):
    """A trained model, or a quantity measured on it, contradicts a theorem."""


def compute_norms(W: Tensor) -> Tensor:
    """|W_i|, shape [..., n_features]."""
    return _prepare(W).norm(dim=-2)


def find_represented(W: Tensor, threshold: float = REPRESENTED_NORM) -> Tensor:
    """Which features the model represents, |W_i| > threshold: boolean, shape [..., n_features]."""
    return compute_norms(W) > threshold


def compute_cosines(W: Tensor) -> Tensor:
    """Cosines between columns, shape [..., n_features, n_features]; rows and columns of absent features are NaN."""
    directions = _compute_directions(_prepare(W))
    cosines = (directions.mT @ directions).clamp(-1, 1)
    diagonal = cosines.diagonal(dim1=-2, dim2=-1)
    diagonal[~diagonal.isnan()] = 1  # a view: a feature's cosine with itself is free of rounding
    return cosines


def compute_interference(W: Tensor) -> Tensor:
    """Sum over j != i of (What_i . W_j)^2, shape [..., n_features]; 0: unshared. NaN for absent features."""
    W = _prepare(W)
    return (_compute_overlap(W) - W.square().sum(-2)).clamp(min=0)  # rounding alone could take it below 0


def find_superposed(W: Tensor) -> Tensor:
    """Which features are represented and share their direction (interference > 0.1): boolean, [..., n_features]."""
    return find_represented(W) & (compute_interference(W) > SUPERPOSED_INTERFERENCE)


def compute_dimensionality(W: Tensor) -> Tensor:
    """D_i = |W_i|^2 / sum_j (What_i . W_j)^2, the share of a hidden dimension that feature i has: [..., n_features].

    Section "The Geometry of Superposition". It equals the capacity of Scherlis et al. 2022. 0 by definition for absent
    features (|W_i| < 1e-8), which take up no dimension.
    """
    W = _prepare(W)
    return (W.square().sum(-2) / _compute_overlap(W)).nan_to_num(nan=0.0)


def compute_dimensions_per_feature(W: Tensor) -> Tensor:
    """D* = n_hidden / |W|_F^2, shape [...]; NaN where W is zero."""
    W = _prepare(W)
    return _nan_unless(W.square().sum((-2, -1)), lambda total: total > 0).reciprocal() * W.shape[-2]


def compute_rank(W: Tensor) -> Tensor:
    """Numerical rank, shape [...] (integer). Singular values within the rounding of W's own dtype count as zero."""
    dtype = W.dtype if W.is_floating_point() else torch.float64
    return torch.linalg.matrix_rank(_prepare(W), rtol=max(W.shape[-2:]) * torch.finfo(dtype).eps)


def has_superposition(W: Tensor) -> Tensor:
    """Whether W represents features in superposition: W^T W is not invertible. Boolean, shape [...].

    The definition of Elhage et al. 2022 (section "Definitions and Motivation"), for a W all of whose features are
    represented; it holds wherever there are more features than dimensions. Of a trained model, count `find_superposed`.
    """
    return compute_rank(W) < W.shape[-1]


def is_basis_aligned(W: Tensor, tolerance: float = 1e-6, n_units: int = 1) -> Tensor:
    """Whether every feature lies on at most `n_units` hidden units: boolean, shape [...].

    Same definition and section. With one unit, W_i is one-hot up to its length: basis-aligned. With few, W_i is sparse:
    partially basis-aligned; the source does not say how few. tolerance is relative to |W_i|.
    """
    W = _prepare(W)
    rest = W.square().sort(-2).values[..., :-n_units, :].sum(-2)  # what lies off the largest entries
    return (rest.sqrt() <= tolerance * W.norm(dim=-2)).all(-1)


def compute_gap_deviation(W: Tensor, threshold: float = REPRESENTED_NORM) -> Tensor:
    """How far k represented features are from a regular k-gon: max |gap - 360/k| in degrees, shape [...].

    A gap is the angle between neighbours on the circle; k is counted per model. NaN where k < 2.
    ValueError unless n_hidden is 2.
    """
    W = _prepare(W)
    if W.shape[-2] != 2:
        raise ValueError(f"angular gaps need n_hidden = 2, got {W.shape[-2]}")
    represented = find_represented(W, threshold)
    k = represented.sum(-1, keepdim=True).double()
    angles = torch.atan2(W[..., 1, :], W[..., 0, :]).rad2deg()
    angles = angles.masked_fill(~represented, torch.inf).sort(-1).values  # the absent go last
    position = torch.arange(W.shape[-1], device=W.device)
    following = torch.where(position == k - 1, angles[..., :1] + 360, angles.roll(-1, -1))
    deviations = (following - angles - 360 / k).abs()
    largest = deviations.masked_fill(position >= k, 0).amax(-1)
    return largest.masked_fill(k.squeeze(-1) < 2, torch.nan)


def find_antipodal_pairs(W: Tensor, threshold: float = ANTIPODAL_COSINE) -> Tensor:
    """Pairs i < j of represented features with cosine below threshold: boolean, [..., n_features, n_features]."""
    represented = find_represented(W)
    both = represented.unsqueeze(-1) & represented.unsqueeze(-2)
    return (both & (compute_cosines(W) < threshold)).triu(diagonal=1)


def count_antipodal_pairs(W: Tensor, threshold: float = ANTIPODAL_COSINE) -> Tensor:
    """Number of antipodal pairs, shape [...]."""
    return find_antipodal_pairs(W, threshold).sum((-2, -1))


def fraction_near_rays(hidden: Tensor, W: Tensor, degrees: float = 5.0) -> float:
    """Share of non-zero hidden vectors within an angle of a represented feature's ray (half-line) of one model.

    hidden [samples, n_hidden], W [n_hidden, n_features]. NaN if every hidden vector is zero.
    """
    hidden, W = _prepare(hidden), _prepare(W)
    if W.ndim != 2 or hidden.ndim != 2 or hidden.shape[1] != W.shape[0]:
        raise ValueError(
            f"expected hidden [samples, n_hidden] and W [n_hidden, n_features], "
            f"got {list(hidden.shape)} and {list(W.shape)}"
        )
    rays = _compute_directions(W[:, find_represented(W)])
    hidden = hidden[hidden.norm(dim=1) > 0]
    if len(hidden) == 0:
        return float("nan")
    cosines = hidden / hidden.norm(dim=1, keepdim=True) @ rays
    smallest_cosine = torch.tensor(degrees, dtype=torch.float64).deg2rad().cos()
    return (cosines >= smallest_cosine.to(cosines.device)).any(dim=1).double().mean().item()


def check_invariants(W: Tensor, tolerance: float = 1e-3, dimensionality: Tensor | None = None) -> None:
    """Check 0 <= D_i <= 1 and sum_i D_i <= rank(W) for every model; InvariantError names the first breach.

    Both are theorems: by Cauchy-Schwarz D_i is at most the leverage score of column i, and those sum to the rank.
    dimensionality [..., n_features] is a measurement to check, such as one read from a table; by default D is computed.
    """
    W = _prepare(W)  # the rank in float64, too: a short column has dimensionality, so it has to count in the rank
    D = compute_dimensionality(W) if dimensionality is None else dimensionality.detach().to(W)
    if D.shape != W.shape[:-2] + W.shape[-1:]:
        raise ValueError(f"dimensionality {list(D.shape)} does not fit W {list(W.shape)}")
    _require_within(D, 0, 1, "dimensionality", ("feature",), tolerance)
    _require_within(D.sum(-1), 0, compute_rank(W), "dimensionality summed over features", (), tolerance)


def check_outputs(output: Tensor, instances: Sequence[int] | None = None) -> None:
    """Check that outputs [..., samples, n_features] of ReLU-output models are >= 0, else InvariantError.

    instances: the numbers that errors give to the models of the first axis, where they are not 0, 1, ...
    """
    _require_within(output.detach(), 0, torch.inf, "output", ("sample", "feature"), instances=instances)


def check_rotation(
    W: Tensor, loss: Callable[[Tensor], Tensor], generator: torch.Generator, tolerance: float = 1e-5
) -> None:
    """Check that a random orthogonal change of hidden basis leaves each model's loss as it was, relative to the loss.

    A theorem for x' = ReLU(W^T W x + b) and any other model without a non-linearity in its hidden layer. loss maps W
    [..., n_hidden, n_features] to [...] on fixed samples; it is given float64, so that rounding cannot decide.
    """
    W = _prepare(W)
    gaussian = torch.randn(W.shape[-2], W.shape[-2], generator=generator, dtype=W.dtype, device=generator.device)
    rotation = torch.linalg.qr(gaussian).Q.to(W.device)
    before, after = loss(W).detach(), loss(rotation @ W).detach()
    change = (after - before).abs() / before.abs().clamp(min=torch.finfo(W.dtype).eps)
    _require_within(change, 0, tolerance, "relative change of the loss under a rotation", ())


def _require_within(
    value: Tensor,
    low: float,
    high: float | Tensor,
    quantity: str,
    axes: tuple[str, ...],
    tolerance: float = 0.0,
    instances: Sequence[int] | None = None,
) -> None:
    """axes name the trailing axes of value; all before them number the instance. NaN lies within no bounds."""
    high = torch.as_tensor(high, dtype=value.dtype, device=value.device).expand(value.shape)
    breaches = (~((value >= low - tolerance) & (value <= high + tolerance))).nonzero()
    if len(breaches) == 0:
        return
    index = tuple(breaches[0].tolist())
    n_leading = len(index) - len(axes)
    numbers = index[:n_leading] if instances is None else (int(instances[index[0]]), *index[1:n_leading])
    where = [f"instance {', '.join(map(str, numbers)) or 0}"]
    where += [f"{axis} {i}" for axis, i in zip(axes, index[n_leading:], strict=True)]
    raise InvariantError(
        f"{', '.join(where)}: {quantity} is {value[index].item():.6g}, "
        f"outside [{low:g}, {high[index].item():g}] (tolerance {tolerance:g})"
    )


def _prepare(W: Tensor) -> Tensor:
    if W.ndim < 2:
        raise ValueError(f"expected a matrix or a stack of matrices, got shape {list(W.shape)}")
    W = W.detach().double()
    if not W.isfinite().all():
        wrong = (~W.isfinite()).nonzero()
        raise ValueError(f"{len(wrong)} of {W.numel()} values are NaN or infinite, the first at {wrong[0].tolist()}")
    return W


def _compute_directions(W: Tensor) -> Tensor:
    """What_i, NaN for absent columns."""
    return W / _nan_unless(W.norm(dim=-2, keepdim=True), lambda norms: norms >= MIN_NORM)


def _compute_overlap(W: Tensor) -> Tensor:
    """sum_j (What_i . W_j)^2 as What_i^T (W W^T) What_i: W^T W would take 800 MB per model of 10,000 features."""
    directions = _compute_directions(W)
    return (directions * (W @ W.mT @ directions)).sum(-2)


def _nan_unless(values: Tensor, condition: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.where(condition(values), values, torch.nan)
