"""How much training a job is, roughly: enough to tell long jobs from short ones before any has run."""

import math

from pipeline.architectures import FITTED
from pipeline.configuration import count_instances, source_of


def work_of_toy_models(experiment: dict) -> int:
    """Products of an input with a weight, of all instances and steps of an experiment's effective block at one seed."""
    model = experiment["model"]
    return _samples(experiment) * model["n_features"] * model["n_hidden"]


def work_of_saes(sae: dict, source: dict) -> int:
    """The same of an autoencoder sweep, fitted to activations of `source`, the block of a toy model or dictionary."""
    d_in = source["d_in"] if "d_in" in source else source["model"]["n_hidden"]
    return _samples(sae) * d_in * sae["n_latents"]


def work_of_dictionary(dictionary: dict) -> int:
    """The same of drawing a dictionary: of its samples, and of every step of the directions towards a cosine."""
    steps = dictionary["directions"].get("steps", 0)
    per_feature = dictionary["evaluation"]["n_samples"] + steps * dictionary["d_in"] ** 2
    return dictionary["n_features"] * per_feature


def work_of_finite_data(experiment: dict) -> int:
    """The same of an experiment on finite data, as if every product were taken."""
    model, sweep = experiment["model"], experiment["sweep"]
    swept = {
        "n_samples": sweep.get("n_samples", [experiment["training_set"]["n_samples"]]),
        "n_hidden": sweep.get("n_hidden", [model["n_hidden"]]),
        "steps": sweep.get("steps", [experiment["training"]["steps"]]),
    }
    models = len(sweep.get("weight_decay", [0])) * experiment["restarts"]
    return models * math.prod(sum(values) for values in swept.values()) * model["n_features"]


def work_behind(name: str, config: dict) -> int:
    """That of a toy-model experiment or a dictionary, and of all sweeps that wait for it."""
    if name in config["toy_models"]:
        source = config["toy_models"][name]
        own = work_of_toy_models(source)
    else:
        source = config["dictionaries"][name]
        own = work_of_dictionary(source)
    waiting = [sae for sae in config["saes"].values() if source_of(sae) == name]
    return own + sum(work_of_saes(sae, source) for sae in waiting)


def _samples(block: dict) -> int:
    if block.get("architecture") in FITTED:
        return count_instances(block) * block["fit_samples"]
    return count_instances(block) * block["training"]["steps"] * block["training"]["batch_size"]
