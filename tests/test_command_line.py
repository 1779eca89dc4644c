"""The command line of every step: what it passes on, how it ends, and what a result says of its origin."""

import json
import os
import subprocess
import sys

import pytest
from builders import ROOT, toy_model

from scripts.command_line import provenance, run
from scripts.reads import list_reads
from superposition.storage import StorageError
from superposition.training import DivergenceError


def call(monkeypatch, arguments, step, **options):
    monkeypatch.setattr(sys, "argv", ["step", *arguments])
    run(step, **options)


def test_step_gets_specification_and_paths(monkeypatch):
    got = {}
    arguments = ["--spec", '{"seed": 3, "id": "tiny"}', "--weights", "w", "--models", "a", "b", "--saes", "--gpus", "1"]

    def step(**values):
        got.update(values)

    call(monkeypatch, arguments, step, files=["weights"], lists=["models", "saes", "latents"], gpu=True)
    assert got == {
        "spec": {"seed": 3, "id": "tiny"},
        "weights": "w",
        "models": ["a", "b"],
        "saes": [],
        "latents": [],
        "gpus": 1,
    }


def test_tables_that_a_step_reads():
    reads = {"models": {"path": "m/{name}/{seed}.parquet", "names": ["a", "b"]}}
    reads |= {"saes": {"path": "s/{name}/{seed}.parquet", "names": ["c"]}}
    found = list_reads({"reads": reads, "seeds": {"a": [0, 2], "b": [1, 1], "c": [7, 1]}})
    assert found["models"] == ["m/a/0.parquet", "m/a/1.parquet", "m/b/1.parquet"]
    assert found["saes"] == ["s/c/7.parquet"]


@pytest.mark.parametrize(
    "error",
    [
        ValueError("seed is -1"),
        StorageError("w.parquet: not readable"),
        DivergenceError("training diverged"),
        FileNotFoundError(2, "No such file or directory", "w"),
    ],
)
def test_errors_end_with_one_line(monkeypatch, capsys, error):
    def fit_things(spec):
        raise error

    with pytest.raises(SystemExit) as ended:
        call(monkeypatch, ["--spec", "{}"], fit_things, files=[])
    # Python prints a text given to SystemExit to standard error and exits with 1: no traceback.
    assert ended.value.code == f"fit_things: {error}"
    assert "\n" not in ended.value.code


def test_real_step_ends_with_one_line(tmp_path):
    spec = {"id": "tiny", "seed": -1, "experiment": toy_model()}
    command = [sys.executable, "-m", "scripts.sample_features", "--spec", json.dumps(spec), "--samples", tmp_path / "x"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ended.returncode == 1
    assert ended.stderr == "sample_features: seed is -1: allowed are integers >= 0\n"
    assert list(tmp_path.iterdir()) == []


def test_name_of_the_step_may_be_given(monkeypatch):
    def step(spec):
        raise ValueError("no")

    with pytest.raises(SystemExit) as ended:
        call(monkeypatch, ["--spec", "{}"], step, files=[], name="features_in_2d")
    assert ended.value.code == "features_in_2d: no"


def test_mistakes_in_the_code_keep_their_traceback(monkeypatch):
    def step(spec):
        return spec["missing"]

    with pytest.raises(KeyError):
        call(monkeypatch, ["--spec", "{}"], step, files=[])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--weights", "w"], "--spec"),
        (["--spec", "{}"], "--weights"),
        (["--spec", "{not json", "--weights", "w"], "--spec"),
        (["--spec", "{}", "--weights", "w", "--wieghts", "w"], "--wieghts"),
    ],
)
def test_wrong_command_lines_are_explained(monkeypatch, capsys, arguments, complaint):
    with pytest.raises(SystemExit) as ended:
        call(monkeypatch, arguments, lambda **paths: None, files=["weights"])
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err.splitlines()[-1]


def test_origin_depends_on_the_specification_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("SUPERPOSITION_COMMIT", "abc123-dirty")
    spec = {"seed": 3, "training": {"steps": 10, "log_every": 5}}
    origin = provenance(spec)
    assert origin["commit"] == "abc123-dirty"

    monkeypatch.setenv("SUPERPOSITION_COMMIT", "def456")
    monkeypatch.setattr(sys, "argv", ["elsewhere", "--weights", "w"])
    monkeypatch.chdir(tmp_path)
    reordered = json.loads('{"training": {"log_every": 5, "steps": 10}, "seed": 3}')
    assert provenance(reordered)["config"] == origin["config"]
    assert provenance(reordered)["commit"] == "def456"
    for other in ({"seed": 4}, {"training": {"steps": 10, "log_every": 6}}, {"extra": None}):
        assert provenance(spec | other)["config"] != origin["config"]


def test_origin_has_not_changed(monkeypatch):
    monkeypatch.delenv("SUPERPOSITION_COMMIT", raising=False)
    # printf '{"a": 1}' | sha256sum
    assert provenance({"a": 1}) == {"commit": "unknown", "config": "f9d86028c6e0d64e"}
