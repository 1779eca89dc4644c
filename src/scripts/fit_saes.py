"""Fit all instances of one sparse-autoencoder sweep at one seed to the activations of a trained toy model, or of a
synthetic dictionary; a job that was killed goes on where it was."""

import torch

from scripts.command_line import provenance, run
from superposition.checkpoints import Checkpoint
from superposition.devices import claim_device
from superposition.dictionaries import Dictionary
from superposition.dictionaries.source import DictionarySource
from superposition.evaluation import choose_instance
from superposition.features import SparseSamples, feature_probability
from superposition.sae_sources import ToyModelActivations
from superposition.sae_training import fit_saes as fit
from superposition.storage import load_tensors, save_table, save_tensors


def fit_saes(
    spec: dict, model_weights: list[str], samples: str, checkpoint: str, weights: str, history: str, gpus: int = 0
) -> None:
    sae, data = spec["sae"], load_tensors(samples)
    with claim_device(gpus) as device:
        if "dictionary" in spec:
            source, origin = DictionarySource(Dictionary.from_tensors(spec["dictionary"], data).to(device)), {}
            specification = provenance(spec)["config"]
        else:
            source, origin = open_toy_model(spec, model_weights, SparseSamples.from_tensors(data), device)
            # It does not say how the toy model was trained: trained anew with other settings, that is another source
            specification = f"{provenance(spec)['config']} {source.digest()}"
        kept = Checkpoint(checkpoint, specification, device)
        parameters, losses = fit(spec["id"], sae, spec["seed"], source, device, checkpoint=kept)
    save_table(losses, history, spec["tables"]["sae_history"], provenance(spec))
    save_tensors(parameters | origin, weights, provenance(spec))
    kept.remove()


def open_toy_model(
    spec: dict, model_weights: list[str], held_out: SparseSamples, device: torch.device
) -> tuple[ToyModelActivations, dict[str, torch.Tensor]]:
    """The source of a trained model's activations, and what the weights of its autoencoders say of it."""
    [path] = model_weights
    experiment, models = spec["experiment"], load_tensors(path)
    instance = choose_instance(experiment, models, held_out, spec["sae"]["instance"])
    W, probability = models["W"][instance], feature_probability(experiment)[instance]
    source = ToyModelActivations(W, probability, experiment["features"], device)
    return source, {"W": W, "model_instance": torch.tensor(instance)}


if __name__ == "__main__":
    run(fit_saes, files=["samples", "checkpoint", "weights", "history"], lists=["model_weights"], gpu=True)
