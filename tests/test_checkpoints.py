"""What a killed job finds again, and what it must not take for its own."""

import os
import signal
import subprocess
import sys

import pytest
import torch
from workflow_runs import ROOT

from pipeline.leftovers import remove_temporary_files
from superposition import progress
from superposition.checkpoints import Checkpoint

TENSORS = {"W.0": torch.arange(3.0), "current.steps": torch.tensor(7)}


def test_what_was_saved_is_found_again(tmp_path):
    path = tmp_path / "checkpoints" / "0.safetensors"
    assert Checkpoint(path, "a").load() == {}
    Checkpoint(path, "a").save(TENSORS)
    found = Checkpoint(path, "a").load()
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


def test_what_another_specification_left_is_no_ones(tmp_path):
    Checkpoint(tmp_path / "0", "a").save(TENSORS)
    assert Checkpoint(tmp_path / "0", "b").load() == {}


@pytest.mark.parametrize("content", [b"", b"not a tensor", None])
def test_a_file_that_cannot_be_read_is_no_start(tmp_path, content):
    path = tmp_path / "0"
    Checkpoint(path, "a").save(TENSORS)
    path.write_bytes(path.read_bytes()[:-1] if content is None else content)
    assert Checkpoint(path, "a").load() == {}


KILLED = """
import os, signal, sys
from pathlib import Path
import safetensors.torch, torch
from superposition.checkpoints import Checkpoint

def write_half(tensors, path, metadata):
    Path(path).with_name(".tmpAbCdEf").write_bytes(b"half")  # safetensors names its temporary files like this
    os.kill(os.getpid(), signal.SIGKILL)

checkpoint = Checkpoint(sys.argv[1], "a")
checkpoint.save({"W": torch.ones(1)})
safetensors.torch.save_file = write_half
checkpoint.save({"W": torch.zeros(1)})
"""


def test_a_job_that_is_killed_while_it_saves_leaves_its_last_checkpoint(tmp_path):
    path = tmp_path / "checkpoints" / "0"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=environment)
    assert killed.returncode == -signal.SIGKILL
    assert torch.equal(Checkpoint(path, "a").load()["W"], torch.ones(1))
    assert len(list(path.parent.iterdir())) == 2
    remove_temporary_files(tmp_path)
    assert list(path.parent.iterdir()) == [path]


def test_a_finished_job_leaves_nothing(tmp_path):
    checkpoint = Checkpoint(tmp_path / "0", "a")
    checkpoint.remove()
    checkpoint.save(TENSORS)
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []


def test_copies_are_due_at_intervals(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path / "0", "a", seconds=30)
    due = []
    for _ in range(9):
        now[0] += 10
        due.append(checkpoint.is_due())
    assert due == [False, False, True] * 3
