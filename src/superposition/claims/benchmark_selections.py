"""Rows of the benchmark's autoencoders, and comparisons of two sweeps where equally many latents fire."""

import numpy as np
import pandas as pd

from superposition.claims.judging import Tables
from superposition.claims.selections import of_experiment

SECTION = "sae_benchmarks"
RELU = "benchmark_relu"
GRID = 50  # places along the shared range of L0 at which two sweeps are compared


def settings_of(tables: Tables, sae: str, mode: str = "as_trained") -> pd.DataFrame:
    """Means over restarts: one row per seed and swept value of a sweep, in the order of its values."""
    saes = of_experiment(tables["saes"], sae)
    numbers = saes[saes["mode"] == mode].select_dtypes("number")
    means = numbers.groupby(["seed", "point"], as_index=False).mean(skipna=False)
    return means.sort_values(["seed", "point"])


def extreme(tables: Tables, sae: str, column: str, which: str) -> pd.Series:
    """Per seed, the "min" or "max" of a column over the swept values; NaN if it is undefined at any."""
    groups = settings_of(tables, sae).groupby("seed")[column]
    return groups.agg(which).where(groups.count() == groups.size())


def largest_bias(tables: Tables, sae: str) -> pd.Series:
    """Per seed, the largest |gamma - 1| over the swept values; NaN if nothing fires at any."""
    saes = of_experiment(tables["saes"], sae)
    trained = saes[saes["mode"] == "as_trained"]
    return (trained["gamma"] - 1).abs().groupby(trained["seed"]).agg(lambda biases: biases.max(skipna=False))


def nearest_true_l0(settings: pd.DataFrame) -> pd.DataFrame:
    """The row of each sweep and seed at which the most similar number of latents fires as features are present."""
    distance = np.log(settings["l0"].clip(lower=1e-9) / settings["true_l0"]).abs()
    keys = [key for key in ("sae", "seed") if key in settings]
    return settings.loc[distance.groupby([settings[key] for key in keys]).idxmin()]


def at_true_l0(tables: Tables, sae: str, column: str) -> pd.Series:
    return nearest_true_l0(settings_of(tables, sae)).set_index("seed")[column]


def fvu_ratios(tables: Tables, sae: str, other: str) -> dict[int, np.ndarray]:
    """seed -> FVU of `sae` over that of `other`, at GRID places along the range of L0 that both reach.

    Both are interpolated along straight lines of log FVU over log L0. Nothing where the ranges have no part in common.
    """
    curves = {name: dict(list(settings_of(tables, name).groupby("seed"))) for name in (sae, other)}
    ratios = {}
    for seed in sorted(set(curves[sae]) & set(curves[other])):
        lines = [np.log(curves[name][seed].sort_values("l0")[["l0", "fvu"]].to_numpy()).T for name in (sae, other)]
        low, high = max(l0[0] for l0, _ in lines), min(l0[-1] for l0, _ in lines)
        places = np.linspace(low, high, GRID) if low < high else np.array([])
        first, second = (np.interp(places, *line) for line in lines)
        ratios[seed] = np.exp(first - second)
    return ratios


def share_not_worse(tables: Tables, sae: str, other: str) -> pd.Series:
    """Per seed, the share of the shared range of L0 where `sae` leaves no more variance unexplained than `other`."""
    ratios = fvu_ratios(tables, sae, other)
    return pd.Series({seed: np.mean(own <= 1) if len(own) else np.nan for seed, own in ratios.items()}, dtype=float)


def mean_fvu_ratio(tables: Tables, sae: str, other: str) -> pd.Series:
    """Per seed, the geometric mean over that range of the ratio."""
    ratios = fvu_ratios(tables, sae, other)
    means = {seed: np.exp(np.log(own).mean()) if len(own) else np.nan for seed, own in ratios.items()}
    return pd.Series(means, dtype=float)
