"""Draw one synthetic dictionary and its frozen held-out samples at one seed."""

from scripts.command_line import provenance, run
from superposition.dictionaries.held_out import sample_dictionary as sample
from superposition.storage import save_tensors


def sample_dictionary(spec: dict, samples: str) -> None:
    save_tensors(sample(spec["id"], spec["dictionary"], spec["seed"]), samples, provenance(spec))


if __name__ == "__main__":
    run(sample_dictionary, files=["samples"])
