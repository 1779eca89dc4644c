"""Mistakes of the user and broken results: each ends with a line that says what to mend, and leaves no result."""

import subprocess

import pytest
from workflow_runs import TINY, Project, errors_of, make_environment


def assert_refused(project: Project, *expected: tuple[str, ...]) -> None:
    """A run starts no job and ends with a line per problem, each with the texts of one of `expected`."""
    run = project.snakemake("--cores", "2")
    lines = errors_of(run)
    assert run.returncode == 1
    assert run.stdout == ""
    assert len(lines) == len(expected), lines
    for line, texts in zip(lines, expected, strict=True):
        assert all(text in line for text in texts), line
    assert list(project.results.iterdir()) == []
    assert "Traceback" not in run.stderr


def test_good_input_is_accepted(fresh):
    run = fresh.snakemake("--dry-run")
    assert run.returncode == 0
    assert errors_of(run) == []


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        (
            {"toy_models": {"five_in_two": {"training": {"stpes": 300}}}},
            ("toy_models.five_in_two.training.stpes", "300", "allowed are steps,", "did you mean 'steps'?"),
        ),
        ({"seeds": "three"}, ("seeds", "'three'", "allowed are integers from 1 to")),
        (
            {"saes": {"relu_no_resampling": {"toy_model": "five_in_tow"}}},
            (
                "saes.relu_no_resampling.toy_model",
                "'five_in_tow'",
                "allowed are the toy models",
                "'five_in_two_sparse'",
            ),
        ),
        (
            {"figures": {"features_in_2d": {"toy_models": ["five_in_tree"]}}},
            ("figures.features_in_2d.toy_models[0]", "'five_in_tree'", "allowed are the toy models"),
        ),
        (
            {"figures": {"features_in_2d": {"script": "feature_in_2d"}}},
            ("figures.features_in_2d.script", "'feature_in_2d'", "did you mean 'features_in_2d'?"),
        ),
    ],
)
def test_a_mistake_in_the_configuration(fresh, changes, texts):
    fresh.configure(changes)
    assert_refused(fresh, texts)


def test_all_mistakes_at_once(fresh):
    fresh.configure({"seeds": 0, "toy_models": {"five_in_two": {"restarts": 2.5, "modle": {}}}})
    assert_refused(
        fresh,
        ("seeds", "0", "allowed are integers from 1"),
        ("toy_models.five_in_two.restarts", "2.5", "allowed are integers"),
        ("toy_models.five_in_two.modle", "unknown key", "did you mean 'model'?"),
    )


@pytest.mark.parametrize("file", ["config.yaml", TINY])
def test_a_key_that_is_given_twice(fresh, file):
    fresh.append(file, "\nseeds: 4\n")
    assert_refused(fresh, (f"{file}, line", "seeds is given again", "allowed is once"))


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("seeds: 3\ntoy_models: [\n", ("config.yaml, line 3, column 1", "not valid YAML")),
        ("- seeds\n", ("config.yaml", "allowed are mappings")),
        ("", ("config.yaml", "allowed are mappings")),
    ],
)
def test_a_file_that_is_no_configuration(fresh, content, texts):
    fresh.edit("config.yaml", lambda before: content)
    assert_refused(fresh, texts)


def test_code_that_is_no_python(fresh):
    fresh.edit("src/figures/sae_recovery.py", lambda text: "def broken(:\n" + text)
    run = fresh.snakemake("--cores", "2")
    assert run.returncode == 1
    assert errors_of(run)[-1].endswith("src/figures/sae_recovery.py, line 1: not valid Python (invalid syntax)")
    assert list(fresh.results.iterdir()) == []
    assert "Traceback" not in run.stderr


