"""The paper's table of methods for synthetic dictionaries."""

from superposition.reporting import describe_values, format_setting

CHOICES = {"independent": "independent", "at_most_one": "at most one present", "exactly_one": "one present"}


def describe_dictionaries(config: dict) -> dict[str, list[dict]]:
    """One dictionary of texts per synthetic dictionary."""
    rows = [
        {
            "id": name,
            "title": block["title"],
            "source": block["source"],
            "shape": f"{describe_values(block['n_features'])} → {describe_values(block['d_in'])}",
            "directions": describe_directions(block),
            "probability": describe_probability(block),
            "magnitude": describe_magnitude(block["magnitude"], block["equal_magnitudes"]),
            "dependence": describe_dependence(block),
            "seeds": describe_values(block["seeds"]),
            "held_out": describe_values(block["evaluation"]["n_samples"]),
        }
        for name, block in config["dictionaries"].items()
    ]
    return {"dictionaries": rows}


def describe_directions(block: dict) -> str:
    directions = block["directions"]
    clauses = [directions["kind"].replace("_", " ")]
    if directions["kind"] == "target_cosine":
        clauses[0] = f"cosines towards {format_setting(directions['cosine'])}"
    if (directions["norm"], directions["norm_std"]) != (1, 0):
        clauses.append(f"length {format_setting(directions['norm'])} ± {format_setting(directions['norm_std'])}")
    for key, name in (("bias_norm", "bias of length"), ("noise", "noise")):
        if block[key]:
            clauses.append(f"{name} {format_setting(block[key])}")
    return ", ".join(clauses)


def describe_probability(block: dict) -> str:
    text = describe_curve(block["probability"])
    if "mean_l0" in block:
        text += f", scaled to {format_setting(block['mean_l0'])} present"
    return text + (", no sample empty" if block["zero_samples"] == "one_feature" else "")


def describe_curve(curve: float | dict) -> str:
    if not isinstance(curve, dict):
        return format_setting(curve)
    if curve["curve"] == "geometric":
        return f"{format_setting(curve['first'])} × {format_setting(curve['ratio'])}ⁱ"
    power = f" (exponent {format_setting(curve['exponent'])})" if curve["curve"] == "zipf" else ""
    name = curve["curve"].replace("_", "-")
    return f"{name}{power}, {format_setting(curve['first'])} to {format_setting(curve['last'])}"


def describe_magnitude(magnitude: dict, equal: bool) -> str:
    mean, std = magnitude["mean"], magnitude.get("std")
    ends = [mean["first"], mean["last"]] if isinstance(mean, dict) else [mean]
    mean = " to ".join(map(format_setting, ends))
    text = f"{magnitude['kind'].replace('_', ' ')}, mean {mean}"
    if isinstance(std, dict):
        text += f", std |{format_setting(std['mean'])} ± {format_setting(std['std'])}|"
    elif std is not None:
        text += f", std {format_setting(std)}"
    return text + (", equal in a sample" if equal else "")


def describe_dependence(block: dict) -> str:
    correlation, clauses = block["correlation"], []
    if correlation["kind"] != "none":
        strength = f" of strength {format_setting(correlation['strength'])}" if "strength" in correlation else ""
        rank = f", rank {describe_values(correlation['rank'])}" if "rank" in correlation else ""
        clauses.append(f"correlation {correlation['kind'].replace('_', ' ')}{strength}{rank}")
    clauses += [describe_group(group) for group in block["groups"]]
    if block["probability_excess"] == "lower":
        clauses.append("probabilities lowered to what parents allow")
    if block["one_hot_share"]:
        clauses.append(f"one set alone in {format_setting(block['one_hot_share'])} of the samples")
    return "; ".join(clauses) or "none"


def describe_group(group: dict) -> str:
    many = f"{describe_values(group['count'])} × " if group["count"] > 1 else ""
    text = f"{many}{describe_values(group['n_features'])} {group['name'].replace('_', ' ')}"
    text += f" for each feature of {group['parent'].replace('_', ' ')}" if "parent" in group else ""
    details = [] if group["choice"] == "independent" else [CHOICES[group["choice"]]]
    if "probability" in group:
        given = " given the parent" if group["probability_of"] == "feature_given_parent" else ""
        details.append(f"probability {describe_curve(group['probability'])}{given}")
    if group["scale_by_parent"]:
        details.append("scaled by the parent")
    return text + (f" ({', '.join(details)})" if details else "")
