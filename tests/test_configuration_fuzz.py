"""Thousands of configurations: those valid by construction are accepted, broken ones give plain lines, nothing else."""

import contextlib
import copy
import datetime
import functools
import json

import jsonschema
import pytest
import yaml
from configurations import REAL, SCHEMA, SMALL, effective, make_project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workflow_runs import TINY, errors_of

from pipeline.configuration import ConfigurationError, load_yaml
from pipeline.schema_check import check_value, load_schema

EXACT = {"deadline": None, "database": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}
WHOLE_SCHEMA = load_schema(SCHEMA)
JSONSCHEMA = jsonschema.Draft202012Validator(WHOLE_SCHEMA)
SECTIONS = ("toy_models", "saes", "finite_data", "dictionaries")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("project"))


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


def assert_accepted(raw, project):
    config = effective(raw, project)
    assert json.dumps(effective(config, project)) == json.dumps(config, allow_nan=False)
    for section in SECTIONS:
        assert {name: block["title"] for name, block in config[section].items()} == {
            name: block["title"] for name, block in raw.get(section, {}).items()
        }


@settings(max_examples=600, **EXACT)
@given(raw=valid())
def test_valid_configurations_are_accepted(project, raw):
    assert_accepted(raw, project)


@settings(max_examples=40, **EXACT)
@given(raw=valid([REAL]))
def test_valid_edits_of_the_whole_paper_are_accepted(project, raw):
    effective(raw, project)


# Broken by construction: a value that the schema refuses, a key that it lacks or misses; and anything at all elsewhere.
POOL = [
    None, True, 0, 1, -1, 2.5, 0.0, -0.5, 10**9, 10**30, -(10**400), 10**4000, float("inf"), float("-inf"),
    float("nan"), "", " ", "adma", "../x", "/etc/passwd", "a/b", "x\ny", "x\x00", "Überlagerung", "重ね合わせ",
    "\u202e", "😀", "1e-3", "5", "$(touch x)", "{wildcards.seed}", "x" * 65, "x" * 201, "x" * 100_000, [], [[]],
    [None], ["../x"], [0.1, 0.1], {}, {"../x": 1}, {"points": 3}, datetime.date(2024, 1, 1),
    datetime.datetime(2024, 1, 1), b"bytes", {1, "set"},
]  # fmt: skip
UNKNOWN = [
    "stpes", "Steps", " steps", "steps ", "", "../x", "/x", "x/../y", "x\n", "\x00", "ä", "ａ", "x" * 65,
    "x" * 10_000, "$(touch x)", "{x}", "1", "<<", "=", None, True, False, 0, 10**400, 1.5, float("nan"),
    float("inf"), datetime.date(2024, 1, 1), b"x",
]  # fmt: skip
LEAVES = st.one_of(
    st.sampled_from(POOL), st.integers(-5, 30_000), st.integers(), st.floats(), st.floats(0, 1), st.text(max_size=8)
)
KEYS = st.one_of(st.text(max_size=6), st.sampled_from(UNKNOWN), st.sampled_from(["steps", "sweep", "saes", "points"]))
JUNK = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)


@functools.cache
def refused_by(schema_text):
    """The values of POOL that a schema does not allow, says jsonschema, which takes NaN for any number."""
    validator = jsonschema.Draft202012Validator(json.loads(schema_text))
    return [value for value in POOL if value != value or not validator.is_valid(value)]


@st.composite
def breakages(draw, config):
    """What surely breaks a configuration: take an entry away, or put one there; (path, how, key, value)."""
    places = PLACES[id(config)]
    path, schema = draw(st.sampled_from(places))
    how = draw(st.sampled_from(["replace", "add", "remove"]))
    if how == "add" and isinstance(look_up(config, path), dict):
        return path, how, draw(st.sampled_from(UNKNOWN)), 0
    if how == "remove":
        needed = [
            (*path, key)
            for path, schema in places
            for each in alternatives_of(schema)
            for key in each.get("required", [])
            if isinstance(look_up(config, path), dict)
        ]
        return draw(st.sampled_from(needed)), how, None, None
    return path, "replace", None, draw(st.sampled_from(refused_by(json.dumps(schema))))


@st.composite
def mutations(draw, config):
    """Anything anywhere: most break a configuration."""
    path, _ = draw(st.sampled_from(PLACES[id(config)]))
    return path, draw(st.sampled_from(["replace", "remove", "rename", "add"])), draw(KEYS), draw(JUNK)


NO_PLACE = (KeyError, IndexError, TypeError, AttributeError)  # an earlier change took it away, or there is none


def mutate(config, path, how, key, junk):
    """A copy with what is at the path replaced, removed, renamed, or given one more entry."""
    if how == "replace":
        return replace(config, path, junk)
    if how == "add":
        return replace(config, path, {**look_up(config, path), key: junk})
    parent = copy.copy(look_up(config, path[:-1]))
    value = parent.pop(path[-1])
    if how == "rename":
        parent[key] = value
    return replace(config, path[:-1], parent)


def mutate_all(config, changes):
    for change in changes:
        with contextlib.suppress(*NO_PLACE):
            config = mutate(config, *change)
    return config


@st.composite
def mutated(draw, bases=EXCERPTS):
    config = draw(st.sampled_from(bases))
    return mutate_all(config, draw(st.lists(mutations(config), max_size=2)))


