"""Fit all instances of one sparse-autoencoder sweep at one seed to the activations of a trained toy model, or of a
synthetic dictionary."""

import torch

from scripts.command_line import provenance, run
from superposition.devices import claim_device
from superposition.dictionaries import Dictionary
from superposition.dictionaries.source import DictionarySource
from superposition.evaluation import choose_instance
from superposition.features import SparseSamples, feature_probability
from superposition.sae_training import fit_saes as fit
from superposition.storage import load_tensors, save_table, save_tensors


def fit_saes(spec: dict, model_weights: list[str], samples: str, weights: str, history: str, gpus: int = 0) -> None:
    sae, data = spec["sae"], load_tensors(samples)
    if "dictionary" in spec:
        dictionary, origin = Dictionary.from_tensors(spec["dictionary"], data), {}
        with claim_device(gpus) as device:
            source = DictionarySource(dictionary.to(device))
            parameters, losses = fit(spec["id"], sae, spec["seed"], source, device)
    else:
        [path] = model_weights
        experiment, models = spec["experiment"], load_tensors(path)
        instance = choose_instance(experiment, models, SparseSamples.from_tensors(data), sae["instance"])
        W = models["W"][instance]
        origin = {"W": W, "model_instance": torch.tensor(instance)}
        probability = feature_probability(experiment)[instance]
        with claim_device(gpus) as device:
            parameters, losses = fit(spec["id"], sae, spec["seed"], W, probability, experiment["features"], device)
    save_table(losses, history, spec["tables"]["sae_history"], provenance(spec))
    save_tensors(parameters | origin, weights, provenance(spec))


if __name__ == "__main__":
    run(fit_saes, files=["samples", "weights", "history"], lists=["model_weights"], gpu=True)
