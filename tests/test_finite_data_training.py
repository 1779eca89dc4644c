"""Training on finite data: every model as if alone, and a killed job goes on to the same bits."""

import pandas as pd
import pytest
import torch
from builders import check_schema, finite_data
from mortal_checkpoint import Killed, Mortal

from superposition import finite_data as plain
from superposition.checkpoints import Checkpoint
from superposition.finite_data_runs import sample_data_sets
from superposition.finite_data_training import train_on_finite_data
from superposition.kernels import full_batch
from superposition.training import DivergenceError

SWEPT = {"sweep": {"n_hidden": [2, 3], "n_samples": [4, 70]}, "restarts": 2}
EXPERIMENT = finite_data(**SWEPT)


def train(experiment=EXPERIMENT, checkpoint=None):
    data = sample_data_sets("tiny", experiment, 0)
    return train_on_finite_data("tiny", experiment, 0, data, checkpoint=checkpoint)


@pytest.fixture(scope="module")
def trained():
    return train()


def test_every_point_has_its_weights(trained):
    weights, history = trained
    assert {name: tuple(tensor.shape) for name, tensor in weights.items()} == {
        f"{name}.{point}": (2, m, 30) if name == "W" else (2, 30)
        for point, m in enumerate((2, 2, 3, 3))
        for name in ("W", "b_final")
    }
    history = check_schema(history, "finite_history")
    assert sorted(set(history["step"])) == [10, 20, 30, 40]
    assert history.groupby("instance").size().to_list() == [4] * 8
    first, last = (history[history["step"] == step].set_index("instance")["loss"] for step in (10, 40))
    assert (last < first).all()


def assert_same(first, second):
    weights, history = first
    others, other_history = second
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    pd.testing.assert_frame_equal(history, other_history)


# each of the 4 points has 4 stretches of 10 steps, after which it saves, and saves again when it is done
@pytest.mark.parametrize("last", [1, 3, 4, 5, 6, 13, 20])
@pytest.mark.parametrize(
    ("engine", "place", "name"),
    [("auto", full_batch, "advance"), ("torch", plain, "full_batch_loss")],
    ids=["kernel", "torch"],
)
def test_a_killed_job_goes_on_to_the_same_bits(trained, tmp_path, monkeypatch, engine, place, name, last):
    path, experiment = tmp_path / "checkpoint", finite_data(**SWEPT, training={"engine": engine})
    with pytest.raises(Killed):
        train(experiment, Mortal(path, last))
    expected = trained if engine == "auto" else train(experiment)
    taken = []
    work = getattr(place, name)
    # the kernel takes several steps at a time, and says how many last
    steps_of = (lambda args: args[-1]) if engine == "auto" else (lambda args: 1)
    monkeypatch.setattr(place, name, lambda *args: taken.append(steps_of(args)) or work(*args))
    assert_same(train(experiment, Checkpoint(path, "a")), expected)
    finished, inside = divmod(last, 5)
    assert sum(taken) == 4 * 40 - 40 * finished - 10 * inside  # nothing is done twice


def test_a_job_with_another_specification_starts_anew(trained, tmp_path):
    with pytest.raises(Killed):
        train(finite_data(training={"learning_rate": 0.5}), Mortal(tmp_path / "checkpoint", 2))
    assert_same(train(checkpoint=Checkpoint(tmp_path / "checkpoint", "b")), trained)


def test_engines_agree():
    changes = {"sweep": {"n_samples": [4, 70]}, "restarts": 2}
    fast = train(finite_data(**changes))
    slow = train(finite_data(**changes, training={"engine": "torch"}))
    for name, tensor in fast[0].items():
        torch.testing.assert_close(tensor, slow[0][name], rtol=1e-3, atol=1e-4)


def test_sweeps_change_what_they_say():
    weights, history = train(finite_data(sweep={"steps": [20, 40], "weight_decay": [0.0, 5.0]}))
    assert history.groupby("instance")["step"].max().to_list() == [20, 20, 40, 40]
    norms = [float(weights[f"W.{point}"].norm()) for point in range(4)]
    assert norms[1] < norms[0]
    assert norms[3] < norms[2]


def test_divergence_names_the_point():
    with pytest.raises(DivergenceError, match=r"point 0 \(4 samples\): training diverged"):
        train(finite_data(sweep={"n_samples": [4, 70]}, training={"learning_rate": 1e30, "weight_decay": 0.0}))


def test_no_checkpoint_is_needed(trained, tmp_path):
    assert_same(train(checkpoint=Checkpoint(tmp_path / "never", "a")), trained)
    assert not (tmp_path / "never").exists()
