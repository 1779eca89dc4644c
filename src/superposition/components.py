"""Which features interfere with which: the parts that a hidden space falls into.

In a tegum product of polytopes (Elhage et al. 2022, "The Geometry of Superposition") each polytope has hidden
dimensions of its own, so features of different polytopes are orthogonal. The polytopes are then the connected
components of the graph whose edges are the pairs of represented features that are not orthogonal.
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from superposition.geometry import compute_cosines, find_represented

EDGE_COSINE = 0.1  # features with a larger |cosine| are linked
FLAT = 0.1  # singular values below this share of the largest are no dimension of a component


class Components(NamedTuple):
    """The components of one model; three arrays (n_features,), 0 or -1 where a feature is not represented."""

    component: np.ndarray  # -1, or 0, 1, ... in the order of their first features
    size: np.ndarray  # features in the component
    rank: np.ndarray  # hidden dimensions that the unit vectors of its features span


def find_components(W: Tensor) -> Components:
    """The components of the graph of interfering features of one model, W (n_hidden, n_features)."""
    represented = np.flatnonzero(find_represented(W).numpy())
    kept = W[:, torch.from_numpy(represented)].double()
    edges = (compute_cosines(kept).abs() > EDGE_COSINE).numpy()
    count, labels = connected_components(csr_array(edges), directed=False)
    n_features = W.shape[1]
    component, size, rank = np.full(n_features, -1), np.zeros(n_features, int), np.zeros(n_features, int)
    for label in range(count):
        members = represented[labels == label]
        component[members], size[members], rank[members] = label, len(members), count_dimensions(W[:, members])
    return Components(component, size, rank)


def count_dimensions(W: Tensor) -> int:
    """Dimensions that the unit vectors of the columns span, but for what training left out of the plane."""
    values = torch.linalg.svdvals(W.double() / W.double().norm(dim=0))
    return int((values > FLAT * values[0]).sum())
