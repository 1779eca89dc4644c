"""YAML files are read, or refused in one line that names the file and the place."""

import pytest
import yaml
from configurations import ROOT

from pipeline.yaml_files import ConfigurationError, find_duplicate_keys, load_yaml


def written(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_yaml_file_is_read(tmp_path):
    assert load_yaml(written(tmp_path, "a: {b: 1_000, c: [1.0e-3]}\n")) == {"a": {"b": 1000, "c": [0.001]}}
    assert load_yaml(written(tmp_path, "")) is None


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a: 1\nb: 2\n", []),
        ("a: 1\nb: 2\na: 3\n", ["line 3: a is given again, first on line 1: allowed is once"]),
        ("x: {a: 1, b: 2, a: 3}", ["line 1: x.a is given again, first on line 1: allowed is once"]),
        ("x:\n  a: 1\n  'a': 1\n", ["line 3: x.a is given again, first on line 2: allowed is once"]),
        ("x:\n- {a: 1,\n   a: 1}\n", ["line 3: x.a is given again, first on line 2: allowed is once"]),
        ("a: &same {b: 1}\nc: {<<: *same, b: 2}\nd: *same\n", []),
        (
            "a: 1\na: 2\na: 3\nb: {c: 1, c: 1}\n",
            [
                "line 2: a is given again, first on line 1: allowed is once",
                "line 3: a is given again, first on line 1: allowed is once",
                "line 4: b.c is given again, first on line 4: allowed is once",
            ],
        ),
        ("a: &loop [*loop]\n", []),
        ("1: a\n'1': b\n", []),
        ("", []),
    ],
)
def test_a_key_that_is_given_twice_is_found(tmp_path, text, lines):
    path = written(tmp_path, text)
    assert find_duplicate_keys(path) == [f"{path}, {line}" for line in lines]
    if lines:
        with pytest.raises(ConfigurationError) as caught:
            load_yaml(path)
        assert str(caught.value).split("\n") == [f"{path}, {line}" for line in lines]
    else:
        load_yaml(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1, 2\nb: 3", ", line 2, column 2: not valid YAML (expected ',' or ']', but got ':')"),
        ("a:\n\tb: 1", ", line 2, column 1: not valid YAML (found character '\\t' that cannot start any token)"),
        ("a: *nowhere", ", line 1, column 4: not valid YAML (found undefined alias 'nowhere')"),
        ("a: 1\n--- \nb: 2", ", line 2, column 1: not valid YAML (but found another document)"),
        ("a: !!python/object:os.system {}", ", line 1, column 4: not valid YAML (could not determine a constructor"),
        ("? [a]\n: 1", ", line 1, column 3: not valid YAML (found unhashable key)"),
        ("a: \x00", ": not valid YAML (unacceptable character #x0000: special characters are not allowed in"),
        (b"a: \xff", ": cannot be read (not UTF-8 text)"),
        ("a: 2024-99-99", ": a value is not what it looks like or is tagged as (month must be in 1..12)"),
        ("a: !!bool 7", ": a value is not what it looks like or is tagged as ('7')"),
        ("a: !!timestamp x", ": a value is not what it looks like or is tagged as ("),
        (f"a: {'9' * 5000}", ": a value is not what it looks like or is tagged as (Exceeds the limit (4300 digits)"),
        ("[" * 5000, ": nested too deeply to be a configuration"),
        (
            "[" * 100_000 + "]" * 100_000,
            ": nested too deeply to be a configuration",
        ),  # ends the process in PyYAML's loader in C
    ],
)
def test_a_file_that_cannot_be_read_is_named_in_one_line(tmp_path, text, said):
    path = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        load_yaml(path)
    assert str(caught.value).startswith(f"{path}{said}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [load_yaml, find_duplicate_keys])
def test_a_missing_file(tmp_path, read):
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path / "nowhere.yaml")
    assert str(caught.value) == f"{tmp_path}/nowhere.yaml: cannot be read (No such file or directory)"


def test_the_papers_configuration_repeats_no_key():
    assert find_duplicate_keys(ROOT / "config.yaml") == []


@pytest.mark.parametrize("name", ["config.yaml", "tests/config.yaml", "schemas/config.schema.yaml"])
def test_without_the_loader_in_c_the_same_is_read(name, monkeypatch):
    if not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML has no loader in C here")
    with_c = load_yaml(ROOT / name)
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert load_yaml(ROOT / name) == with_c == yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
