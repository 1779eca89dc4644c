"""The same commit and configuration give the same bytes, anywhere and on any number of cores; each file says which."""

import hashlib
import json
import re
import shutil
import subprocess

import pyarrow.parquet as pq
import pytest
from PIL import Image
from safetensors import safe_open
from workflow_runs import Project, make_environment

from pipeline.warm_steps import SWITCH

KINDS = {".parquet", ".safetensors", ".png", ".pdf", ".json"}


@pytest.fixture(scope="module")
def results(tiny_run):
    """The paths of all results of the tiny run."""
    return [tiny_run.results / path for path in tiny_run.list_results()]


def find_commit(project: Project) -> str:
    """Of the tiny run's repository; "unknown" where there is no git."""
    if not shutil.which("git"):
        return "unknown"
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    return subprocess.run(describe, cwd=project.root, capture_output=True, text=True, check=True).stdout.strip()


def digest_results(project: Project) -> dict[str, str]:
    return {path: hashlib.sha256((project.results / path).read_bytes()).hexdigest() for path in project.list_results()}


def read_provenance(path) -> str:
    """What a result's metadata say of its origin, as text."""
    match path.suffix:
        case ".parquet":
            return pq.read_schema(path).metadata[b"provenance"].decode()
        case ".safetensors":
            with safe_open(path, framework="numpy") as file:
                return file.metadata()["provenance"]
        case ".png":
            with Image.open(path) as image:
                return json.dumps({key: image.info[key] for key in ("commit", "config")})
        case ".pdf":
            return re.search(rb"/Keywords ?\(([^)]*)\)", path.read_bytes())[1].decode()
        case ".json":
            return path.read_text(encoding="utf-8")


def test_a_second_run_elsewhere_gives_the_same_bytes(sources, tiny_run, tmp_path):
    other = sources.copy(tmp_path / "at another path")
    other.run("--cores", "3")
    assert digest_results(other) == digest_results(tiny_run)

    # of every rule once more the first job, in a Python of its own; those of a run are forks
    firsts = {file["rule"]: file["output_file"] for file in reversed(other.summarise())}
    for path in firsts.values():
        (other.root / path).unlink()
    other.run("--cores", "3", "--force", *firsts.values(), variables={SWITCH: "0"})
    assert digest_results(other) == digest_results(tiny_run)


def test_every_result_names_its_commit_and_configuration(results, tiny_run):
    assert {path.suffix for path in results} == KINDS
    commit = find_commit(tiny_run)
    assert re.fullmatch("[0-9a-f]{12}|unknown", commit)  # nothing is changed, so it is not marked "-dirty"
    for path in results:
        origin = read_provenance(path)
        assert commit in origin, path
        assert re.search(r"\b[0-9a-f]{16}\b", origin), path


def test_the_commit_is_not_that_of_another_repository(sources, tmp_path):
    if not shutil.which("git"):
        pytest.skip("there is no git")
    inside = sources.copy(tmp_path / "thesis/project")
    shutil.rmtree(inside.root / ".git")
    for command in (
        ["init", "--quiet"],
        ["commit", "--quiet", "--allow-empty", "--no-gpg-sign", "--message", "thesis"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path / "thesis", env=make_environment(), check=True)
    run = inside.snakemake("--dry-run", "--printshellcmds", "results/data/five_in_two/0.safetensors")
    assert "SUPERPOSITION_COMMIT=unknown " in run.stdout


def test_the_configuration_hash_is_that_of_what_made_the_file(results):
    """Different experiments and seeds have different hashes, the files of one job the same."""
    hashes = {path: json.loads(read_provenance(path))["config"] for path in results if path.suffix == ".safetensors"}
    assert len(set(hashes.values())) == len(hashes)
    for path, value in hashes.items():
        history = path.with_suffix(".parquet")
        if history.exists():
            assert json.loads(read_provenance(history))["config"] == value


def test_no_result_holds_a_time_or_a_place(results, tiny_run):
    """Neither the dates that PDF and PNG writers like to add, nor the path of the run."""
    for path in results:
        content = path.read_bytes()
        assert not re.search(
            rb"CreationDate|ModDate|CreateDate|ModifyDate|MetadataDate|tIME|date:(create|modify)", content
        ), path
        assert str(tiny_run.root).encode() not in content, path
