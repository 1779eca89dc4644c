"""Tables of experiments on finite data: some that satisfy every claim, what breaks each, and some to draw."""

from itertools import product

import numpy as np
from builders import CONFIG
from figure_tables import tabulate

FINITE_DATA = CONFIG["finite_data"]
FEW, MANY, ARENA_FEW, ARENA_MANY = (f"{scale}{size}_samples" for scale in ("", "arena_") for size in ("few", "many"))
ARENA_OWN = "arena_own_samples"
LARGEST = {FEW: MANY, ARENA_FEW: ARENA_MANY}  # the experiment that goes on where one ends
POLYGON = {"train_loss": 0.0, "variation_of_point_dimensionality": 0.05, "radius_ratio": 1.05}
POLYGON |= {"largest_dimensionality": 0.15, "n_large_dimensionality": 0, "test_loss": 1.0}
POLYGON |= {"frobenius_norm": 3.0, "bias_norm": 1.5}
BETWEEN = {"train_loss": 0.9, "variation_of_point_dimensionality": 2.0, "radius_ratio": 500.0}
BETWEEN |= {"largest_dimensionality": 0.1, "n_large_dimensionality": 0, "test_loss": 1.3}
BETWEEN |= {"frobenius_norm": 20.0, "bias_norm": 50.0}
PENTAGON = {"train_loss": 0.97, "variation_of_point_dimensionality": 3.0, "radius_ratio": 900.0}
PENTAGON |= {"largest_dimensionality": 0.3, "fifth_dimensionality": 0.25, "sixth_dimensionality": 0.04}
PENTAGON |= {"n_large_dimensionality": 5, "gap_deviation_of_five": 2.0, "test_loss": 0.99}
PENTAGON |= {"frobenius_norm": 2.5, "bias_norm": 0.3}


def describe_model(n_samples: int, largest: int) -> dict:
    """A polygon of up to 50 samples, a pentagon of features at the largest number, and something else in between."""
    kind, share = (POLYGON, 1.0) if n_samples <= 50 else (PENTAGON, 0.1) if n_samples == largest else (BETWEEN, 0.2)
    return kind | {"point_gap_deviation": 0.05 * 360 / n_samples, "median_point_dimensionality": share * 2 / n_samples}


def sizes_of(name: str) -> list[int]:
    return FINITE_DATA[name]["sweep"]["n_samples"]


def make_finite_models(seeds=(0, 1, 2)):
    """`finite_models` of every experiment that a claim names, two restarts of each, the first of them the best."""
    rows = []
    for seed, name in product(seeds, (FEW, MANY, ARENA_FEW, ARENA_MANY, ARENA_OWN)):
        largest = max(sizes_of(LARGEST.get(name, name)))
        for size, restart in product(sizes_of(name), range(2)):
            rows.append({"experiment": name, "n_samples": size, "restart": restart} | describe_model(size, largest))
            rows[-1] |= {"seed": seed, "n_hidden": 2}
    plane = FINITE_DATA["samples_and_dimensions"]["sweep"]
    for seed, (index, m), size, restart in product(seeds, enumerate(plane["n_hidden"]), plane["n_samples"], range(2)):
        peak = plane["n_samples"][index + 2]
        loss = (1.5 if size == peak else 1.0) + restart * (0.01 if m < 4 else 0.001)
        rows.append({"experiment": "samples_and_dimensions", "n_samples": size, "n_hidden": m, "test_loss": loss})
        rows[-1] |= {"seed": seed, "restart": restart}
    for seed, (name, swept) in product(seeds, (("longer_training", "steps"), ("stronger_decay", "weight_decay"))):
        for index, value in enumerate(FINITE_DATA[name]["sweep"][swept]):
            for size in sizes_of(name):
                height = 1.1 + 0.1 * index if swept == "steps" else 1.15 - 0.15 * index
                row = {"n_samples": size, "n_hidden": 4, "test_loss": height if size == 100 else 1.0, swept: value}
                row = {"steps": 15_000, "weight_decay": 0.01} | row
                rows.append({"experiment": name, "seed": seed, "restart": 0} | row)
    rows.append(rows[0] | {"experiment": "decoy", "train_loss": 9.0, "test_loss": 9.0})
    for instance, row in enumerate(rows):
        row |= {"instance": instance, "lowest_training_loss": row["restart"] == 0}
    return tabulate("finite_models", rows)


def make_finite_data(name="finite", seeds=(0, 1), sizes=(5, 10, 100, 1_000), n_hidden=2) -> dict:
    """Tables to draw: samples on a circle, a feature along every axis of a pentagon, two restarts."""
    tables = {"finite_models": [], "finite_features": [], "training_points": []}
    for seed, (point, size), restart in product(seeds, enumerate(sizes), range(2)):
        key = {"experiment": name, "seed": seed, "instance": 2 * point + restart, "point": point, "restart": restart}
        key |= {"n_samples": size, "weight_decay": 0.01, "steps": 50_000}
        model = describe_model(size, max(sizes)) | {"n_hidden": n_hidden, "lowest_training_loss": restart == 0}
        tables["finite_models"].append(key | model)
        if restart:
            continue
        for table, column, count in (("finite_features", "direction", 5), ("training_points", "hidden", min(size, 20))):
            angles = 2 * np.pi * np.arange(count) / count + 0.1 * seed
            vectors = np.zeros((count, n_hidden))
            vectors[:, 0], vectors[:, -1] = np.cos(angles), np.sin(angles)
            index = "feature" if column == "direction" else "sample"
            row = key | {"norm": 1.0, "dimensionality": 2 / count, "n_present": 1}
            tables[table] += [row | {index: i, column: vector} for i, vector in enumerate(vectors)]
    return {table: tabulate(table, rows) for table, rows in tables.items()}
