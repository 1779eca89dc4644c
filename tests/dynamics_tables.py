"""Trainings that are made up, as the table `dynamics` has them: two features that swap, and sets that unfold."""

import numpy as np
import pandas as pd

N_SNAPSHOTS = 101
SWAP_AT = 40  # snapshot
SETS = {"octahedra_of_two_sets": 3, "octahedra_of_three_sets": 2}  # features in a set
AXES = np.concatenate([np.eye(3), -np.eye(3)])  # an octahedron of two sets of three
ORDER = {3: [0, 1, 2, 3, 4, 5], 2: [0, 1, 3, 2, 4, 5]}  # so that antipodes are of different sets


def ramp(first: int, last: int) -> np.ndarray:
    """(snapshots,) from 0 up to snapshot `first` to 1 from snapshot `last` on."""
    return np.clip((np.arange(N_SNAPSHOTS) - first) / (last - first), 0, 1)


def levels(*stretches: tuple[int, float]) -> np.ndarray:
    """(snapshots,) losses: from each snapshot on the level beside it, reached within five snapshots."""
    logarithm = np.zeros(N_SNAPSHOTS)
    for begin, level in stretches:
        logarithm[begin:] = np.log(level)
    return np.exp(np.convolve(np.pad(logarithm, 2, mode="edge"), np.ones(5) / 5, mode="valid"))


def train_levels(seed: int, instance: int, swaps: bool) -> list[dict]:
    """Ten features, five at 1/2 and five at 0; two change places. The loss falls, and faster at the swap."""
    values = np.tile(np.array([0.5] * 5 + [0.0] * 5), (N_SNAPSHOTS, 1))
    if swaps:
        change = 0.5 * ramp(SWAP_AT, SWAP_AT + 3)
        values[:, 0], values[:, 9] = 0.5 - change, change
    loss = 1 - 0.001 * np.arange(N_SNAPSHOTS) - 0.1 * ramp(SWAP_AT - 2, SWAP_AT + 5)
    key = {"experiment": "energy_levels", "seed": seed, "instance": instance, "lowest_loss": instance == 0}
    shape = {"norm": np.float32(values[0] + 0.5), "W": np.zeros(20, np.float32), "n_antipodal_pairs": 2}
    return [
        key | shape | {"step": 100 * i, "loss": loss[i] if i else np.nan, "dimensionality": np.float32(values[i])}
        for i in range(N_SNAPSHOTS)
    ]


def train_octahedron(name: str, seed: int, instance: int) -> list[dict]:
    """Sets that are collapsed at first, split from snapshot 30 on, and are an octahedron from 60 on."""
    size = SETS[name]
    final = AXES[ORDER[size]]
    means = final.reshape(-1, size, 3).mean(1).repeat(size, axis=0)
    loss = levels((0, 1.0), (30, 0.4), (60, 0.1))
    rows = []
    for i in range(N_SNAPSHOTS):
        part = ramp(30, 60)[i]
        directions = min(1.0, 0.05 * i) * (part * final + (1 - part) * means)
        key = {"experiment": name, "seed": seed, "instance": instance, "lowest_loss": instance == 0}
        stage = {"set_cosine": 0.99 - 0.99 * part, "n_antipodal_pairs": 3 if i >= 60 else 0}
        stage |= {"n_directions": 2 if i < 30 else 3, "loss": loss[i] if i else np.nan, "step": 80 * i}
        norms = np.linalg.norm(directions, axis=1)
        geometry = {"W": np.float32(directions.T.flatten()), "norm": np.float32(norms)}
        rows.append(key | stage | geometry | {"dimensionality": np.full(6, 0.5, np.float32)})
    return rows


def make_dynamics(seeds=(0, 1, 2), n_models: int = 2) -> dict[str, pd.DataFrame]:
    """Tables that satisfy every claim on learning dynamics; of the energy levels, the last model has a swap."""
    dynamics, models, sets, features = [], [], [], []
    for seed in seeds:
        for instance in range(n_models):
            dynamics += train_levels(seed, instance, swaps=instance == n_models - 1)
            for name, size in SETS.items():
                dynamics += train_octahedron(name, seed, instance)
                key = {"experiment": name, "seed": seed, "instance": instance, "lowest_loss": instance == 0}
                models.append(key | {"n_antipodal_pairs": 3})
                sets += [key | {"set": index, "weakest_opposition": -0.99} for index in range(6 // size)]
                features += [key | {"feature": i, "set": i // size} for i in range(6)]
    return {
        "dynamics": pd.DataFrame(dynamics),
        "models": pd.DataFrame(models),
        "sets": pd.DataFrame(sets),
        "features": pd.DataFrame(features),
    }
