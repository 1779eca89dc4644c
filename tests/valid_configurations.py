"""Configurations that are valid by construction: experiments of the paper, edited and joined by others."""

import copy
import functools

from configurations import REAL, SCHEMA
from hypothesis import strategies as st

from pipeline.schema_check import load_schema

WHOLE_SCHEMA = load_schema(SCHEMA)
SECTIONS = ("toy_models", "saes", "finite_data", "dictionaries")


def excerpt(section, name):
    """One experiment or figure of the paper with all that it needs: a hundredth of the time to validate."""
    block = REAL[section][name]
    config = {"toy_models": {"five_in_two": REAL["toy_models"]["five_in_two"]}}
    needed = [(other, each) for other in SECTIONS for each in block.get(other, [])] if section == "figures" else []
    needed += [(f"{key}s", block[key]) for key in ("toy_model",) if key in block]
    needed += [("dictionaries", block[key]) for key in ("dictionary",) if key in block]
    for other, each in needed:
        for key, blocks in excerpt(other, each).items():
            config.setdefault(key, {}).update(blocks)
    config.setdefault(section, {})[name] = block
    return config


def alternatives_of(schema):
    return schema.get("anyOf", [schema])


def places_of(value, schema=WHOLE_SCHEMA, path=()):
    """Every place of a sound configuration, with the schema that holds there."""
    yield path, schema
    kind = {dict: "object", list: "array"}.get(type(value))
    for each in [each for each in alternatives_of(schema) if each["type"] == kind]:
        named = next(iter(each.get("patternProperties", {}).values()), None)
        for key in value if kind == "object" else range(len(value)):
            inner = each["items"] if kind == "array" else named or each["properties"][key]
            yield from places_of(value[key], inner, (*path, key))


EXCERPTS = [excerpt(section, name) for section in (*SECTIONS, "figures") for name in REAL[section]]
PLACES = {id(config): list(places_of(config)) for config in (*EXCERPTS, REAL)}


def replace(config, path, value):
    """A copy with `value` at the path."""
    if not path:
        return value
    inner = copy.copy(config)
    inner[path[0]] = replace(config[path[0]], path[1:], value) if path[1:] else value
    return inner


def look_up(config, path):
    return functools.reduce(lambda value, step: value[step], path, config)


# Valid by construction: experiments drawn from the schema's ranges, and edits that leave the paper's valid.
TITLES = st.text(max_size=199).map("é".__add__)
NAMES = st.from_regex(r"new_[a-z0-9_]{0,50}", fullmatch=True)  # no experiment of the paper has such a name
FREE = {  # what no other key limits, with the key above it
    ("evaluation", "n_samples"),
    ("training", "learning_rate"),
    ("training", "batch_size"),
    ("training", "engine"),
    ("model", "init_std"),
    ("model", "output_bias"),
    ("model", "hidden_bias"),
}


def within(schema):
    """Values that a schema of scalars allows."""
    strategies = []
    for each in alternatives_of(schema):
        low, high = each.get("minimum", each.get("exclusiveMinimum")), each.get("maximum")
        match each["type"]:
            case "string":
                strategies.append(st.sampled_from(each["enum"]))
            case "boolean":
                strategies.append(st.booleans())
            case "integer":
                strategies.append(st.integers(low, high))
            case "number":
                strategies.append(st.floats(low, high, exclude_min="exclusiveMinimum" in each))
    return st.one_of(strategies)


def setting(section, *path):
    """Values of a setting of the experiments of a section."""
    [schema] = WHOLE_SCHEMA["properties"][section]["patternProperties"].values()
    return within(functools.reduce(lambda inner, key: inner["properties"][key], path, schema))


@st.composite
def sweeps(draw, values):
    if draw(st.booleans()):
        return draw(st.lists(values, min_size=1, max_size=8, unique=True))
    start, stop = draw(st.lists(values.filter(lambda value: value > 0), min_size=2, max_size=2, unique=True))
    spacing = draw(st.sampled_from(["geometric", "linear"]))
    return {"spacing": spacing, "start": start, "stop": stop, "points": draw(st.integers(1, 1000))}


