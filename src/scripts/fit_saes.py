"""Fit all instances of one sparse-autoencoder sweep at one seed to the activations of one trained toy model."""

import torch

from scripts.command_line import provenance, run
from superposition.devices import claim_device
from superposition.evaluation import choose_instance
from superposition.features import SparseSamples, feature_probability
from superposition.sae_sources import ToyModelActivations
from superposition.sae_training import fit_saes as fit
from superposition.storage import load_tensors, save_table, save_tensors


def fit_saes(spec: dict, model_weights: str, samples: str, weights: str, history: str, gpus: int = 0) -> None:
    experiment, sae = spec["experiment"], spec["sae"]
    models = load_tensors(model_weights)
    held_out = SparseSamples.from_tensors(load_tensors(samples))
    instance = choose_instance(experiment, models, held_out, sae["instance"])
    W = models["W"][instance]
    probability = feature_probability(experiment)[instance]
    with claim_device(gpus) as device:
        source = ToyModelActivations(W, probability, experiment["features"], device)
        parameters, losses = fit(spec["id"], sae, spec["seed"], source, device)
    save_table(losses, history, spec["tables"]["sae_history"], provenance(spec))
    save_tensors(parameters | {"W": W, "model_instance": torch.tensor(instance)}, weights, provenance(spec))


if __name__ == "__main__":
    run(fit_saes, files=["model_weights", "samples", "weights", "history"], gpu=True)
