"""Train all models of one experiment on finite data at one seed; a job that was killed goes on where it was."""

from scripts.command_line import provenance, run
from superposition.checkpoints import Checkpoint
from superposition.devices import claim_device
from superposition.finite_data_runs import DataSets
from superposition.finite_data_training import train_on_finite_data as train
from superposition.storage import load_tensors, save_table, save_tensors


def train_on_finite_data(spec: dict, samples: str, checkpoint: str, weights: str, history: str, gpus: int = 0) -> None:
    data_sets = DataSets.from_tensors(load_tensors(samples))
    with claim_device(gpus) as device:
        kept = Checkpoint(checkpoint, provenance(spec)["config"], device)
        parameters, losses = train(spec["id"], spec["experiment"], spec["seed"], data_sets, device, kept)
    save_table(losses, history, spec["tables"]["finite_history"], provenance(spec))
    save_tensors(parameters, weights, provenance(spec))
    kept.remove()


if __name__ == "__main__":
    run(train_on_finite_data, files=["samples", "checkpoint", "weights", "history"], gpu=True)
