"""The configuration's schema: shut, described, bounded, unambiguous, and read in full."""

import jsonschema
import pytest
import yaml
from configurations import SCHEMA

from pipeline import schema_check
from pipeline.architectures import REQUIRED  # by some architectures alone


def every_subschema(schema, path=()):
    yield path, schema
    for key in ("properties", "patternProperties"):
        for name, each in schema.get(key, {}).items():
            yield from every_subschema(each, (*path, name))
    for index, each in enumerate(schema.get("anyOf", [])):
        yield from every_subschema(each, (*path, f"anyOf {index}"))
    if "items" in schema:
        yield from every_subschema(schema["items"], (*path, "items"))


# Keys without a default that some blocks lack: those of one kind alone, which cross-checks ask for.
OPTIONAL = {
    "script",
    "toy_model",
    "dictionary",
    "mean_l0",
    "vectors",
    "std",
    "strength",
    "rank",
    "matrix",
    "parent",
    "probability",
}
OPTIONAL |= {"last", "ratio", "exponent"}  # of curves
SUBSCHEMAS = list(every_subschema(schema_check.load_schema(SCHEMA)))


def test_the_schema_is_a_json_schema():
    schema = yaml.safe_load(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(("path", "schema"), SUBSCHEMAS, ids=lambda part: ".".join(part) if type(part) is tuple else "")
def test_every_key_is_described_bounded_and_unambiguous(path, schema):
    if "anyOf" not in path[-1:] and not str(path[-1:]).startswith("('anyOf"):
        assert schema.get("description"), f"{path} has no description"
    if schema.get("type") in ("integer", "number"):
        assert "maximum" in schema, f"{path} has no upper bound"
        assert len(schema.keys() & {"minimum", "exclusiveMinimum"}) == 1, f"{path} has no lower bound"
    if schema.get("type") == "object":
        assert schema["additionalProperties"] is False, f"{path} is open"
        for name, each in schema.get("properties", {}).items():
            told = ("default" in each) + (name in schema.get("required", []))
            optional = name in OPTIONAL | set(REQUIRED) or path[-1:] == ("sweep",) or (name == "seeds" and path)
            assert told == 1 or (told == 0 and optional), f"{(*path, name)} must either be required or have a default"
    if "default" in schema:
        problems: list = []
        schema_check.check_value(schema["default"], schema, path, problems)
        assert problems == []


def test_swept_keys_are_in_the_order_of_sorted_json():
    # instances are counted through the sweep's keys in turn: a round trip through sorted JSON must not renumber them
    sweeps = [schema["properties"] for path, schema in SUBSCHEMAS if path[-1:] == ("sweep",)]
    assert len(sweeps) == 3
    assert all(list(properties) == sorted(properties) for properties in sweeps)


@pytest.mark.parametrize("keyword", ["multipleOf", "oneOf", "if", "minLength"])
def test_a_keyword_that_is_not_read_is_refused(tmp_path, keyword):
    schema = yaml.safe_load(SCHEMA.read_text())
    schema["properties"]["seeds"][keyword] = 2
    path = tmp_path / "schema.yaml"
    path.write_text(yaml.safe_dump(schema))
    with pytest.raises(ValueError, match=keyword):
        schema_check.load_schema(path)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e-3", 1e-3), ("1e3", 1e3), ("-1.e3", -1e3), ("1.5e3", 1.5e3), ("+2e+4", 2e4), ("12E-3", 0.012)],
)
def test_the_number_that_a_hint_proposes_is_one_to_yaml(text, number):
    assert yaml.safe_load(text) == text  # else no hint is needed
    proposed = schema_check._number_hint(text).partition("write ")[2]
    assert yaml.safe_load(proposed) == number


@pytest.mark.parametrize("text", ["nan", "inf", "1.2.3", "ten", "1e", "e5", "", "1e9999", "9" * 5000])
def test_a_text_that_is_no_number_gets_no_number(text):
    assert "write" not in schema_check._number_hint(text)
