"""Train all instances of one toy-model experiment at one seed."""

from scripts.command_line import provenance, run
from superposition.devices import claim_device
from superposition.storage import save_table, save_tensors
from superposition.toy_model_training import train_toy_models as train


def train_toy_models(spec: dict, weights: str, history: str, gpus: int = 0) -> None:
    with claim_device(gpus) as device:
        parameters, losses = train(spec["id"], spec["experiment"], spec["seed"], device)
    save_table(losses, history, spec["tables"]["training_history"], provenance(spec))
    save_tensors(parameters, weights, provenance(spec))


if __name__ == "__main__":
    run(train_toy_models, files=["weights", "history"], gpu=True)
