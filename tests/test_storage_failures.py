"""Damaged files are named, and whatever stops a write, nothing is half-written."""

import os
import stat
import subprocess
import sys

import pyarrow.dataset
import pytest
import safetensors.torch
import torch
from sample_table import SCHEMA, frame
from workflow_runs import ROOT

from superposition import storage
from superposition.storage import StorageError, atomic_path, load_table, load_tensors, save_table, save_tensors


def load_samples(path):
    return load_table(path, "samples")


@pytest.mark.parametrize("length", [0, 5, 60, -1])
@pytest.mark.parametrize(
    ("name", "save", "load"),
    [
        ("w.safetensors", lambda path: save_tensors({"W": torch.ones(100)}, path), load_tensors),
        ("t.parquet", lambda path: save_table(frame(), path, SCHEMA), load_samples),
    ],
)
def test_truncated_file_is_named(tmp_path, name, save, load, length):
    save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:length])
    with pytest.raises(StorageError, match=f"^{tmp_path}/{name}: "):
        load(tmp_path / name)


@pytest.mark.parametrize("load", [load_tensors, load_samples])
def test_missing_or_foreign_file_is_named(tmp_path, load):
    (tmp_path / "foreign").write_text("no table, no tensors, but more than eight bytes of text\n" * 10)
    for name in ("missing", "foreign"):
        with pytest.raises(StorageError, match=f"^{tmp_path}/{name}: "):
            load(tmp_path / name)


def write_half(content, path, *args, **kwargs):
    with open(path, "wb") as file:
        file.write(b"half of it")
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("before", [None, b"finished earlier"])
@pytest.mark.parametrize(
    ("owner", "writer", "save"),
    [
        (safetensors.torch, "save_file", lambda path: save_tensors({"W": torch.ones(2)}, path)),
        (storage.pq, "write_table", lambda path: save_table(frame(), path, SCHEMA)),
    ],
)
def test_full_disk_leaves_what_was_there(tmp_path, monkeypatch, owner, writer, save, before):
    path = tmp_path / "result"
    if before:
        path.write_bytes(before)
    monkeypatch.setattr(owner, writer, write_half)
    with pytest.raises(OSError, match="No space left"):
        save(path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == ({"result": before} if before else {})


FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as on a full disk, the system refuses to write on, and no more
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
import pandas, torch
from superposition.storage import StorageError, save_table, save_tensors
try:
    if sys.argv[1] == "tensors":
        save_tensors({"W": torch.ones(10_000)}, sys.argv[2])
    else:
        schema = {"table": "t", "key": ["x"], "columns": {"x": {"type": "int64"}}}
        frame = pandas.DataFrame({"x": torch.randperm(10_000).numpy()})
        save_table(frame, sys.argv[2], schema)
except (OSError, StorageError) as error:
    print(error)
"""


@pytest.mark.parametrize("kind", ["tensors", "table"])
def test_refusal_of_the_system_is_one_line(tmp_path, kind):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", FULL_DISK, kind, str(tmp_path / "result")]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.stderr == ""
    assert len(run.stdout.splitlines()) == 1
    assert "File too large" in run.stdout
    assert list(tmp_path.iterdir()) == []


def test_interrupt_leaves_nothing(tmp_path):
    path = tmp_path / "result"
    with pytest.raises(KeyboardInterrupt), atomic_path(path):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_file_appears_at_once_beside_its_place(tmp_path):
    path = tmp_path / "folder" / "result.parquet"
    with atomic_path(path) as temporary:
        temporary.write_text("all")
        assert temporary.parent.parent == path.parent  # a move between file systems would not be atomic
        assert not path.exists()
    assert [file.name for file in path.parent.iterdir()] == ["result.parquet"]
    assert path.read_text() == "all"


def test_leavings_of_a_killed_process_are_no_table(tmp_path):
    save_table(frame(), tmp_path / "0.parquet", SCHEMA)
    with atomic_path(tmp_path / "1.parquet") as temporary:
        temporary.write_bytes(b"half")
        assert [path.name for path in tmp_path.rglob("*.parquet")] == ["0.parquet"]  # DuckDB's takes hidden files, too
        assert temporary.parent.name.startswith(".")
        assert pyarrow.dataset.dataset(tmp_path).count_rows() == 3


def test_permissions_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        save_tensors({"W": torch.ones(1)}, tmp_path / "w")
        assert os.umask(0o027) == 0o027  # saving leaves it as it was
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "w").stat().st_mode) == 0o640