@st.composite
def trainings(draw, section):
    steps = draw(setting(section, "training", "steps"))
    free = ("batch_size", "learning_rate", "schedule", "engine")
    training = {key: draw(setting(section, "training", key)) for key in draw(st.sets(st.sampled_from(free)))}
    return training | {
        "steps": steps,
        "log_every": draw(st.integers(1, steps)),
        "warmup_steps": draw(st.integers(0, steps)),
    }


@st.composite
def new_toy_models(draw):
    model = {key: draw(setting("toy_models", "model", key)) for key in ("kind", "n_features", "n_hidden", "init_std")}
    size = draw(st.integers(2, max(2, model["n_features"])))
    features = {"set_size": size, "correlated_sets": draw(st.integers(0, model["n_features"] // size))}
    features |= {key: draw(setting("toy_models", "features", key)) for key in ("magnitude", "feature_probability")}
    ranges = {
        "learning_rate": setting("toy_models", "training", "learning_rate"),
        "hidden_penalty": setting("toy_models", "training", "hidden_penalty"),
        "last_importance": setting("toy_models", "importance", "last_importance"),
        "feature_probability": setting("toy_models", "features", "feature_probability"),
    }
    return {
        "title": draw(TITLES),
        "model": model,
        "features": features,
        "sweep": {key: draw(sweeps(ranges[key])) for key in draw(st.sets(st.sampled_from([*ranges])))},
        "restarts": draw(setting("toy_models", "restarts")),
        "training": draw(trainings("toy_models")),
        "seeds": draw(setting("toy_models", "seeds")),
    }


@st.composite
def new_saes(draw, toy_model, restarts):
    architecture = draw(st.sampled_from(["relu", "gated", "jumprelu", "p_annealing", "topk", "batchtopk", "nmf"]))
    n_latents = draw(setting("saes", "n_latents"))
    penalised = architecture in ("relu", "gated", "jumprelu", "p_annealing")
    choice = (
        {"sparsity_penalty": draw(setting("saes", "sparsity_penalty"))}
        if penalised
        else {"k": draw(st.integers(1, n_latents))}
    )
    return choice | {
        "title": draw(TITLES),
        "toy_model": toy_model,
        "architecture": architecture,
        "n_latents": n_latents,
        "instance": draw(st.one_of(st.just("lowest_loss"), st.integers(0, restarts - 1))),
        "training": draw(trainings("saes")),
    }


@st.composite
def valid_edits(draw, config):
    edit = draw(
        st.sampled_from(["seeds", "first_seed", "title", "free", "restarts", "toy_model", "sae", "figure", "copy"])
    )
    section = draw(st.sampled_from([key for key in SECTIONS if config.get(key)]))
    name = draw(st.sampled_from(sorted(config[section])))
    places = [path for path, _ in places_of(config) if path[:2] == (section, name)]
    match edit:
        case "seeds" | "first_seed":
            return {**config, edit: draw(within(WHOLE_SCHEMA["properties"][edit]))}
        case "title":
            config = replace(config, (section, name, "source"), draw(st.text(max_size=500)))
            return replace(config, (section, name, "title"), draw(TITLES))
        case "free":
            free = [(path, schema) for path, schema in places_of(config) if path[-2:] in FREE]
            path, schema = draw(st.sampled_from(free)) if free else (("seeds",), WHOLE_SCHEMA["properties"]["seeds"])
            return replace(config, path, draw(within(schema)))
        case "restarts":
            path = (section, name, "restarts")
            return (
                replace(config, path, draw(st.integers(look_up(config, path), 100_000))) if path in places else config
            )
        case "toy_model":
            return replace(config, ("toy_models", draw(NAMES) + "_t"), draw(new_toy_models()))
        case "sae":
            sae = draw(new_saes("five_in_two", config["toy_models"]["five_in_two"]["restarts"]))
            return {**config, "saes": {**config.get("saes", {}), draw(NAMES) + "_s": sae}}
        case "figure":
            figure = {section: [name], "script": draw(st.sampled_from(sorted(REAL["figures"])))}
            figure["script"] = REAL["figures"][figure["script"]].get("script", figure["script"])
            return {**config, "figures": {**config.get("figures", {}), draw(NAMES): figure}}
    return replace(config, (section, draw(NAMES) + "_c" + section[0]), config[section][name])


@st.composite
def valid(draw, bases=EXCERPTS):
    config = draw(st.sampled_from(bases))
    for _ in range(draw(st.integers(1, 4))):
        config = draw(valid_edits(config))
    return config
