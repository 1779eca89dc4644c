"""The paper's table of methods for experiments on finite data."""

from superposition.reporting import describe_values

ZERO_SAMPLES = {"keep": "", "redraw": ", none of them zero"}


def describe_finite_data(config: dict) -> dict[str, list[dict]]:
    """One dictionary of texts per experiment on finite data."""
    rows = []
    for name, block in config["finite_data"].items():
        training, sweep, rules = block["training"], block["sweep"], block["training_set"]
        samples = describe_values(sweep.get("n_samples", rules["n_samples"]))
        rows.append(
            {
                "id": name,
                "title": block["title"],
                "source": block["source"],
                "shape": f"{describe_values(block['model']['n_features'])} → "
                + describe_values(sweep.get("n_hidden", block["model"]["n_hidden"])),
                "probability": describe_values(block["features"]["feature_probability"]),
                "samples": samples + ZERO_SAMPLES[rules["zero_samples"]],
                "restarts": describe_values(block["restarts"])
                + ("" if rules["shared"] or block["restarts"] == 1 else ", each with its own samples"),
                "seeds": describe_values(block["seeds"]),
                "training": describe_training(training, sweep) + describe_start(block["model"]),
                "held_out": describe_values(block["evaluation"]["n_samples"]),
            }
        )
    return {"finite_data": rows}


def describe_start(model: dict) -> str:
    xavier = model["init_std"] == "xavier"
    return "" if xavier else f", initial standard deviation {describe_values(model['init_std'])}"


def describe_training(training: dict, sweep: dict) -> str:
    steps = describe_values(sweep.get("steps", training["steps"]))
    decay = describe_values(sweep.get("weight_decay", training["weight_decay"]))
    warmup = f" after {describe_values(training['warmup_steps'])} steps of warm-up" if training["warmup_steps"] else ""
    return (
        f"AdamW, learning rate {describe_values(training['learning_rate'])} ({training['schedule']}{warmup}), "
        f"weight decay {decay}, {steps} steps, {training['loss']} over features"
    )
