"""The table of runs: which instances an experiment trains at once, and with which value of every swept parameter."""

import itertools

import numpy as np
import pandas as pd


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


def parameter_of_instances(experiment: dict, name: str, default: float) -> np.ndarray:
    """(instances,): the swept value of `name` for each instance, or `default` where it is not swept."""
    instances = list_instances(experiment)
    return instances.get(name, pd.Series(default, index=instances.index)).to_numpy(dtype=np.float64)
