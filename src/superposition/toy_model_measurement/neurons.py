"""The table `neurons`: one row per hidden unit of each model whose hidden layer has a privileged basis."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from superposition.asymmetric_motif import find_inhibitors
from superposition.features import SparseSamples
from superposition.toy_models import KINDS, Parameters, take_instances

N_SAMPLES = 10_000  # held-out samples for the share on which a neuron is active
DOMINANT_SHARE = 0.25  # of a neuron's largest |W_1|
ALIVE_WEIGHT = 0.3
COLUMNS = {
    "neuron": "int64",
    "bias": "float64",
    "fraction_active": "float64",
    "n_dominant": "int64",
    "monosemantic": "bool",
    "polysemantic": "bool",
    "largest_feature": "int64",
    "second_feature": "int64",
    "inhibitor": "int64",
    "W_in": "object",
    "W_out": "object",
}


def tabulate_neurons(
    keys: pd.DataFrame, experiment: dict, parameters: Parameters, samples: SparseSamples
) -> pd.DataFrame:
    """Zero rows where the hidden layer has no privileged basis."""
    kind = KINDS[experiment["model"]["kind"]]
    if not kind.has_privileged_basis:
        return keys.head(0).assign(**{name: pd.Series(dtype=dtype) for name, dtype in COLUMNS.items()})
    W_in = kind.directions(parameters)
    W_out = W_in if kind.tied else parameters["W_2"].mT
    n_instances, n_hidden, n_features = W_in.shape
    counts = count_dominant(W_in)
    n_dominant = counts.flatten().numpy()
    inhibitors = find_inhibitors(W_in, W_out.mT, counts, DOMINANT_SHARE)
    bias = parameters.get("b_hidden", torch.zeros(n_instances, n_hidden))
    rows = keys.loc[keys.index.repeat(n_hidden)].reset_index(drop=True)
    return rows.assign(
        neuron=np.tile(np.arange(n_hidden), n_instances),
        bias=bias.double().flatten().numpy(),
        fraction_active=fraction_active(keys["held_out"].to_numpy(), kind, parameters, samples).flatten().numpy(),
        n_dominant=n_dominant,
        monosemantic=n_dominant == 1,
        polysemantic=n_dominant > 1,
        largest_feature=W_in.abs().argmax(-1).flatten().numpy(),
        second_feature=find_second(W_in).flatten().numpy(),
        inhibitor=inhibitors.flatten().numpy(),
        W_in=list(W_in.reshape(-1, n_features).numpy()),
        W_out=list(W_out.reshape(-1, n_features).numpy()),
    )


def count_dominant(W_in: Tensor) -> Tensor:
    """(..., n_hidden) features with |W| > 0.25 of the neuron's largest; 0 where that is at most 0.3, a dead neuron."""
    weights = W_in.abs()
    largest = weights.amax(-1, keepdim=True)
    return (weights > DOMINANT_SHARE * largest).sum(-1) * (largest[..., 0] > ALIVE_WEIGHT)


def find_second(W_in: Tensor) -> Tensor:
    """(..., n_hidden) the feature of each neuron's second largest |W|; -1 where there is but one feature."""
    if W_in.shape[-1] < 2:
        return torch.full(W_in.shape[:-1], -1)
    return W_in.abs().topk(2).indices[..., 1]


def fraction_active(held_out: np.ndarray, kind, parameters: Parameters, samples: SparseSamples) -> Tensor:
    """(instances, n_hidden) share of held-out samples on which each neuron is active."""
    shares = torch.empty(kind.directions(parameters).shape[:2], dtype=torch.float64)
    for index in np.unique(held_out):
        instances, x = np.flatnonzero(held_out == index), samples.to_dense(int(index), N_SAMPLES)
        counts = sum(
            (kind.encode(take_instances(parameters, instances), part[:, None]) > 0).sum(0) for part in x.split(1_000)
        )
        shares[instances] = counts.double() / len(x)
    return shares
