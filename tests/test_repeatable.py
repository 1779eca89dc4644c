"""The same job gives the same bits, alone on its core or crowded by others, whichever engine computes it."""

import hashlib
import os
import subprocess
import sys

import pytest
from workflow_runs import ROOT

JOB = """
import hashlib, io, sys
from builders import sae, toy_model, PENTAGON
import torch
from superposition.progress import Progress
from superposition.sae_sources import ToyModelActivations
from superposition.sae_training import fit_saes
from superposition.toy_model_training import train_toy_models

training = {"steps": 300, "batch_size": 256, "engine": sys.argv[1]}
quiet = Progress("test", 300, stream=io.StringIO())
block = toy_model(model={"n_features": 13, "n_hidden": 6}, features={"feature_probability": 0.3}, training=training)
weights, history = train_toy_models("repeatable", block, 0, progress=quiet)
source = ToyModelActivations(PENTAGON, torch.full((5,), 0.1), block["features"])
fitted, _ = fit_saes("again", sae(training=training), 0, source, progress=quiet)
digest = hashlib.sha256()
for tensors in (weights, fitted):
    for name in sorted(tensors):
        digest.update(tensors[name].numpy().tobytes())
digest.update(history["loss"].to_numpy().tobytes())
print(digest.hexdigest())
"""


def start(engine):
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", JOB, engine]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def digest_of(job):
    output, errors = job.communicate(timeout=300)
    assert job.returncode == 0, errors
    return output.strip()


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_the_same_bits_alone_and_in_a_crowd(engine):
    alone = digest_of(start(engine))
    assert len(alone) == hashlib.sha256().digest_size * 2
    crowd = [start(engine) for _ in range(min(8, 1 + (os.cpu_count() or 1)))]
    assert {digest_of(job) for job in crowd} == {alone}


def test_engines_draw_different_samples():
    assert digest_of(start("auto")) != digest_of(start("torch"))
