"""Draw the frozen held-out samples of one toy-model experiment at one seed."""

from scripts.command_line import provenance, run
from superposition.evaluation import sample_held_out
from superposition.storage import save_tensors


def sample_features(spec: dict, samples: str) -> None:
    held_out = sample_held_out(spec["id"], spec["experiment"], spec["seed"])
    save_tensors(held_out.to_tensors(), samples, provenance(spec))


if __name__ == "__main__":
    run(sample_features, files=["samples"])
