"""What a schema cannot see of a sparse autoencoder: its source, and what that must be."""

import math

from pipeline.architectures import check_architecture
from pipeline.declared_names import SOURCES, check_name
from pipeline.problems import Findings, show_value

# What an SAE's toy model may be: its activations h = W x are then sums of features' directions, each with one sign.
LINEAR_HIDDEN = ["linear", "relu_output", "gelu_output", "silu_output", "softplus_output", "quadratic_output"]
SAE_SOURCES = {("model", "kind"): LINEAR_HIDDEN, ("features", "magnitude"): ["uniform"]}


def count_instances(block: dict) -> int:
    """Instances that one job trains: combinations of swept values x restarts, of an experiment's effective block."""
    sizes = [len(values) if isinstance(values, list) else values["points"] for values in block["sweep"].values()]
    return math.prod(sizes) * block["restarts"]


def check_sae(name: str, sae: dict, raw: dict, config: dict, unsound: set[tuple]) -> Findings:
    """No toy model has its name; its own toy model exists, can be its source, and has the instance asked for; its
    architecture has the settings that are given."""
    if name in config["toy_models"]:
        yield (), "has the name of a toy model: allowed are names that no toy model has"
    own = {path[2:] for path in unsound if path[:2] == ("saes", name)}
    yield from check_architecture(sae, raw["saes"][name], own)
    yield from check_source(raw["saes"][name], sae, raw)
    yield from check_components(sae, config, unsound)
    toy_model, instance = sae.get("toy_model"), sae["instance"]
    if toy_model not in config["toy_models"] or ("toy_models", toy_model) in unsound:
        return
    source = config["toy_models"][toy_model]
    for (part, key), allowed in SAE_SOURCES.items():
        if source[part][key] not in allowed:
            has = f"is {toy_model!r}, whose {part}.{key} is {source[part][key]!r}"
            yield ("toy_model",), f"{has}: allowed are toy models where it is {' or '.join(map(repr, allowed))}"
    count = count_instances(source)
    if isinstance(instance, int) and instance >= count:
        allowed = f"allowed are 'lowest_loss' or integers from 0 to {count - 1}, the instances of {toy_model}"
        yield ("instance",), f"is {instance}: {allowed}"


def check_components(sae: dict, config: dict, unsound: set[tuple]) -> Findings:
    """There are no more principal or independent components than dimensions."""
    architecture = sae.get("architecture")
    for key, section in SOURCES.items():
        name = sae.get(key)
        if architecture not in ("pca", "ica") or name not in config[section] or (section, name) in unsound:
            continue
        block = config[section][name]
        path, most = ("model.n_hidden", block["model"]["n_hidden"]) if key == "toy_model" else ("d_in", block["d_in"])
        if (sae.get("n_latents") or 0) > most:
            allowed = f"allowed are integers from 1 to {path} of {name}, {most}"
            yield ("n_latents",), f"is {sae['n_latents']}: {allowed}, with the architecture {architecture!r}"


def check_source(written: dict, sae: dict, raw: dict) -> Findings:
    """It names one source of its activations, a toy model or a dictionary, which exists."""
    given = [key for key in SOURCES if key in written]
    if not given:
        yield (), "names no source of its activations: allowed is one of toy_model and dictionary"
    elif len(given) > 1:
        yield ("dictionary",), "is given beside toy_model: allowed is one of them"
    elif given == ["dictionary"] and "instance" in written:
        yield ("instance",), f"is {show_value(written['instance'])}: allowed with a toy_model alone"
    for key in given:
        yield from check_name((key,), sae.get(key), SOURCES[key], raw)
