"""Measure every trained model of one toy-model experiment at one seed on its held-out samples."""

from scripts.command_line import provenance, run
from superposition.features import SparseSamples
from superposition.storage import load_table, load_tensors, save_table
from superposition.toy_model_measurement import measure_toy_models as measure


def measure_toy_models(spec: dict, weights: str, samples: str, history: str, **tables: str) -> None:
    held_out = SparseSamples.from_tensors(load_tensors(samples))
    losses = load_table(history, "training_history")
    measured = measure(spec["id"], spec["experiment"], spec["seed"], load_tensors(weights), held_out, losses)
    for name, path in tables.items():
        save_table(measured[name], path, spec["tables"][name], provenance(spec))


if __name__ == "__main__":
    run(
        measure_toy_models,
        files=["weights", "samples", "history", "models", "features", "sets", "neurons", "hidden_samples", "dynamics"],
    )
