"""Draw the frozen training sets and the held-out samples of one experiment on finite data at one seed."""

from scripts.command_line import provenance, run
from superposition.finite_data_runs import sample_data_sets
from superposition.storage import save_tensors


def sample_training_sets(spec: dict, samples: str) -> None:
    data_sets = sample_data_sets(spec["id"], spec["experiment"], spec["seed"])
    save_tensors(data_sets.to_tensors(), samples, provenance(spec))


if __name__ == "__main__":
    run(sample_training_sets, files=["samples"])