def test_training_that_diverges(fresh):
    # Each step multiplies the weights by 1 - learning_rate * weight_decay = -99: beyond float32 after 20 of them.
    extreme = {"optimizer": "adamw", "learning_rate": 10, "weight_decay": 10, "log_every": 50}
    fresh.configure({"toy_models": {"five_in_two_sparse": {"training": extreme}}})
    run = fresh.snakemake("--cores", "1", "results/models/five_in_two_sparse/0.safetensors")
    assert run.returncode == 1
    log = (fresh.results / "logs/train_toy_models/five_in_two_sparse/0.log").read_text()
    assert log.splitlines() == [line for line in log.splitlines() if "training diverged" in line]
    assert all(text in log for text in ("train_toy_models: ", "instance 0", "step 50", "learning rate 10"))
    assert log.strip() in run.stderr
    assert fresh.list_results() == []


def test_a_file_that_is_cut_off_is_named(finished):
    weights, table = "results/models/five_in_two_sparse/0.safetensors", "results/metrics/models/five_in_two/1.parquet"
    for path in (weights, table):
        content = (finished.root / path).read_bytes()
        (finished.root / path).write_bytes(content[: len(content) // 2])
    figure, fitted = "results/figures/represented_features.pdf", "results/saes/relu_no_resampling/0.safetensors"
    run = finished.snakemake("--cores", "2", figure, fitted)
    assert run.returncode == 1
    for reader, path in (("represented_features", table), ("fit_saes", weights)):
        [line] = [line for line in run.stderr.splitlines() if line.startswith(f"{reader}: ")]
        assert path in line
        assert "delete it and run again" in line
    assert "Traceback" not in run.stderr
    assert not (finished.root / figure).exists()
    assert not (finished.root / fitted).exists()


def test_a_file_of_another_kind_is_named(finished):
    table = finished.results / "metrics/models/five_in_two/1.parquet"
    table.write_bytes((finished.results / "figures/represented_features.png").read_bytes())
    run = finished.snakemake("--cores", "1", "results/claims.parquet")
    assert run.returncode == 1
    assert "judge_claims: results/metrics/models/five_in_two/1.parquet: not a readable Parquet file" in run.stderr
    assert not (finished.results / "claims.parquet").exists()


ON_ANOTHER_DISK = 'mount -t tmpfs -o "$0" tmpfs results && exec "$@"'  # in a namespace of its own


def run_on_another_disk(project: Project, options: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", ON_ANOTHER_DISK, options, *command],
        cwd=project.root,
        env=make_environment(),
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ("size=16k", "0.safetensors: cannot be written (Error while serializing: I/O error: No space left on device"),
        ("ro", "Read-only file system: 'results/data'"),
    ],
)
def test_results_that_cannot_be_written(fresh, tiny_run, options, what):
    try:
        probe = run_on_another_disk(fresh, options, "true")
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if probe.returncode:
        pytest.skip(f"no disk of its own can be mounted here: {probe.stderr.strip()}")
    samples = "results/data/five_in_two_sparse/0.safetensors"  # larger than the disk, which the log still fits on
    run = run_on_another_disk(fresh, options, *fresh.command("--cores", "1", samples))
    assert run.returncode == 1
    assert what in run.stderr
    assert "Traceback" not in run.stderr
    fresh.run("--cores", "1", samples)
    assert (fresh.root / samples).read_bytes() == (tiny_run.root / samples).read_bytes()


def test_more_directions_than_a_command_has_room_for(fresh):
    vectors = [[0.1234567890123456 + i] * 64 for i in range(128)]
    directions = {"kind": "given", "vectors": vectors}
    changes = {"n_features": 128, "d_in": 64, "directions": directions, "groups": [], "probability": 0.01}
    fresh.configure({"dictionaries": {"feature_tree": changes}})
    run = fresh.snakemake("--cores", "2")
    assert (run.returncode, run.stdout, list(fresh.results.iterdir())) == (1, "", [])
    assert "of feature_tree, 0: is described by" in errors_of(run)[-1]
    assert "Traceback" not in run.stderr
