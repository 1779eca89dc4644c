"""The geometry of sets of features: how the members of a set lie to each other and to everything else.

W is [n_hidden, n_features] of one model, or a stack of them with leading axes. A set is a slice of features.
Undefined is NaN: the cosine with a feature that has no direction, or with no feature at all.
"""

import torch
from torch import Tensor

from superposition import geometry

MEANINGFUL_SHARE = 0.1  # of the largest singular value


def split_cosines(W: Tensor, members: slice) -> tuple[Tensor, Tensor]:
    """Cosines of one model: between pairs within the set, (pairs,), and of members with all others, (members, rest)."""
    cosines = geometry.compute_cosines(W)
    own = cosines[members, members]
    above = torch.ones_like(own, dtype=torch.bool).triu(1)
    outside = torch.ones(W.shape[-1], dtype=torch.bool)
    outside[members] = False
    return own[above], cosines[members][:, outside]


def describe_set(W: Tensor, members: slice) -> dict[str, float]:
    """The columns of the table `sets` that are measured on W, of one model."""
    within, across = split_cosines(W, members)
    norms = geometry.compute_norms(W)[members]
    return {
        "min_cosine": float(within.min()),
        "max_cosine": float(within.max()),
        "mean_abs_cosine": float(within.abs().mean()),
        "mean_abs_cosine_across": float(across.abs().mean()) if across.numel() else torch.nan,
        "weakest_opposition": float(across.amin(1).max()) if across.numel() else torch.nan,
        "local_dimensionality": float(geometry.compute_dimensionality(W[:, members]).sum()),
        "min_norm": float(norms.min()),
        "max_norm": float(norms.max()),
    }


def smallest_cosine_within(W: Tensor, sets: list[slice]) -> Tensor:
    """[...] smallest cosine between two members of one set, over all `sets`; NaN without sets."""
    if not sets:
        return torch.full(W.shape[:-2], torch.nan, dtype=torch.float64)
    cosines = geometry.compute_cosines(W)
    return torch.stack([cosines[..., members, members].flatten(-2).amin(-1) for members in sets]).amin(0)


def count_directions(W: Tensor) -> Tensor:
    """[...] singular values of W above a tenth of its largest: the dimensions that the features really use."""
    values = torch.linalg.svdvals(W.double())
    return (values > MEANINGFUL_SHARE * values[..., :1]).sum(-1)


def angle_to_set_sums(W: Tensor, sets: list[slice]) -> float:
    """Largest principal angle in degrees between the row space of W and what the sums of the sets span.

    The features of correlated sets that share a probability have the sums of the sets as their leading principal
    components, all with the same variance; 0 is a model that reads nothing else. NaN unless the sets hold all features,
    and where W is 0.
    """
    n_features = W.shape[-1]
    sums = torch.zeros(n_features, len(sets), dtype=torch.float64)
    for index, members in enumerate(sets):
        sums[members, index] = 1
    if not len(sets) or not sums.sum(1).all():
        return torch.nan
    sums /= sums.norm(dim=0)
    rank = int(geometry.compute_rank(W))
    if rank == 0:
        return torch.nan
    rows = torch.linalg.svd(W.double(), full_matrices=False).Vh[:rank].mT
    sine = torch.linalg.matrix_norm(rows - sums @ (sums.mT @ rows), ord=2)
    return float(sine.clamp(max=1).asin().rad2deg())
