"""Asymmetric superposition with inhibition, a motif that Elhage et al. 2022 ("Computation in Superposition") describe.

Neuron k stores two features unequally and reads them out reciprocally, as W_1 = (2, -1/2) and W_2 = (1/2, 2): each of
them then moves its own output by one, but a, with the large input, moves the output of b by four. A second neuron l,
driven by a, inhibits that output.
"""

import torch
from torch import Tensor

RATIO = 1.5  # by which the weights of one feature have to exceed those of the other
INHIBITION = -0.2


def find_inhibitors(W_1: Tensor, W_2: Tensor, n_dominant: Tensor, dominant_share: float) -> Tensor:
    """(instances, n_hidden) for each neuron k the neuron l that completes the motif; -1 where none does.

    k has exactly two dominant features, a and b; |W_1[k, a]| >= 1.5 |W_1[k, b]| and 1.5 W_2[a, k] <= W_2[b, k]; l is
    driven by a in the sign in which a drives k, and W_2[b, l] < -0.2. Of several the one that inhibits most.

    Args:
        W_1: (instances, n_hidden, n_features)
        W_2: (instances, n_features, n_hidden)
        n_dominant: (instances, n_hidden) dominant features of each neuron
        dominant_share: of a neuron's largest |W_1| by which a feature drives it
    """
    V = W_2.mT  # (instances, n_hidden, n_features), as W_1
    n_features = W_1.shape[-1]
    if n_features < 2:
        return torch.full(W_1.shape[:2], -1)
    a, b = W_1.abs().topk(2).indices.unbind(-1)  # (instances, n_hidden), those of each k

    def of_k(weights: Tensor, feature: Tensor) -> Tensor:
        return weights.gather(-1, feature[..., None])[..., 0]

    def of_l(weights: Tensor, feature: Tensor) -> Tensor:
        """(instances, k, l): the weight of l for the feature of k."""
        return weights.gather(-1, feature[:, None].expand(-1, W_1.shape[1], -1)).mT

    unequal = of_k(W_1, a).abs() >= RATIO * of_k(W_1, b).abs()
    reciprocal = (of_k(V, b) > 0) & (RATIO * of_k(V, a) <= of_k(V, b))
    driven = of_l(W_1, a) * of_k(W_1, a).sign()[..., None] > dominant_share * W_1.abs().amax(-1)[:, None]
    inhibition = of_l(V, b).masked_fill(~driven, torch.inf)
    strongest = inhibition.min(-1)  # never k itself, which writes b with a positive weight
    found = (n_dominant == 2) & unequal & reciprocal & (strongest.values < INHIBITION)
    return torch.where(found, strongest.indices, -1)
