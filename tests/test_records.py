"""Results that nothing is known of are never taken for those of the configuration."""

import shutil
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from workflow_runs import errors_of

from pipeline.records import find_unrecorded

RESULT, OTHER = "results/models/a/0.parquet", "results/models/a/1.parquet"


def record(name, kind="metadata"):
    return f".snakemake/{kind}/{urlsafe_b64encode(name.encode()).decode()}"


@pytest.mark.parametrize(
    ("files", "unrecorded"),
    [
        ([], None),
        ([".snakemake/log/1.log", "results/.gitkeep", "results/logs/train/0.log"], None),
        (["results/benchmark.parquet", "results/scaling_cuda.parquet", "results/benchmark/speedups.png"], None),
        ([RESULT], RESULT),
        ([RESULT, ".snakemake/locks/0.input.lock", ".snakemake/run.lock"], RESULT),
        ([RESULT, record(RESULT)], None),
        ([RESULT, record(RESULT, "incomplete")], None),  # of a run that was killed in the job
        ([RESULT, OTHER, record(RESULT)], OTHER),
        ([RESULT, OTHER, record(RESULT), record(OTHER)], None),
    ],
)
def test_find_unrecorded(tmp_path, files, unrecorded):
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert find_unrecorded(tmp_path) == (tmp_path / unrecorded if unrecorded else None)


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    for file in ("results/models/a/.0.parquet.x.tmp/content", "results/.DS_Store"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert find_unrecorded(tmp_path) is None


def test_a_job_that_ends_while_its_record_is_looked_for_has_one(tmp_path, monkeypatch):
    result, incomplete, metadata = (tmp_path / path for path in (RESULT, record(RESULT, "incomplete"), record(RESULT)))
    for file in (result, incomplete):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    metadata.parent.mkdir(parents=True)
    look = Path.is_file

    def look_and_end(path):
        found = look(path)
        if path in (incomplete, metadata):
            metadata.touch()
            incomplete.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Path, "is_file", look_and_end)
    assert find_unrecorded(tmp_path) is None


def test_results_without_records_stop_the_run_until_they_are_adopted(finished):
    shutil.rmtree(finished.root / ".snakemake")
    before = finished.list_results()
    refused = finished.snakemake("--cores", "1")
    assert refused.returncode == 1
    [error] = errors_of(refused)
    assert error.startswith(str(finished.results))
    assert "has no record in .snakemake/metadata" in error
    finished.run("--cores", "1", "--touch", "--forceall")
    assert finished.plan() == {}
    assert finished.list_results() == before


def test_results_with_their_records_are_picked_up_elsewhere(finished, tmp_path):
    elsewhere = finished.copy(tmp_path / "elsewhere" / "of another name")
    for folder in (elsewhere.root / ".snakemake").iterdir():
        if folder.name != "metadata":
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    assert elsewhere.plan() == {}


def test_a_result_that_was_copied_without_its_record_is_named(finished):
    [copied] = [
        path for path in (finished.root / ".snakemake/metadata").iterdir() if is_record_of(path, "claims.parquet")
    ]
    copied.unlink()
    refused = finished.snakemake("--cores", "1")
    assert refused.returncode == 1
    [error] = errors_of(refused)
    assert error.startswith(f"{finished.results}/claims.parquet: has no record in .snakemake/metadata")


def is_record_of(path, name):
    return path.name == urlsafe_b64encode(f"results/{name}".encode()).decode()
