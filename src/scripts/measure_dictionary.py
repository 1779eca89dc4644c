"""Measure one synthetic dictionary at one seed: its directions, and its features on the held-out samples."""

from scripts.command_line import provenance, run
from superposition.dictionaries.held_out import measure_dictionary as measure
from superposition.storage import load_tensors, save_table


def measure_dictionary(spec: dict, samples: str, dictionaries: str) -> None:
    measured = measure(spec["id"], spec["dictionary"], spec["seed"], load_tensors(samples))
    save_table(measured, dictionaries, spec["tables"]["dictionaries"], provenance(spec))


if __name__ == "__main__":
    run(measure_dictionary, files=["samples", "dictionaries"])