@st.composite
def broken(draw, bases=EXCERPTS):
    config = draw(st.sampled_from(bases))
    breakage, others = draw(breakages(config)), draw(st.lists(mutations(config), max_size=2))
    try:
        return mutate(mutate_all(config, others), *breakage)
    except NO_PLACE:
        return mutate(config, *breakage)


def assert_plain(lines):
    assert lines
    for line in lines:
        assert " is " in line or "has the name" in line or "names no" in line
        assert "allowed" in line or "is declared" in line
        assert line.isprintable()
        assert len(line) < 2_000
        assert not any(word in line for word in ("not of type", "does not match", "Traceback", "$defs", "(?!"))


def lines_about(raw, project):
    with pytest.raises(ConfigurationError) as caught:
        effective(raw, project)
    return str(caught.value).split("\n")


@settings(max_examples=2_000, **EXACT)
@given(raw=broken())
def test_broken_configurations_give_lines(project, raw):
    assert_plain(lines_about(raw, project))


@settings(max_examples=40, **EXACT)
@given(raw=broken([REAL]))
def test_a_mistake_anywhere_in_the_whole_paper_gives_lines(project, raw):
    assert_plain(lines_about(raw, project))


@settings(max_examples=300, **EXACT)
@given(raw=JUNK)
def test_values_that_are_no_configuration_give_lines(project, raw):
    assert_plain(lines_about(raw, project))


@settings(max_examples=300, **EXACT)
@given(raw=mutated())
def test_mutations_give_a_configuration_or_lines(project, raw):
    try:
        config = effective(raw, project)
    except ConfigurationError as error:
        assert_plain(str(error).split("\n"))
    else:
        assert json.dumps(effective(config, project)) == json.dumps(config, allow_nan=False)


def has_only_text_keys(value) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and has_only_text_keys(each) for key, each in value.items())
    return all(map(has_only_text_keys, value)) if isinstance(value, list) else value == value


@settings(max_examples=300, **EXACT)
@given(raw=mutated())
def test_verdicts_are_those_of_jsonschema(raw):
    if not has_only_text_keys(raw):
        return  # no JSON: jsonschema fails on such keys, and takes NaN for a number within any bounds
    problems: list = []
    check_value(raw, WHOLE_SCHEMA, (), problems)
    assert (not problems) == JSONSCHEMA.is_valid(raw)


# As text: pieces of YAML, alone and within a sound file.
PIECES = [
    "{", "}", "[", "]", ": ", ",", "- ", "&a ", "*a", "!", "|", ">", "\"", "'", "%YAML 9\n", "@", "`", "\n",
    "\n  ", "\t", "#", "? ", "<<: *a", "---\n", "...\n", "~", ".nan", "-.inf", "0o7", "0x", "1_0", "1:99",
    "2024-99-99", "0001-01-01 00:00:00 +23:59", "9" * 500, "1e999", "toy_models", "seeds", "\x00", "\x85",
    "\u2028", "\ufeff", "é", "../x", "!!binary x", "!!set {a}", "!!int x", "!!float _", "!!timestamp x",
    "!!omap [a]", "!!pairs [1]", "!!bool x", "!!null x", "!!str [a]", "[" * 500,
    "!!python/object/apply:os.system [touch x]", "!!python/name:os.system ",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map("".join)


def read(text, folder):
    (folder / "written.yaml").write_text(text, encoding="utf-8", newline="")
    return load_yaml(folder / "written.yaml")


def lines_of(text, project):
    """What is said of a configuration that is written so; nothing if it is sound."""
    try:
        effective(read(text, project), project)
    except ConfigurationError as error:
        return str(error).split("\n")
    return []


def is_plain(line):
    return line.isprintable() and len(line) < 2_000


@settings(max_examples=500, **EXACT)
@given(text=TEXTS)
def test_text_gives_no_configuration_but_lines(project, text):
    lines = lines_of(text, project)
    assert lines
    assert all(map(is_plain, lines))


@settings(max_examples=300, **EXACT)
@given(place=st.integers(0, len(SMALL)), length=st.integers(0, 20), text=TEXTS)
def test_text_within_a_file_gives_a_configuration_or_lines(project, place, length, text):
    assert all(map(is_plain, lines_of(SMALL[:place] + text + SMALL[place + length :], project)))


# On the command line.


def configure(project, raw):
    text = yaml.safe_dump(raw, allow_unicode=True, sort_keys=False)
    (project.root / "config.yaml").write_text(text, encoding="utf-8")
    (project.root / TINY).write_text("{}")  # nothing is laid over it


@settings(max_examples=5, **EXACT)
@given(raw=valid())
def test_snakemake_plans_valid_configurations(fresh, raw):
    configure(fresh, raw)
    run = fresh.snakemake("--dry-run")
    assert (run.returncode, errors_of(run)) == (0, [])
    assert "train_toy_models" in run.stdout


@settings(max_examples=5, **EXACT)
@given(raw=broken())
def test_snakemake_starts_nothing_with_broken_ones(fresh, raw):
    configure(fresh, raw)
    run = fresh.snakemake("--dry-run")
    assert (run.returncode, run.stdout) == (1, "")
    lines = errors_of(run)
    assert lines
    assert all("allowed" in line and is_plain(line) for line in lines)
    assert list(fresh.results.iterdir()) == []
