"""The tables `models` and `features` of toy models whose weights are given, with what claims read of them."""

import numpy as np
import pandas as pd
import torch

from superposition import geometry


def tabulate_weights(models: list[tuple[dict, np.ndarray]]) -> dict[str, pd.DataFrame]:
    """The two tables; each model is (columns, W of shape (n_hidden, n_features)). An absent `bias` is 0."""
    tables = {"models": [], "features": []}
    for instance, (columns, W) in enumerate(models):
        columns = {"instance": instance, "bias": np.zeros(W.shape[1]), "last_importance": 1.0} | columns
        biases, W = columns.pop("bias"), torch.from_numpy(W).double()
        represented, superposed = geometry.find_represented(W), geometry.find_superposed(W)
        measured = {
            "n_hidden": W.shape[0],
            "n_features": W.shape[1],
            "n_represented": int(represented.sum()),
            "n_superposed": int(superposed.sum()),
            "n_antipodal_pairs": int(geometry.count_antipodal_pairs(W)),
            "frobenius_norm_squared": float(W.square().sum()),
            "rank": int(geometry.compute_rank(W)),
            "gap_deviation": float(geometry.compute_gap_deviation(W)) if W.shape[0] == 2 else np.nan,
        }
        tables["models"].append(columns | measured)
        norms, interference = geometry.compute_norms(W), geometry.compute_interference(W)
        for i, direction in enumerate(W.mT.float().numpy()):
            feature = {"feature": i, "norm": float(norms[i]), "interference": float(interference[i])}
            feature |= {"represented": bool(represented[i]), "superposed": bool(superposed[i])}
            tables["features"].append(columns | feature | {"bias": biases[i], "direction": direction})
    return {name: pd.DataFrame(rows) for name, rows in tables.items()}
