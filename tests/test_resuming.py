"""Trainings of toy models and autoencoders that were killed go on to the same bits."""

import io

import pandas as pd
import pytest
import torch
from builders import PENTAGON, sae, toy_model
from mortal_checkpoint import Killed, Mortal

from scripts import fit_saes as fit_saes_step
from superposition.checkpoints import Checkpoint
from superposition.progress import Progress
from superposition.sae_sources import ToyModelActivations
from superposition.sae_training import fit_saes
from superposition.toy_model_training import train_toy_models
from superposition.training import Recorder

STRETCHES, EVERY = 4, 10
STEPS = {"steps": STRETCHES * EVERY, "log_every": EVERY, "batch_size": 64, "snapshots": 3}
TOY_MODELS = {
    "kernel": toy_model(training=STEPS | {"engine": "auto"}),
    "untied": toy_model(model={"kind": "absolute_value"}, training=STEPS | {"engine": "auto", "schedule": "cosine"}),
    "torch": toy_model(training=STEPS | {"engine": "torch", "weight_decay": 0.1}),
    "adversarial": toy_model(training=STEPS | {"attack_size": 0.2}),
    "attacked": toy_model(training=STEPS | {"engine": "auto", "attack_size": 0.2}),
    "fixed_bias": toy_model(model={"output_bias": False}, training=STEPS),
}
RESAMPLING = {"method": "simple", "every": 15, "window": 7, "scale": 0.5}
SAES = {
    "kernel": sae(training=STEPS | {"engine": "auto"}, resampling=RESAMPLING, n_latents=12),
    "torch": sae(training=STEPS, resampling=RESAMPLING | {"method": "advanced"}, n_latents=12),
    "steered": sae(
        architecture="jumprelu", training=STEPS | {"control_strength": 0.01, "sparsity_warmup_steps": 20}, target_l0=2
    ),
    "batchtopk": sae(architecture="batchtopk", k=2, k_start=4, sparsity_penalty=None, training=STEPS),
    "matryoshka": sae(architecture="matryoshka_batchtopk", k=2, prefixes=[2, 5], sparsity_penalty=None, training=STEPS),
    "matryoshka_relu": sae(
        architecture="matryoshka_relu", prefixes=3, training=STEPS | {"normalise_activations": "sqrt_d_in"}
    ),
    "p_annealing": sae(architecture="p_annealing", training=STEPS),
    "topk": sae(architecture="topk", k=2, aux_coefficient=0.1, sparsity_penalty=None, training=STEPS, n_latents=12),
}


def train(block, checkpoint=None):
    return train_toy_models("tiny", block, 0, progress=quiet(), checkpoint=checkpoint)


def fit(block, checkpoint=None):
    source = ToyModelActivations(1.15 * PENTAGON, torch.full((5,), 0.2), toy_model()["features"])
    return fit_saes("tiny", block, 0, source, progress=quiet(), checkpoint=checkpoint)


def test_a_fit_does_not_go_on_on_another_toy_model(tmp_path, monkeypatch):
    def checkpoint_of(W):
        origins = []
        source = ToyModelActivations(W, torch.full((5,), 0.2), toy_model()["features"])
        monkeypatch.setattr(fit_saes_step, "load_tensors", lambda path: {})
        monkeypatch.setattr(fit_saes_step.SparseSamples, "from_tensors", lambda tensors: None)
        monkeypatch.setattr(fit_saes_step, "open_toy_model", lambda *_: (source, {"W": W}))

        def fit(*_, checkpoint):
            origins.append(checkpoint.origin)
            raise Killed

        monkeypatch.setattr(fit_saes_step, "fit", fit)
        with pytest.raises(Killed):
            fit_saes_step.fit_saes(
                {"id": "tiny", "sae": {}, "seed": 0},
                ["model"], "samples", str(tmp_path / "kept"), "weights", "history",
            )  # fmt: skip
        return origins[0]

    assert checkpoint_of(PENTAGON) == checkpoint_of(PENTAGON.clone()) != checkpoint_of(1.01 * PENTAGON)


def quiet():
    return Progress("tiny", STEPS["steps"], stream=io.StringIO())


def record_steps(monkeypatch):
    """The steps that are taken from now on."""
    steps, record = [], Recorder.record
    monkeypatch.setattr(Recorder, "record", lambda *args: steps.append(args[1]) or record(*args))
    return steps


CASES = [pytest.param(train, block, id=f"toy_model-{name}") for name, block in TOY_MODELS.items()]
CASES += [pytest.param(fit, block, id=f"sae-{name}") for name, block in SAES.items()]


@pytest.mark.parametrize(("job", "block"), CASES)
def test_a_killed_training_goes_on_to_the_same_bits(tmp_path, monkeypatch, job, block):
    expected, table = job(block)
    for last in range(1, STRETCHES + 1):
        path = tmp_path / str(last)
        with pytest.raises(Killed):
            job(block, Mortal(path, last))
        recorded = record_steps(monkeypatch)
        found, again = job(block, Checkpoint(path, "a"))
        monkeypatch.undo()
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
        pd.testing.assert_frame_equal(again, table)
        assert all(step > last * EVERY for step in recorded)  # what was done is not done again
        assert bool(recorded) == (last < STRETCHES)


@pytest.mark.parametrize(("job", "block"), [(train, TOY_MODELS["kernel"]), (fit, SAES["kernel"])])
def test_another_kind_of_device_starts_anew(tmp_path, job, block):
    with pytest.raises(Killed):
        job(block, Mortal(tmp_path / "0", 2))
    assert Checkpoint(tmp_path / "0", "a", "cpu").load()
    assert Checkpoint(tmp_path / "0", "a", "cuda:1").load() == {}
    assert Checkpoint(tmp_path / "0", "b", "cpu").load() == {}
