"""Settings of a toy model beside its shape: biases, penalties, attacks, the last feature's own importance, snapshots.

All by the specification (the torch engine); kernels are held to it elsewhere.
"""

import numpy as np
import pytest
import torch
from builders import check_schema, toy_model

from superposition.adversarial import attack_directions, perturb
from superposition.seeding import torch_generator
from superposition.toy_model_training import train_toy_models
from superposition.toy_models import hidden_activity, initialise
from superposition.training import choose_snapshots


def train(name="tiny", **changes):
    return train_toy_models(name, toy_model(**changes), 0)


def test_without_an_output_bias_it_stays_zero():
    parameters, _ = train(model={"output_bias": False})
    assert not parameters["b_final"].any()
    assert train()[0]["b_final"].all()


def test_hidden_bias_is_trained_and_shifts_the_hidden_units():
    parameters, _ = train(model={"kind": "hidden_relu", "hidden_bias": True})
    assert parameters["b_hidden"].shape == (2, 2)
    assert parameters["b_hidden"].all()
    assert "b_hidden" not in train(model={"kind": "hidden_relu"})[0]


def test_hidden_activity_by_hand():
    parameters = {"W": torch.tensor([[[1.0, 2.0], [0.0, -1.0]]]), "b_final": torch.zeros(1, 2)}
    x = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[0.0, 0.0]]])  # h = (1, 0), (2, -1), (0, 0)
    assert hidden_activity("relu_output", parameters, x).item() == pytest.approx(4 / 3)
    assert hidden_activity("hidden_relu", parameters, x).item() == pytest.approx(3 / 3)
    shifted = parameters | {"b_hidden": torch.tensor([[0.0, 1.0]])}  # h = (1, 1), (2, 0), (0, 1)
    assert hidden_activity("hidden_relu", shifted, x).item() == pytest.approx(5 / 3)


def test_a_penalty_on_the_hidden_layer_silences_it():
    changes = {"sweep": {"hidden_penalty": [0.0, 0.3]}, "restarts": 1, "features": {"feature_probability": 0.3}}
    training = {"steps": 400, "learning_rate": 0.01}
    parameters, history = train(**changes, training=training)
    free, silenced = parameters["W"].abs().sum((1, 2)).tolist()
    assert silenced < 0.3 * free
    first = history[history["step"] == history["step"].min()]["loss"].tolist()
    assert first[1] > first[0]  # the penalty is part of the loss
    alone, _ = train(restarts=1, features={"feature_probability": 0.3}, training=training)
    torch.testing.assert_close(alone["W"][0].norm(dim=0), parameters["W"][0].norm(dim=0), atol=0.1, rtol=0)


def test_importance_of_the_last_feature_decides_what_one_dimension_holds():
    changes = {"model": {"n_features": 2, "n_hidden": 1}, "sweep": {"last_importance": [0.1, 10.0]}}
    parameters, _ = train(**changes, restarts=3, training={"steps": 300, "learning_rate": 0.02})
    kept = parameters["W"][:, 0].abs().argmax(-1)
    assert kept.tolist() == [0, 0, 0, 1, 1, 1]


def test_directions_of_attack():
    # features 0 and 1 antipodal, 2 alone, 3 absent
    W = torch.tensor([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]])
    half = 0.5**0.5
    expected = torch.tensor([[half, -half, 0, 0], [-half, half, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0.0]])
    torch.testing.assert_close(attack_directions(W), expected)
    torch.testing.assert_close(attack_directions(torch.stack([W, 3 * W])), torch.stack([expected, expected]))


def test_attacks_have_their_length_and_a_direction_each():
    W = initialise("relu_output", 5, 2, [torch_generator(0, str(i)) for i in range(2)])["W"]
    x = torch.rand(400, 2, 5, generator=torch_generator(0, "x"))
    size = torch.tensor([0.0, 0.5])
    attack = perturb(W, x, size, torch_generator(0, "attack")) - x
    lengths = attack.norm(dim=-1)
    assert not lengths[:, 0].any()
    torch.testing.assert_close(lengths[:, 1], (0.5 * x[:, 1].norm(dim=-1).mean()).expand(400))
    cosines = (attack[:, 1] / lengths[:, 1, None]) @ attack_directions(W[1]).T
    found = cosines.abs().argmax(-1)
    assert sorted(set(found.tolist())) == [0, 1, 2, 3, 4]
    torch.testing.assert_close(cosines.abs().amax(-1), torch.ones(400))
    signs = torch.gather(cosines, 1, found[:, None]).sign()
    assert abs(signs.mean()) < 0.2


def test_training_under_attack_is_another_training():
    plain, attacked = (train(training={"attack_size": size})[0]["W"] for size in (0.0, 0.5))
    assert not torch.isclose(plain, attacked).all()


@pytest.mark.parametrize(
    ("snapshots", "expected"), [(0, set()), (1, {0}), (2, {0, 25}), (3, {0, 20, 25}), (9, {0, 10, 20, 25})]
)
def test_steps_of_snapshots(snapshots, expected):
    assert choose_snapshots({"steps": 25, "log_every": 10, "snapshots": snapshots}) == expected


@pytest.mark.parametrize("engine", ["torch", "auto"])
def test_snapshots_are_the_weights_of_their_step(engine):
    training = {"steps": 25, "log_every": 10, "snapshots": 9, "engine": engine}
    parameters, history = train(training=training)
    check_schema(history, "training_history")
    assert history.groupby("step").size().to_dict() == {0: 2, 10: 2, 20: 2, 25: 2}
    assert history.loc[history["step"] == 0, "loss"].isna().all()
    last = np.stack(history.loc[history["step"] == 25, "W"].to_list())
    np.testing.assert_array_equal(last, parameters["W"].flatten(1))
    generators = [torch_generator(0, "tiny", "init", i) for i in range(2)]
    start = np.stack(history.loc[history["step"] == 0, "W"].to_list())
    np.testing.assert_array_equal(start, initialise("relu_output", 5, 2, generators)["W"].flatten(1))
    shorter, _ = train(training=training | {"steps": 20})
    middle = np.stack(history.loc[history["step"] == 20, "W"].to_list())
    np.testing.assert_array_equal(middle, shorter["W"].flatten(1))


def test_without_snapshots_no_weights_are_kept():
    _, history = train()
    assert history["W"].isna().all()
    assert check_schema(history, "training_history")["step"].min() == 10
