"""The table `features`: one row per feature of each model."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from superposition import geometry
from superposition.components import find_components
from superposition.features import (
    SparseFeatures,
    SparseSamples,
    feature_importance,
    feature_probability,
    make_distribution,
)
from superposition.toy_models import KINDS, Kind, Parameters


def tabulate_features(
    keys: pd.DataFrame, experiment: dict, parameters: Parameters, samples: SparseSamples
) -> pd.DataFrame:
    kind = KINDS[experiment["model"]["kind"]]
    W = kind.directions(parameters)
    n_instances, n_hidden, n_features = W.shape
    distribution = make_distribution(experiment["features"], feature_probability(experiment))
    represented = geometry.find_represented(W)
    others = ~torch.eye(n_features, dtype=torch.bool)
    largest, smallest = np.empty((n_instances, n_features)), np.empty((n_instances, n_features))
    components = np.empty((3, n_instances, n_features), dtype=int)
    for instance in range(n_instances):  # one at a time: n_features^2 numbers each
        components[:, instance] = find_components(W[instance])
        cosines, among = geometry.compute_cosines(W[instance]), represented[instance] & others
        largest[instance] = cosines.masked_fill(~among, -torch.inf).amax(-1).numpy()
        smallest[instance] = cosines.masked_fill(~among, torch.inf).amin(-1).numpy()
    sets = np.where(np.arange(n_features) < distribution.n_in_sets, np.arange(n_features) // distribution.set_size, -1)
    presence = [measure_presence(samples, point, distribution) for point in range(samples.n_points)]
    present, partner = (np.stack(shares)[keys["held_out"]].flatten() for shares in zip(*presence, strict=True))
    rows = keys.loc[keys.index.repeat(n_features)].reset_index(drop=True)
    return rows.assign(
        feature=np.tile(np.arange(n_features), n_instances),
        set=np.tile(sets, n_instances),
        probability=distribution.marginals.double().flatten().numpy(),
        fraction_present=present,
        partner_present=partner,
        importance=feature_importance(experiment).double().flatten().numpy(),
        norm=geometry.compute_norms(W).flatten().numpy(),
        represented=represented.flatten().numpy(),
        superposed=geometry.find_superposed(W).flatten().numpy(),
        interference=geometry.compute_interference(W).flatten().numpy(),
        dimensionality=geometry.compute_dimensionality(W).flatten().numpy(),
        positive_response=single_feature_responses(kind, parameters, 1),
        negative_response=single_feature_responses(kind, parameters, -1),
        bias=parameters["b_final"].double().flatten().numpy(),
        max_cosine=undefined_unless_finite(largest),
        min_cosine=undefined_unless_finite(smallest),
        component=components[0].flatten(),
        component_size=components[1].flatten(),
        component_rank=components[2].flatten(),
        direction=list(W.mT.reshape(-1, n_hidden).numpy()),
    )


def measure_presence(samples: SparseSamples, point: int, distribution: SparseFeatures) -> tuple[np.ndarray, np.ndarray]:
    """Of a held-out set, (n_features,) each: the share of samples in which a feature is present, and the share of those
    in which another member of its set is, NaN for features in no set or never present."""
    begin, end = int(samples.offsets[point, 0]), int(samples.offsets[point, -1])
    counts = np.bincount(samples.features[begin:end].numpy(), minlength=samples.n_features)
    partner, n_in_sets = np.full(samples.n_features, np.nan), distribution.n_in_sets
    if n_in_sets:
        present = (samples.to_dense(point)[:, :n_in_sets] != 0).unflatten(1, (-1, distribution.set_size))
        together = (present & (present.sum(-1, keepdim=True) > 1)).sum(0).flatten().numpy()
        with np.errstate(invalid="ignore"):
            partner[:n_in_sets] = together / counts[:n_in_sets]
    return counts / samples.n_samples, partner


def single_feature_responses(kind: Kind, parameters: Parameters, sign: float) -> np.ndarray:
    """(instances * n_features,) x'_i(sign e_i) - x'_i(0): by how much a feature that is alone moves its own output.

    Without the output for no feature at all, the bias alone would count as a response.
    """
    W_in = kind.directions(parameters)  # column i is W_in e_i
    W_out = parameters["W"].mT if kind.tied else parameters["W_2"]
    b_hidden, b_final = parameters.get("b_hidden", W_in.new_zeros(W_in.shape[:2])), parameters["b_final"]

    def output_of(pre: Tensor) -> Tensor:
        """(instances, n_features): output i where the hidden units before their function are column i of `pre`."""
        h = kind.hidden(pre + b_hidden[..., None])
        return kind.output((W_out.mT * h).sum(1) + b_final)

    return (output_of(sign * W_in) - output_of(torch.zeros_like(W_in))).double().flatten().numpy()


def undefined_unless_finite(values: np.ndarray) -> np.ndarray:
    flat = values.flatten()
    return np.where(np.isfinite(flat), flat, np.nan)
