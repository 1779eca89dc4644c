"""How much training a job is, roughly: enough to tell long jobs from short ones before any has run."""

import math

from pipeline.cross_checks import count_instances


def work_of_toy_models(experiment: dict) -> int:
    """Products of an input with a weight, of all instances and steps of an experiment's effective block at one seed."""
    model = experiment["model"]
    return _samples(experiment) * model["n_features"] * model["n_hidden"]


def work_of_saes(sae: dict, toy_model: dict) -> int:
    """The same of an autoencoder sweep, fitted to the hidden activations of `toy_model`."""
    return _samples(sae) * toy_model["model"]["n_hidden"] * sae["n_latents"]


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
    """That of a toy-model experiment and of all sweeps that wait for it."""
    toy_model = config["toy_models"][name]
    waiting = [sae for sae in config["saes"].values() if sae["toy_model"] == name]
    return work_of_toy_models(toy_model) + sum(work_of_saes(sae, toy_model) for sae in waiting)


def _samples(block: dict) -> int:
    return count_instances(block) * block["training"]["steps"] * block["training"]["batch_size"]
