"""Configurations that are broken by construction, and anything at all in the place of one, for hypothesis."""

import contextlib
import copy
import datetime
import functools
import json

import jsonschema
from hypothesis import strategies as st
from valid_configurations import EXCERPTS, PLACES, alternatives_of, look_up, replace

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
