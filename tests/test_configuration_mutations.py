"""Whatever is in a configuration file, it gives an effective configuration or plain lines, never anything else."""

import contextlib
import copy
import json

import jsonschema
import pytest
import yaml
from configurations import REAL, SCHEMA, effective, make_project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.configuration import ConfigurationError
from pipeline.schema_check import check_value, load_schema

EXACT = {"deadline": None, "database": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}
JSONSCHEMA = jsonschema.Draft202012Validator(yaml.safe_load(SCHEMA.read_text()))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("project"))


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 30_000),
    st.integers(),
    st.floats(),
    st.floats(0, 1),
    st.text(max_size=8),
    st.sampled_from(["1e-3", "adam", "adamw", "simple", "lowest_loss", "five_in_two", "relu", "geometric", "five_in"]),
)
KEYS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["steps", "sweep", "training", "saes", "relu", "points", "window", "method"]),
    st.integers(0, 3),
    st.booleans(),
    st.none(),
    st.floats(),
)
JUNK = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)


def places_of(value, path=()):
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []:
        yield from places_of(value[key], (*path, key))


def mutate(raw, place, how, key, junk):
    """`raw` with the value at `place` replaced, removed, renamed, or given one more entry."""
    if not place:
        return junk if how == "replace" else {**raw, key: junk}
    raw = copy.deepcopy(raw)
    parent = raw
    for step in place[:-1]:
        parent = parent[step]
    if how == "replace":
        parent[place[-1]] = junk
    elif how == "add" and isinstance(parent[place[-1]], dict):
        parent[place[-1]][key] = junk
    elif how == "rename" and isinstance(parent, dict):
        parent[key] = parent.pop(place[-1])
    else:
        del parent[place[-1]]
    return raw


PLACES = [place for place in places_of(REAL) if len(place) < 6]
MUTATION = st.tuples(st.sampled_from(PLACES), st.sampled_from(["replace", "remove", "rename", "add"]), KEYS, JUNK)


def mutate_all(mutations):
    raw = REAL
    for mutation in mutations:
        with contextlib.suppress(KeyError, IndexError, TypeError):  # an earlier mutation took the place away
            raw = mutate(raw, *mutation)
    return raw


def config_or_lines(raw, project) -> tuple[dict | None, list[str]]:
    try:
        return effective(raw, project), []
    except ConfigurationError as error:
        return None, str(error).split("\n")


@settings(max_examples=1_500, **EXACT)
@given(mutations=st.lists(MUTATION, min_size=1, max_size=3))
def test_any_mutation_gives_a_configuration_or_lines(project, mutations):
    config, lines = config_or_lines(mutate_all(mutations), project)
    assert (config is None) == (lines != [])
    for line in lines:
        assert " is " in line or "has the name" in line or "names no experiment" in line
        assert "allowed" in line or "is declared" in line
        assert line.isprintable()
        assert not any(word in line for word in ("not of type", "does not match", "Traceback", "$defs", "(?!"))
    if config:
        assert json.dumps(effective(config, project)) == json.dumps(config, allow_nan=False)


@settings(max_examples=300, **EXACT)
@given(raw=JUNK)
def test_any_value_gives_a_configuration_or_lines(project, raw):
    with pytest.raises(ConfigurationError):
        effective(raw, project)


def has_only_text_keys(value) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and has_only_text_keys(each) for key, each in value.items())
    return all(map(has_only_text_keys, value)) if isinstance(value, list) else value == value


@settings(max_examples=300, **EXACT)
@given(mutations=st.lists(MUTATION, min_size=0, max_size=2))
def test_verdicts_are_those_of_jsonschema(mutations):
    raw = mutate_all(mutations)
    if not has_only_text_keys(raw):
        return  # no JSON: jsonschema fails on such keys, and takes NaN for a number within any bounds
    problems: list = []
    check_value(raw, load_schema(SCHEMA), (), problems)
    assert (not problems) == JSONSCHEMA.is_valid(raw)
