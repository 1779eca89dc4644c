"""Train all instances of one toy-model experiment at one seed; a job that was killed goes on where it was."""

from scripts.command_line import provenance, run
from superposition.checkpoints import Checkpoint
from superposition.devices import claim_device
from superposition.storage import save_table, save_tensors
from superposition.toy_model_training import train_toy_models as train


def train_toy_models(spec: dict, checkpoint: str, weights: str, history: str, gpus: int = 0) -> None:
    with claim_device(gpus) as device:
        kept = Checkpoint(checkpoint, provenance(spec)["config"], device)
        parameters, losses = train(spec["id"], spec["experiment"], spec["seed"], device, checkpoint=kept)
    save_table(losses, history, spec["tables"]["training_history"], provenance(spec))
    save_tensors(parameters, weights, provenance(spec))
    kept.remove()


if __name__ == "__main__":
    run(train_toy_models, files=["checkpoint", "weights", "history"], gpu=True)
