"""What the paper quotes, as a dictionary of texts: verdicts counted, numbers formatted, configurations listed."""

import math

import pandas as pd

from superposition.claims.judging import judge_whole

VERDICTS = ("reproduced", "borderline", "failed", "not measured")
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
RELATION_SIGNS = {"<=": "≤", ">=": "≥", "in": "∈"}
OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW"}


def format_number(value: float, digits: int = 3) -> str:
    """Three significant digits, whole numbers plain, a true minus sign, a dash for what is undefined."""
    if math.isnan(value):
        return "–"
    rounded = f"{value:.{digits - 1}e}"  # rounding decides the digits: 0.9996 is 1.00, not 1.000
    exponent = int(rounded.partition("e")[2])
    if float(value).is_integer() and abs(value) < 1e15:
        text = f"{int(value):,}"
    elif -3 <= exponent < 4:
        text = f"{value:,.{max(0, digits - 1 - exponent)}f}"
    else:
        text = rounded
    return _tidy(text)


def _tidy(text: str) -> str:
    """A true minus sign, and powers of ten as they are written by hand: 1e-05 becomes 10⁻⁵."""
    mantissa, _, exponent = text.partition("e")
    if exponent:
        power = f"10{str(int(exponent)).translate(SUPERSCRIPTS)}"
        mantissa = {"1": power, "-1": f"-{power}"}.get(mantissa, f"{mantissa}×{power}")
    return mantissa.replace("-", "\N{MINUS SIGN}")


def format_setting(value: float) -> str:
    """A number that somebody chose (a threshold, a learning rate), with the digits it was chosen with."""
    return _tidy(f"{value:,.12g}")


def format_threshold(relation: str, threshold: list[float]) -> str:
    if relation == "in":
        return f"{RELATION_SIGNS['in']} [{', '.join(map(format_setting, threshold))}]"
    return f"{RELATION_SIGNS.get(relation, relation)} {format_setting(threshold[0])}"


def describe_part(row: pd.Series) -> dict:
    interval = "" if math.isnan(row["low"]) else f"[{format_number(row['low'])}, {format_number(row['high'])}]"
    return {
        "quantity": row["quantity"],
        "unit": row["unit"],
        "value": format_number(row["value"]),
        "interval": interval,
        "threshold": format_threshold(row["relation"], list(row["threshold"])),
        "origin": row["threshold_origin"],
        "seeds": format_number(row["n_seeds"]),
        "verdict": row["verdict"],
    }


def describe_claims(claims: pd.DataFrame) -> list[dict]:
    """A dictionary per claim with its whole verdict and its parts, from the table `claims`."""
    described = []
    for claim, rows in claims.groupby("claim", sort=False):
        first = rows.iloc[0]
        described.append(
            {
                "id": claim,
                "section": first["section"],
                "source": first["source"],
                "sentence": first["sentence"],
                "figures": first["figures"].split(),
                "verdict": judge_whole(rows["verdict"]),
                "parts": [describe_part(row) for _, row in rows.iterrows()],
            }
        )
    return described


def count_verdicts(described: list[dict]) -> dict[str, str]:
    """How many claims were tested, and how many have each verdict."""
    verdicts = [claim["verdict"] for claim in described]
    counts = {verdict: verdicts.count(verdict) for verdict in VERDICTS}
    counts["tested"] = len(verdicts) - counts["not measured"]
    return {name: format_number(count) for name, count in counts.items()}


def describe_values(value) -> str:
    """A configuration value in words: a swept range, a list, a number."""
    if isinstance(value, dict) and "spacing" in value:
        start, stop = format_setting(value["start"]), format_setting(value["stop"])
        return f"{value['points']} values from {start} to {stop}, {value['spacing']}"
    if isinstance(value, list):
        return ", ".join(describe_values(item) for item in value)
    return format_setting(value) if isinstance(value, int | float) else str(value)


def describe_configurations(config: dict) -> dict[str, list[dict]]:
    """The tables of methods: one dictionary of texts per toy-model experiment and per autoencoder sweep."""
    toy_models = [
        {
            "id": name,
            "title": block["title"],
            "source": block["source"],
            "model": describe_model(block["model"], block["features"]),
            "shape": f"{describe_values(block['model']['n_features'])} → {block['model']['n_hidden']}",
            "probability": describe_values(
                block["sweep"].get("feature_probability", block["features"]["feature_probability"])
            ),
            "importance": "uniform"
            if block["importance"]["curve"] == "uniform"
            else f"{describe_values(block['importance']['base'])}ⁱ",
            "seeds": describe_values(block["seeds"]),
            "restarts": describe_values(block["restarts"]),
            "training": describe_training(block["training"], block["sweep"]),
            "held_out": describe_values(block["evaluation"]["n_samples"]),
        }
        for name, block in config["toy_models"].items()
    ]
    saes = [
        {
            "id": name,
            "title": block["title"],
            "source": block["source"],
            "architecture": block["architecture"],
            "toy_model": block["toy_model"],
            "latents": describe_values(block["n_latents"]),
            "penalty": describe_values(block["sweep"].get("sparsity_penalty", block["sparsity_penalty"])),
            "resampling": describe_resampling(block["resampling"]),
            "seeds": describe_values(config["toy_models"][block["toy_model"]]["seeds"]),
            "restarts": describe_values(block["restarts"]),
            "training": describe_training(block["training"], block["sweep"]),
        }
        for name, block in config["saes"].items()
    ]
    return {"toy_models": toy_models, "saes": saes}


def describe_model(model: dict, features: dict) -> str:
    """The kind, with what departs from features in [0, 1] and Xavier's initial weights."""
    signed = ["features in [−1, 1]"] if features["magnitude"] == "signed_uniform" else []
    scaled = (
        [] if model["init_std"] == "xavier" else [f"initial standard deviation {format_setting(model['init_std'])}"]
    )
    return ", ".join([model["kind"].replace("_", " "), *signed, *scaled])


def describe_training(training: dict, sweep: dict) -> str:
    rate = describe_values(sweep.get("learning_rate", training["learning_rate"]))
    warmup, decay = training["warmup_steps"], training["weight_decay"]
    return (
        f"{OPTIMIZERS[training['optimizer']]}, learning rate {rate} ({training['schedule']}"
        + (f" after {describe_values(warmup)} steps of warm-up), " if warmup else "), ")
        + (f"weight decay {describe_values(decay)}, " if decay else "")
        + f"{describe_values(training['steps'])} steps of {describe_values(training['batch_size'])}"
    )


def describe_resampling(resampling: dict) -> str:
    if resampling["method"] == "none":
        return "none"
    every, window = describe_values(resampling["every"]), describe_values(resampling["window"])
    return f"{resampling['method']}, every {every} steps, silent for {window}"
