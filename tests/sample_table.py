"""A table with a column of every type, for the tests of storage."""

import numpy as np
import pandas as pd

SCHEMA = {
    "table": "samples",
    "key": ["name", "index"],
    "columns": {
        "name": {"type": "string"},
        "index": {"type": "int32"},
        "seed": {"type": "int64"},
        "flag": {"type": "bool"},
        "loss": {"type": "float32"},
        "value": {"type": "float64"},
        "maybe": {"type": "float64", "nullable": True},
        "match": {"type": "int32", "nullable": True},
        "flags": {"type": "list<bool>"},
        "direction": {"type": "list<float32>"},
        "weights": {"type": "list<float64>", "nullable": True},
    },
}


def frame(**changes):
    columns = {
        "name": ["a", "a", "b"],
        "index": [2, 1, 2],
        "seed": [0, 2**40, 1],
        "flag": [True, False, True],
        "loss": [0.5, 0.25, -0.125],
        "value": [0.1, -1e-300, 1e300],
        "maybe": [0.1, np.nan, 0.3],
        "match": pd.array([0, None, 4], dtype="Int32"),
        "flags": [np.array([True, False])] * 3,
        "direction": [np.array([1.0, 0.5], np.float32)] * 3,
        "weights": [None, np.array([0.1]), None],
    }
    return pd.DataFrame(columns | changes)
