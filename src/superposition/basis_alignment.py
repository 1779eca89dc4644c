"""Whether features lie along the hidden units, or along directions that any rotation would serve as well.

W has shape [..., n_hidden, n_features]. The alignment of feature i is max_k |W_ki| / |W_i|: 1 on one unit's axis, at
least 1 / sqrt(n_hidden). That of a model is the mean over the features that it represents.
"""

import torch
from torch import Tensor

from superposition import geometry

N_ROTATIONS = 1_000
QUANTILE = 0.99
LARGEST_HIDDEN = 100  # units; more rotations of more units than that take minutes


def compute_alignment(W: Tensor) -> Tensor:
    """[...] mean over represented features of max_k |W_ki| / |W_i|; NaN where none is represented."""
    represented = geometry.find_represented(W)
    norms = geometry.compute_norms(W)
    largest = W.detach().double().abs().amax(-2)
    shares = torch.where(represented, largest / norms.clamp(min=geometry.MIN_NORM), 0.0)
    return shares.sum(-1) / represented.sum(-1)  # 0 / 0 is NaN


def draw_rotations(n_hidden: int, generator: torch.Generator) -> Tensor:
    """(N_ROTATIONS, n_hidden, n_hidden) orthogonal matrices, uniform over all of them."""
    gaussian = torch.randn(N_ROTATIONS, n_hidden, n_hidden, generator=generator, dtype=torch.float64)
    Q, R = torch.linalg.qr(gaussian)
    return Q * R.diagonal(dim1=-2, dim2=-1).sign()[:, None]  # without the signs QR would favour some


def quantile_of_rotated(W: Tensor, rotations: Tensor) -> float:
    """The quantile 0.99 of the alignment of W [n_hidden, n_features] under each of the rotations; NaN as above."""
    W = W.detach().double()[:, geometry.find_represented(W)]
    if W.shape[1] == 0:
        return float("nan")
    shares = (rotations @ (W / W.norm(dim=0))).abs().amax(-2)
    return torch.quantile(shares.mean(-1), QUANTILE).item()
