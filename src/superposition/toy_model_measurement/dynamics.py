"""The table `dynamics`: the geometry of each model at the steps where its weights were kept."""

import numpy as np
import pandas as pd
import torch

from superposition import geometry
from superposition.set_geometry import count_directions, smallest_cosine_within
from superposition.toy_model_measurement.sets import list_correlated_sets


def tabulate_dynamics(keys: pd.DataFrame, experiment: dict, history: pd.DataFrame) -> pd.DataFrame:
    """Zero rows where `training.snapshots` is 0."""
    n_features, n_hidden = experiment["model"]["n_features"], experiment["model"]["n_hidden"]
    kept = history[history["W"].notna()]
    shape = (len(kept), n_hidden, n_features)
    W = torch.from_numpy(np.stack(kept["W"].to_list())).view(shape) if len(kept) else torch.zeros(shape)
    settings = keys.set_index("instance").loc[kept["instance"]].reset_index()
    return settings.assign(
        step=kept["step"].to_numpy(),
        loss=kept["loss"].to_numpy(),
        dimensionality=list(geometry.compute_dimensionality(W).float().numpy()),
        n_antipodal_pairs=geometry.count_antipodal_pairs(W).numpy(),
        set_cosine=smallest_cosine_within(W, list_correlated_sets(experiment)).numpy(),
        n_directions=count_directions(W).numpy(),
        norm=list(geometry.compute_norms(W).float().numpy()),
        W=kept["W"].to_numpy(),
    )
