"""The table `features`: one row per feature of each model."""

import numpy as np
import pandas as pd
import torch

from superposition import geometry
from superposition.components import find_components
from superposition.features import feature_importance, feature_probability, make_distribution
from superposition.toy_models import KINDS, Parameters


def tabulate_features(keys: pd.DataFrame, experiment: dict, parameters: Parameters) -> pd.DataFrame:
    W = KINDS[experiment["model"]["kind"]].directions(parameters)
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
        bias=parameters["b_final"].double().flatten().numpy(),
        max_cosine=undefined_unless_finite(largest),
        min_cosine=undefined_unless_finite(smallest),
        component=components[0].flatten(),
        component_size=components[1].flatten(),
        component_rank=components[2].flatten(),
        direction=list(W.mT.reshape(-1, n_hidden).numpy()),
    )


def undefined_unless_finite(values: np.ndarray) -> np.ndarray:
    flat = values.flatten()
    return np.where(np.isfinite(flat), flat, np.nan)
