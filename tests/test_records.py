"""Results that nothing is known of are never taken for those of the configuration."""

import shutil

import pytest
from workflow_runs import errors_of

from pipeline.records import find_unrecorded

RESULT = "results/models/a/0.parquet"


@pytest.mark.parametrize(
    ("files", "unrecorded"),
    [
        ([], None),
        ([".snakemake/log/1.log", "results/.gitkeep", "results/logs/train/0.log"], None),
        ([RESULT], RESULT),
        ([RESULT, ".snakemake/locks/0.input.lock", ".snakemake/run.lock"], RESULT),
        ([RESULT, ".snakemake/metadata/cmVz"], None),
        ([RESULT, ".snakemake/incomplete/cmVz"], None),  # of a run that was killed in its first job
    ],
)
def test_find_unrecorded(tmp_path, files, unrecorded):
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert find_unrecorded(tmp_path) == (tmp_path / unrecorded if unrecorded else None)


def test_results_without_records_stop_the_run_until_they_are_adopted(finished):
    shutil.rmtree(finished.root / ".snakemake")
    before = finished.list_results()
    refused = finished.snakemake("--cores", "1")
    assert refused.returncode == 1
    [error] = errors_of(refused)
    assert error.startswith(str(finished.results))
    assert "no result here has a record in .snakemake/metadata" in error
    finished.run("--cores", "1", "--touch", "--forceall")
    assert finished.plan() == {}
    assert finished.list_results() == before


def test_results_with_their_records_are_picked_up_elsewhere(finished, tmp_path):
    elsewhere = finished.copy(tmp_path / "elsewhere" / "of another name")
    for folder in (elsewhere.root / ".snakemake").iterdir():
        if folder.name != "metadata":
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    assert elsewhere.plan() == {}
