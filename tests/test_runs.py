"""The table of runs: every combination of swept values, each as often as it is restarted, in a fixed order."""

import numpy as np
import pytest
from builders import toy_model

from superposition.runs import expand_sweep, held_out_of_instances, list_instances, list_points, parameter_of_instances

GEOMETRIC = {"spacing": "geometric", "start": 1.0, "stop": 0.02, "points": 8}


def test_the_probabilities_of_arena():
    # ARENA 1.5.4 writes them as 50 ** -linspace(0, 1, 8): the k-th is 50^(-k/7).
    values = expand_sweep(GEOMETRIC)
    np.testing.assert_allclose(values, [50 ** (-k / 7) for k in range(8)], rtol=1e-14)
    assert (values[0], values[-1]) == (1.0, 0.02)  # the ends to the last bit: claims are looked up by them


def test_linear_sweep():
    values = expand_sweep({"spacing": "linear", "start": 0.0, "stop": 1.0, "points": 5})
    assert values == [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("spacing", ["linear", "geometric"])
def test_single_point_is_the_start(spacing):
    assert expand_sweep({"spacing": spacing, "start": 0.5, "stop": 0.1, "points": 1}) == [0.5]


def test_listed_values_keep_their_order():
    values = expand_sweep([1, 0.1, 0.5])
    assert values == [1.0, 0.1, 0.5]
    assert all(type(value) is float for value in values)


def test_two_swept_parameters_and_restarts():
    experiment = toy_model(sweep={"feature_probability": [1.0, 0.1], "learning_rate": [0.1, 0.2, 0.3]}, restarts=2)
    points = list_points(experiment)
    assert points["point"].tolist() == [0, 1, 2, 3, 4, 5]
    assert points["feature_probability"].tolist() == [1.0, 1.0, 1.0, 0.1, 0.1, 0.1]
    assert points["learning_rate"].tolist() == [0.1, 0.2, 0.3, 0.1, 0.2, 0.3]

    instances = list_instances(experiment)
    assert list(instances) == ["instance", "point", "restart", "feature_probability", "learning_rate"]
    assert instances["instance"].tolist() == list(range(12))
    assert instances["point"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert instances["restart"].tolist() == [0, 1] * 6
    assert instances["learning_rate"].tolist() == [0.1, 0.1, 0.2, 0.2, 0.3, 0.3] * 2
    assert not instances.duplicated(["feature_probability", "learning_rate", "restart"]).any()


def test_without_a_sweep_there_is_one_point():
    instances = list_instances(toy_model(restarts=3))
    assert instances.to_dict("list") == {"instance": [0, 1, 2], "point": [0, 0, 0], "restart": [0, 1, 2]}


def test_swept_values_replace_the_default():
    experiment = toy_model(sweep={"feature_probability": [1.0, 0.5]}, restarts=2)
    probability = parameter_of_instances(experiment, "feature_probability")
    assert probability.tolist() == [1.0, 1.0, 0.5, 0.5]
    rates = parameter_of_instances(experiment, "learning_rate")
    assert rates.tolist() == [1e-3] * 4
    assert rates.dtype == np.float64


def test_points_that_differ_in_training_alone_share_their_held_out_samples():
    sweep = {"learning_rate": [0.1, 0.2], "feature_probability": [0.1, 1.0], "last_importance": [1, 2]}
    experiment = toy_model(sweep=sweep, restarts=2)
    assert held_out_of_instances(experiment).tolist() == [0] * 8 + [1] * 8
    reversed_sweep = {"feature_probability": [0.1, 1.0], "last_probability": [1.0, 0.5]}
    assert held_out_of_instances(toy_model(sweep=reversed_sweep, restarts=1)).tolist() == [0, 1, 2, 3]
    assert held_out_of_instances(toy_model(restarts=3)).tolist() == [0, 0, 0]


def test_more_restarts_keep_the_points():
    few, many = (list_points(toy_model(sweep={"feature_probability": GEOMETRIC}, restarts=n)) for n in (1, 9))
    assert few.equals(many)
