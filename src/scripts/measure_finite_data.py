"""Measure every model of one experiment on finite data at one seed, on its training set and on held-out samples."""

from scripts.command_line import provenance, run
from superposition.finite_data_measurement import measure_finite_data as measure
from superposition.finite_data_runs import DataSets
from superposition.storage import load_tensors, save_table


def measure_finite_data(spec: dict, weights: str, samples: str, **tables: str) -> None:
    data_sets = DataSets.from_tensors(load_tensors(samples))
    measured = measure(spec["id"], spec["experiment"], spec["seed"], load_tensors(weights), data_sets)
    for name, path in tables.items():
        save_table(measured[name], path, spec["tables"][name], provenance(spec))


if __name__ == "__main__":
    run(measure_finite_data, files=["weights", "samples", "finite_models", "finite_features", "training_points"])
