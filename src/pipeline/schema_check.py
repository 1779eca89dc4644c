"""Holds a configuration against its JSON Schema, fills in the defaults, and says in plain words what does not fit.

The part of JSON Schema (draft 2020-12) that config.schema.yaml uses is read here rather than by `jsonschema`, which
can neither fill in defaults, nor tell 10 from 10.0, nor stand keys that are not text, and which prints whole values and
patterns. A test holds both to the same verdicts; any other keyword in the schema is an error.
"""

import functools
import math
import re
from pathlib import Path
from typing import Any

import yaml

from pipeline.problems import Index, Problem, quote, show_value, suggest
from pipeline.yaml_files import load_yaml

ANNOTATIONS = {"$schema", "$defs", "title", "description", "unit", "allowed", "default"}
KEYWORDS = {
    "object": {"properties", "patternProperties", "additionalProperties", "required", "minProperties"},
    "array": {"items", "uniqueItems", "minItems", "maxItems"},
    "string": {"enum", "pattern", "maxLength"},
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "exclusiveMinimum", "maximum"},
    "boolean": set(),
}
CONVERT = {
    "boolean": bool,
    "string": str,
    "integer": int,
    "number": lambda value: float(value) + 0.0,
}  # + 0.0 turns -0.0 into 0.0


@functools.cache
def load_schema(path: str | Path) -> dict:
    """The schema with every `$ref` replaced by what it refers to; ValueError on a keyword that is not read here."""
    schema = load_yaml(path)
    return _expand(schema, schema.get("$defs", {}))


def _expand(schema: dict, definitions: dict) -> dict:
    if "$ref" in schema:
        referred = definitions[schema["$ref"].removeprefix("#/$defs/")]
        schema = referred | {key: value for key, value in schema.items() if key != "$ref"}
    if "anyOf" in schema:
        return schema | {"anyOf": [_expand(alternative, definitions) for alternative in schema["anyOf"]]}
    unread = schema.keys() - KEYWORDS[schema["type"]] - ANNOTATIONS - {"type"}
    if unread or (schema["type"] == "object" and schema["additionalProperties"] is not False):
        raise ValueError(f"schema: {sorted(unread) or 'additionalProperties'} of a {schema['type']} is not read here")
    for key in ("properties", "patternProperties"):
        if key in schema:
            schema = schema | {key: {name: _expand(each, definitions) for name, each in schema[key].items()}}
    return schema | {"items": _expand(schema["items"], definitions)} if "items" in schema else schema


def check_value(value: Any, schema: dict, path: tuple, problems: list[Problem]) -> Any:
    """`value` with all defaults, its numbers as the schema's int or float; what does not fit goes to `problems`.

    Where there is a problem the value returned is None, or lacks the key.
    """
    for alternative in schema.get("anyOf", [schema]):
        if alternative["type"] == "object" and isinstance(value, dict):
            return _check_mapping(value, alternative, path, problems)
        if alternative["type"] == "array" and isinstance(value, list):
            return _check_list(value, alternative, path, problems)
        if _fits(value, alternative):
            return CONVERT[alternative["type"]](value)
    problems.append(Problem(path, f"is {show_value(value)}: {_allowed(schema)}{_hint(value, schema)}"))
    return None


def _check_mapping(mapping: dict, schema: dict, path: tuple, problems: list[Problem]) -> dict:
    if len(mapping) < schema.get("minProperties", 0):
        problems.append(Problem(path, f"is {show_value(mapping)}: {_allowed(schema)}"))
    properties = dict(schema.get("properties", {}))
    for pattern, entry in schema.get("patternProperties", {}).items():
        properties |= {key: entry for key in mapping if isinstance(key, str) and re.search(pattern, key)}
    for key, value in mapping.items():
        if not isinstance(key, str) or key not in properties:
            problems.append(Problem((*path, key), _unknown_key(key, value, schema)))
    checked = {}
    for key, entry in properties.items():
        if key in mapping:
            checked[key] = check_value(mapping[key], entry, (*path, key), problems)
        elif "default" in entry:
            checked[key] = check_value(entry["default"], entry, (*path, key), problems)
        elif key in schema.get("required", []):
            problems.append(Problem((*path, key), f"is missing: {_allowed(entry)}"))
    return checked


