"""The paper's tables of methods: every experiment of the configuration in words."""

from superposition.reporting import describe_values, format_setting
from superposition.sae_options import describe_options

OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW"}
FITTED = ("pca", "ica", "nmf", "random")  # to a sample, without training


def describe_configurations(config: dict) -> dict[str, list[dict]]:
    """The tables of methods: one dictionary of texts per toy-model experiment and per autoencoder sweep."""
    toy_models = [
        {
            "id": name,
            "title": block["title"],
            "source": block["source"],
            "model": describe_model(block),
            "shape": f"{describe_values(block['model']['n_features'])} → {block['model']['n_hidden']}",
            "probability": describe_probability(block["features"], block["sweep"]),
            "importance": describe_importance(block["importance"], block["sweep"]),
            "seeds": describe_values(block["seeds"]),
            "restarts": describe_values(block["restarts"]),
            "training": describe_training(block["training"], block["sweep"]),
            "held_out": describe_values(block["evaluation"]["n_samples"]),
        }
        for name, block in config["toy_models"].items()
    ]
    sources = config["toy_models"] | config["dictionaries"]
    saes = [
        {
            "id": name,
            "title": block["title"],
            "source": block["source"],
            "architecture": block["architecture"],
            "activations": source_of_activations(block),
            "latents": describe_values(block["n_latents"]),
            "penalty": describe_sparsity(block),
            "resampling": describe_resampling(block["resampling"]),
            "seeds": describe_values(sources[source_of_activations(block)]["seeds"]),
            "restarts": describe_values(block["restarts"]),
            "training": describe_fit(block),
            "options": describe_options(block),
        }
        for name, block in config["saes"].items()
    ]
    return {"toy_models": toy_models, "saes": saes}


def source_of_activations(sae: dict) -> str:
    """The toy model or the dictionary that an autoencoder sweep names."""
    return sae["dictionary"] if "dictionary" in sae else sae["toy_model"]


def describe_model(block: dict) -> str:
    """The kind, with what departs from independent features in [0, 1], Xavier's initial weights and plain training."""
    model, features = block["model"], block["features"]
    clauses = [model["kind"].replace("_", " ")]
    for kind in ("correlated", "anticorrelated"):
        if count := features[f"{kind}_sets"]:
            clauses.append(f"{count} {kind} set{'s' if count > 1 else ''} of {features['set_size']}")
    if features["magnitude"] == "signed_uniform":
        clauses.append("features in [−1, 1]")
    if model["init_std"] != "xavier":
        clauses.append(f"initial standard deviation {format_setting(model['init_std'])}")
    if not model["output_bias"]:
        clauses.append("no output bias")
    if model["hidden_bias"]:
        clauses.append("hidden bias")
    for key, name in (("hidden_penalty", "penalty on the hidden layer"), ("attack_size", "attacks of length")):
        value = block["sweep"].get(key, block["training"][key])
        if value != 0:
            clauses.append(f"{name} {describe_values(value)}")
    return ", ".join(clauses)


def describe_probability(features: dict, sweep: dict) -> str:
    text = describe_values(sweep.get("feature_probability", features["feature_probability"]))
    if features["anticorrelated_sets"] and features["probability_of"] == "set":
        text += " (of an anticorrelated set)"
    return text + describe_last(sweep.get("last_probability", features["last_probability"]))


def describe_importance(importance: dict, sweep: dict) -> str:
    text = "uniform" if importance["curve"] == "uniform" else f"{describe_values(importance['base'])}ⁱ"
    return text + describe_last(sweep.get("last_importance", importance["last_importance"]))


def describe_last(factor) -> str:
    """What is said of a factor on the last feature."""
    return "" if factor == 1 else f"; the last × {describe_values(factor)}"


def describe_training(training: dict, sweep: dict) -> str:
    rate = describe_values(sweep.get("learning_rate", training["learning_rate"]))
    warmup, decay = training["warmup_steps"], training["weight_decay"]
    return (
        f"{OPTIMIZERS[training['optimizer']]}, learning rate {rate} ({training['schedule']}"
        + (f" after {describe_values(warmup)} steps of warm-up), " if warmup else "), ")
        + (f"weight decay {describe_values(decay)}, " if decay else "")
        + f"{describe_values(training['steps'])} steps of {describe_values(training['batch_size'])}"
    )


def describe_fit(sae: dict) -> str:
    """How an autoencoder is trained, or what a dictionary that is not trained is fitted to."""
    if sae["architecture"] in FITTED:
        return f"fitted to {describe_values(sae['fit_samples'])} samples"
    scaled = sae["training"]["normalise_activations"] == "sqrt_d_in"
    return describe_training(sae["training"], sae["sweep"]) + (", activations of mean length √d" if scaled else "")


def describe_sparsity(block: dict) -> str:
    """The penalty, or the number of active latents where that is fixed or steered towards."""
    values = block | block["sweep"]
    texts = [describe_values(values["sparsity_penalty"])] if "sparsity_penalty" in values else []
    if "k" in values:
        start = values.get("k_start", "none")
        first = "" if start == "none" else f" (at first {describe_values(start)})"
        texts.append(f"k = {describe_values(values['k'])}{first}")
    texts += (
        [f"steered to L0 = {describe_values(values['target_l0'])}"] if values.get("target_l0", "none") != "none" else []
    )
    return ", ".join(texts)


def describe_resampling(resampling: dict) -> str:
    if resampling["method"] == "none":
        return "none"
    every, window = describe_values(resampling["every"]), describe_values(resampling["window"])
    return f"{resampling['method']}, every {every} steps, silent for {window}"
