"""The table of runs: which instances an experiment trains at once, and with which value of every swept parameter."""

import itertools

import numpy as np
import pandas as pd

# Parameters that can be swept, and where an experiment or an autoencoder has their single value.
PARAMETERS = {
    "feature_probability": ("features", "feature_probability"),
    "last_probability": ("features", "last_probability"),
    "last_importance": ("importance", "last_importance"),
    "learning_rate": ("training", "learning_rate"),
    "hidden_penalty": ("training", "hidden_penalty"),
    "attack_size": ("training", "attack_size"),
    "sparsity_penalty": ("sparsity_penalty",),
}
DATA_PARAMETERS = ("feature_probability", "last_probability")  # those that held-out samples depend on


def expand_sweep(values: list[float] | dict) -> list[float]:
    """The values of one swept parameter: a list as it is, or {spacing, start, stop, points} with both ends included."""
    if isinstance(values, list):
        return [float(value) for value in values]
    spaced = {"geometric": np.geomspace, "linear": np.linspace}[values["spacing"]]
    return [float(value) for value in spaced(values["start"], values["stop"], values["points"])]


def list_points(experiment: dict) -> pd.DataFrame:
    """One row per combination of an experiment's swept values: point (0, 1, ...) and a column per swept parameter."""
    sweep = {name: expand_sweep(values) for name, values in experiment["sweep"].items()}
    rows = list(itertools.product(*sweep.values()))
    return pd.DataFrame(rows, columns=list(sweep), index=range(len(rows))).rename_axis("point").reset_index()


def list_instances(experiment: dict) -> pd.DataFrame:
    """One row per instance of an experiment: every combination of its swept values, `restarts` times.

    Columns: instance (0, 1, ...), point (index of the combination), restart, and one column per swept parameter.
    """
    points, restarts = list_points(experiment), experiment["restarts"]
    instances = points.loc[points.index.repeat(restarts)].reset_index(drop=True)
    instances.insert(1, "restart", np.tile(np.arange(restarts), len(points)))
    return instances.rename_axis("instance").reset_index()


def parameter_of_instances(experiment: dict, name: str) -> np.ndarray:
    """(instances,): the swept value of a parameter for each instance, or its single value where it is not swept."""
    return _values(experiment, list_instances(experiment), name)


def held_out_of_instances(experiment: dict) -> np.ndarray:
    """(instances,): which of the experiment's held-out sets each instance is judged on.

    Points that differ only in how they are trained or weighed share a set. Sets are numbered in the order of points.
    """
    points = list_points(experiment)
    settings = np.stack([_values(experiment, points, name) for name in DATA_PARAMETERS], axis=1)
    _, first, inverse = np.unique(settings, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    return order[inverse][list_instances(experiment)["point"].to_numpy()]


def _values(experiment: dict, table: pd.DataFrame, name: str) -> np.ndarray:
    """A column of swept values, or the single value of the configuration."""
    default = experiment
    for key in PARAMETERS[name]:
        default = default[key]
    return table.get(name, pd.Series(default, index=table.index)).to_numpy(dtype=np.float64)