def _check_list(values: list, schema: dict, path: tuple, problems: list[Problem]) -> list | None:
    if not schema.get("minItems", 0) <= len(values) <= schema["maxItems"]:
        problems.append(Problem(path, f"is a list of {len(values)}: {_allowed(schema)}"))
        return None
    checked = []
    for index, value in enumerate(values):
        place = (*path, Index(index))
        item = check_value(value, schema["items"], place, problems)
        if schema["uniqueItems"] and item is not None and item in checked:
            problems.append(Problem(place, f"is {show_value(item)} again: allowed are different values"))
        checked.append(item)
    return checked


def _fits(value: Any, schema: dict) -> bool:
    """Whether the scalar `value` is one that a scalar `schema` allows."""
    if schema["type"] == "boolean":
        return isinstance(value, bool)
    if schema["type"] == "string":
        return (
            isinstance(value, str)
            and value in schema.get("enum", [value])
            and len(value) <= schema.get("maxLength", math.inf)
            and re.search(schema.get("pattern", ""), value) is not None
        )
    if schema["type"] not in ("integer", "number") or isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (
        schema.get("minimum", -math.inf) <= value <= schema["maximum"]
        and value > schema.get("exclusiveMinimum", -math.inf)
        and (schema["type"] == "number" or value == int(value))
    )


def _allowed(schema: dict) -> str:
    single = len(schema.get("enum", [])) == 1
    return f"allowed {'is' if single else 'are'} {_describe(schema)}"


def _describe(schema: dict) -> str:
    """What a schema allows, as a plural: "integers from 1 to 1000"."""
    if "anyOf" in schema:
        return " or ".join(map(_describe, schema["anyOf"]))
    if "enum" in schema:
        return quote(schema["enum"])
    match schema["type"]:
        case "object" if "patternProperties" in schema:
            return f"mappings from names to settings{', not empty' if schema.get('minProperties') else ''}"
        case "object":
            return f"mappings with the keys {', '.join(schema['properties'])}"
        case "array":
            count = f"{schema['minItems']} to" if "minItems" in schema else "at most"
            different = "different " if schema["uniqueItems"] else ""
            return f"lists of {count} {schema['maxItems']} {different}{_describe(schema['items'])}"
        case "string":
            return schema.get("allowed") or f"texts of at most {schema['maxLength']} characters"
        case "boolean":
            return "true or false"
    if "exclusiveMinimum" in schema:
        return f"{schema['type']}s above {schema['exclusiveMinimum']} and up to {schema['maximum']}"
    return f"{schema['type']}s from {schema['minimum']} to {schema['maximum']}"


def _unknown_key(key: Any, value: Any, schema: dict) -> str:
    if "patternProperties" in schema:
        return f"is not a name: allowed are {schema['allowed']}"
    options = schema["properties"]
    boolean = "; YAML reads yes, no, on and off as true and false" if isinstance(key, bool) else ""
    text = f"is an unknown key (its value is {show_value(value)}): allowed are {', '.join(options)}"
    return text + boolean + suggest(key, options)


def _hint(value: Any, schema: dict) -> str:
    """How a value that does not fit was probably meant."""
    alternatives = schema.get("anyOf", [schema])
    types = {alternative["type"] for alternative in alternatives}
    options = [option for alternative in alternatives for option in alternative.get("enum", [])]
    if value is None:
        return "; leave the key out for its default" if "default" in schema else ""
    if isinstance(value, bool):
        quotes = ", put the word in quotes" if types == {"string"} and not options else ""
        return f"; YAML reads yes, no, on and off as true and false{quotes}"
    if isinstance(value, str):
        return suggest(value, options) or (_number_hint(value) if types & {"integer", "number"} else "")
    return "; put text in quotes" if types == {"string"} and not options and not isinstance(value, dict | list) else ""


def _number_hint(text: str) -> str:
    """A number that YAML 1.1 reads as text: one in quotes, or one like 1e-3, which lacks the point it asks for."""
    tag = yaml.SafeLoader("").resolve(yaml.ScalarNode, text, (True, False))
    if tag.endswith((":int", ":float")):
        return "; it is text: leave out the quotes"
    scientific = re.fullmatch(r"([-+]?[0-9]+)(\.[0-9]*)?[eE]([-+]?)([0-9]{1,3})", text)
    if not scientific:
        return ""
    whole, fraction, sign, exponent = scientific.groups(default="")
    return f"; YAML reads it as text: write {whole}{fraction or '.0'}e{sign or '+'}{exponent}"
