"""Thousands of configurations: those valid by construction are accepted, broken ones give plain lines, nothing else."""

import json

import jsonschema
import pytest
import yaml
from broken_configurations import JUNK, broken, mutated
from configurations import REAL, SMALL, effective, make_project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from valid_configurations import SECTIONS, WHOLE_SCHEMA, valid
from workflow_runs import TINY, errors_of

from pipeline.configuration import ConfigurationError, load_yaml
from pipeline.schema_check import check_value

EXACT = {"deadline": None, "database": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}
JSONSCHEMA = jsonschema.Draft202012Validator(WHOLE_SCHEMA)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("project"))


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
