"""Tables that satisfy every claim, and a way to change them."""

import math

import numpy as np
import pandas as pd
from builders import CONFIG
from finite_data_tables import make_finite_models

from superposition.runs import expand_sweep

PROBABILITIES = expand_sweep(CONFIG["toy_models"]["five_in_two"]["sweep"]["feature_probability"])
DENSE, MIDDLE, SPARSE = PROBABILITIES[0], PROBABILITIES[2], PROBABILITIES[-1]
REPRESENTED = dict(zip(PROBABILITIES, [2, 3, 4, 4, 5, 5, 5, 5], strict=True))
PENTAGON = [(1.15 * math.cos(a), 1.15 * math.sin(a)) for a in np.arange(5) * 2 * math.pi / 5]
DIRECTIONS = {
    DENSE: [(1, 0), (0, 1), (0, 0.01), (0.01, 0), (0, 0)],
    MIDDLE: [(0.6, 0.8), (-0.6, -0.8), (0.8, -0.6), (-0.8, 0.6), (0.1, 0)],
}


def make_tables(seeds=(0, 1, 2)):
    """Tables that satisfy every claim: four restarts a point, the first of them the best."""
    models, features, saes = [], [], []
    for seed in seeds:
        keys = {"experiment": "five_in_two", "seed": seed}
        for p in PROBABILITIES:
            for restart in range(4):
                row = {"feature_probability": p, "restart": restart, "lowest_loss": restart == 0}
                near = 0.1 if p == DENSE else 0.9
                shape = {"n_represented": REPRESENTED[p], "gap_deviation": 1.0, "mean_bias": -0.26}
                models.append(keys | row | shape | {"near_ray_fraction": near})
                for i, direction in enumerate(DIRECTIONS.get(p, PENTAGON)):
                    norm = math.hypot(*direction)
                    feature = {"feature": i, "importance": 0.9**i, "norm": norm, "represented": norm > 0.5}
                    features.append(keys | row | feature | {"direction": np.float32(direction)})
        for restart in range(4):
            row = {"restart": restart, "lowest_loss": restart == 0, "n_represented": 5, "gap_deviation": 1.0}
            models.append({"experiment": "five_in_two_sparse", "seed": seed, "feature_probability": 0.025} | row)
            line = {"shrinkage_slope": 1.01, "shrinkage_intercept": -0.21, "gamma": 0.75}
            line |= {"symmetric_slope": 1.0, "symmetric_intercept": -0.2}
            for sae in ("relu_no_resampling", "relu_simple_resampling", "relu_advanced_resampling"):
                found = restart == 0 or sae != "relu_no_resampling"
                recovery = {"n_dead": 0 if found else 1, "full_recovery": found}
                saes.append({"sae": sae, "seed": seed, "restart": restart} | line | recovery)
            for kind, penalties in {"relu": (0.2, 0.05), "gated": (1.0, 0.2), "jumprelu": (0.1, 0.01)}.items():
                for strong, penalty in zip((True, False), penalties, strict=True):
                    row = {
                        "sae": f"{kind}_two_penalties",
                        "seed": seed,
                        "restart": restart,
                        "sparsity_penalty": penalty,
                    }
                    scores = {"gamma": 1.0, "full_recovery": strong and restart > 0, "fvu": 0.1 if strong else 0.01}
                    saes.append(row | scores)
    # Another experiment, whose rows are no claim's business.
    decoys = [models[0] | {"experiment": "decoy", "n_represented": 99, "gap_deviation": 99.0, "near_ray_fraction": 9.0}]
    features.append(features[0] | {"experiment": "decoy", "norm": 99.0})
    saes.append(saes[0] | {"sae": "decoy", "gamma": 99.0})
    tables = {"models": models + decoys, "features": features, "saes": saes}
    return {name: pd.DataFrame(rows) for name, rows in tables.items()} | {"finite_models": make_finite_models(seeds)}


def change(table, where="", **values):
    """A function that changes tables: `values` in the rows of `table` for which the query holds."""

    def apply(tables):
        rows = tables[table].query(where).index if where else tables[table].index
        for column, value in values.items():
            for row in rows:
                tables[table].at[row, column] = value
        return tables

    return apply
