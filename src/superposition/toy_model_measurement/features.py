"""The table `features`: one row per feature of each model."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from superposition import geometry
from superposition.features import feature_importance, feature_probability, make_distribution
from superposition.toy_models import KINDS, Kind, Parameters


def tabulate_features(keys: pd.DataFrame, experiment: dict, parameters: Parameters) -> pd.DataFrame:
    kind = KINDS[experiment["model"]["kind"]]
    W = kind.directions(parameters)
    n_instances, n_hidden, n_features = W.shape
    distribution = make_distribution(experiment["features"], feature_probability(experiment))
    represented = geometry.find_represented(W)
    others = ~torch.eye(n_features, dtype=torch.bool)
    largest, smallest = np.empty((n_instances, n_features)), np.empty((n_instances, n_features))
    for instance in range(n_instances):  # one at a time: n_features^2 numbers each
        cosines, among = geometry.compute_cosines(W[instance]), represented[instance] & others
        largest[instance] = cosines.masked_fill(~among, -torch.inf).amax(-1).numpy()
        smallest[instance] = cosines.masked_fill(~among, torch.inf).amin(-1).numpy()
    sets = np.where(np.arange(n_features) < distribution.n_in_sets, np.arange(n_features) // distribution.set_size, -1)
    rows = keys.loc[keys.index.repeat(n_features)].reset_index(drop=True)
    return rows.assign(
        feature=np.tile(np.arange(n_features), n_instances),
        set=np.tile(sets, n_instances),
        probability=distribution.marginals.double().flatten().numpy(),
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
        direction=list(W.mT.reshape(-1, n_hidden).numpy()),
    )


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
