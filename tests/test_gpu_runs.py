"""`--resources gpu=N` through Snakemake, with devices that are not there: the jobs believe in two of them."""

import json
from itertools import combinations
from types import SimpleNamespace

import pytest

SAMPLING = """
from pathlib import Path
from scripts.command_line import run

def sample_features(spec, samples):
    Path(samples).touch()

if __name__ == "__main__":
    run(sample_features, files=["samples"])
"""
TRAINING = """
import json, sys, time
from pathlib import Path
from types import SimpleNamespace

cuda = SimpleNamespace(is_available=lambda: True, device_count=lambda: 2)
cuda.get_device_properties = lambda k: SimpleNamespace(uuid=f"uuid-of-{k}")
sys.modules["torch"] = SimpleNamespace(cuda=cuda)

from scripts.command_line import run
from superposition.devices import claim_device

def train_toy_models(spec, weights, history, checkpoint, gpus):
    with claim_device(gpus) as device:
        begin = time.time()
        time.sleep(1.5)
        Path(weights).write_text(json.dumps({"gpus": gpus, "device": device, "begin": begin, "end": time.time()}))
    Path(history).touch()

if __name__ == "__main__":
    run(train_toy_models, files=["weights", "history", "checkpoint"], gpu=True)
"""


@pytest.fixture
def run_with(fresh, monkeypatch, tmp_path):
    """Four training jobs with `--resources gpu=N`, each a second and a half on its device: when and where they ran."""
    for name in ("SLURM_JOB_ID", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "locks").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "locks"))
    fresh.edit("src/scripts/sample_features.py", lambda before: SAMPLING)
    fresh.edit("src/scripts/train_toy_models.py", lambda before: TRAINING)

    def run(gpus):
        names = [
            f"results/models/{name}/{k}.safetensors" for name in ("five_in_two", "five_in_two_sparse") for k in (0, 1)
        ]
        fresh.run("--cores", "4", "--resources", f"gpu={gpus}", "--", *names)
        return [
            json.loads((fresh.root / name).read_text(), object_hook=lambda job: SimpleNamespace(**job))
            for name in names
        ]

    return run


def together(jobs):
    """The pairs of jobs that were on their devices at the same time."""
    return [(a, b) for a, b in combinations(jobs, 2) if a.begin < b.end and b.begin < a.end]


def test_fewer_gpus_than_devices(run_with):
    jobs = run_with(1)
    assert {(job.gpus, job.device) for job in jobs} == {(1, "cuda:0")}
    assert together(jobs) == []


def test_more_gpus_than_devices(run_with):
    jobs = run_with(4)
    assert {(job.gpus, job.device) for job in jobs} == {(1, "cuda:0"), (1, "cuda:1")}
    assert together(jobs) != []
    assert all(a.device != b.device for a, b in together(jobs))


def test_no_gpus_means_the_cpu(run_with):
    assert {(job.gpus, job.device) for job in run_with(0)} == {(0, "cpu")}
