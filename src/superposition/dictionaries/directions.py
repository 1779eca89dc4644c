"""The directions of the true features, the columns of W, and how close they are to each other."""

import torch
from torch import Tensor

CHUNK = 1024  # features whose cosines with all others are held at once


def draw_directions(block: dict, d_in: int, n_features: int, generator: torch.Generator) -> Tensor:
    """(d_in, n_features) W, its columns of the directions and lengths of a `directions` block of the configuration.

    No step holds an (n_features, n_features) tensor: 16,384 features in 768 dimensions take some hundred megabytes.
    """
    match block["kind"]:
        case "random":
            units = _normalise(torch.randn(n_features, d_in, generator=generator))
        case "orthonormal":
            q, r = torch.linalg.qr(torch.randn(d_in, n_features, generator=generator))
            units = (q * torch.where(r.diagonal() < 0, -1.0, 1.0)).T  # with these signs uniform over all rotations
        case "identity":
            units = torch.eye(n_features, d_in)
        case "target_cosine":
            units = _normalise(torch.randn(n_features, d_in, generator=generator))
            units = approach_cosine(units, block["cosine"], block["steps"], block["learning_rate"])
        case "given":
            units = _normalise(torch.tensor(block["vectors"], dtype=torch.float32))
        case kind:
            raise ValueError(f"directions.kind is {kind!r}: allowed are the kinds of the schema")
    lengths = (block["norm"] + block["norm_std"] * torch.randn(n_features, generator=generator)).abs()
    return (units * lengths[:, None]).T.contiguous()


def approach_cosine(units: Tensor, cosine: float, steps: int, learning_rate: float) -> Tensor:
    """Unit vectors, (n_features, d_in), moved by Adam so that the cosine of every pair comes near `cosine`.

    The loss is the sum of (u_i . u_j - c)^2 over pairs. Its gradient needs no cosine by itself, only sums of them:
    sum_j u_j (u_j . u_i) is a product with the (d_in, d_in) matrix U^T U. The learning rate falls to 0 along a line.
    With c = 0 this is the orthogonalisation of an overcomplete dictionary.
    """
    units = units.clone().requires_grad_()
    optimizer = torch.optim.Adam([units], lr=learning_rate)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = learning_rate * (1 - step / steps)
        with torch.no_grad():
            pull = units @ (units.T @ units) - units  # sum over j != i of (u_i . u_j) u_j
            pull -= cosine * (units.sum(0) - units)
            # Without the part along u_i, which normalising undoes but which Adam would scale, entry by entry.
            units.grad = (pull - (pull * units).sum(1, keepdim=True) * units) / len(units)
            optimizer.step()
            units.copy_(_normalise(units))
    return units.detach()


def mean_max_cosine(W: Tensor, chunk: int = CHUNK) -> float:
    """Mean over features i of max over j != i of |cos(W_i, W_j)|; NaN for a single feature."""
    units, n_features = _normalise(W.T), W.shape[1]
    if n_features < 2:
        return float("nan")
    total = 0.0
    for begin in range(0, n_features, chunk):
        cosines = (units[begin : begin + chunk] @ units.T).abs_()
        rows = torch.arange(len(cosines))
        cosines[rows, begin + rows] = 0
        total += float(cosines.amax(1).double().sum())
    return total / n_features


def mean_cosine(W: Tensor) -> float:
    """Mean of cos(W_i, W_j) over the pairs of features; NaN for a single feature."""
    units, n_features = _normalise(W.T.double()), W.shape[1]
    if n_features < 2:
        return float("nan")
    return float(units.sum(0).square().sum() - n_features) / (n_features * (n_features - 1))


def _normalise(vectors: Tensor) -> Tensor:
    return vectors / vectors.norm(dim=-1, keepdim=True)
