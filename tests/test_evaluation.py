"""Held-out samples and losses, and the choice of the best restart."""

import numpy as np
import pytest
import torch
from builders import toy_model
from scipy.stats import binomtest

from superposition import evaluation
from superposition.evaluation import choose_instance, held_out_losses, lowest_loss_instances, sample_held_out
from superposition.features import SparseFeatures, SparseSamples
from superposition.seeding import torch_generator

# Models of two features in one dimension: W = (1, 0), W = (0, 1), W = (0, 0), each without bias. Three samples a point.
PARAMETERS = {
    "W": torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[0.0, 0.0]]]),
    "b_final": torch.zeros(3, 2),
}
SAMPLES = SparseSamples.from_dense(
    torch.tensor(
        [
            [[1.0, 0.0], [0.0, 0.5], [0.0, 0.0]],
            [[0.0, 1.0], [0.0, 1.0], [0.5, 0.0]],
        ]
    )
)
IMPORTANCE = torch.tensor([[1.0, 2.0]]).expand(3, -1)


def losses(points, parameters=PARAMETERS):
    return held_out_losses("relu_output", parameters, SAMPLES, np.array(points), IMPORTANCE)


def test_losses_by_hand():
    # A model's loss is what it drops. Point 0: feature 0 costs 1 * 1 in one of three samples, feature 1 costs 2 * .25
    # in another; over two features, (1, 0) pays .5 / 6, (0, 1) pays 1 / 6, (0, 0) both. Point 1: feature 0 costs .25
    # and feature 1 costs 4.
    assert losses([0, 0, 0]) == pytest.approx([0.5 / 6, 1 / 6, 1.5 / 6])
    assert losses([1, 1, 1]) == pytest.approx([4 / 6, 0.25 / 6, 4.25 / 6])
    assert losses([0, 1, 0]) == pytest.approx([0.5 / 6, 0.25 / 6, 1.5 / 6])


@pytest.mark.parametrize("outputs", [1, 4, 8])
def test_losses_do_not_depend_on_the_outputs_at_once(monkeypatch, outputs):
    whole = losses([0, 1, 1])
    monkeypatch.setattr(evaluation, "OUTPUTS", outputs)
    assert losses([0, 1, 1]) == pytest.approx(whole)


def test_best_restart_of_each_point():
    points = np.array([0, 0, 0, 1, 1, 2])
    assert list(lowest_loss_instances(np.array([3.0, 1.0, 2.0, 0.5, 0.6, 9.0]), points)) == [1, 3, 5]
    assert list(lowest_loss_instances(np.array([1.0, 1.0, 1.0, 0.5, 0.5, 9.0]), points)) == [
        0,
        3,
        5,
    ]  # the first of equals


def test_choice_of_an_instance():
    experiment = toy_model(
        model={"n_features": 2, "n_hidden": 1}, importance={"curve": "geometric", "base": 2.0}, restarts=3
    )
    assert choose_instance(experiment, PARAMETERS, SAMPLES, "lowest_loss") == 0
    assert choose_instance(experiment, PARAMETERS, SAMPLES, 2) == 2
    swept = experiment | {"sweep": {"feature_probability": [0.5, 0.25, 0.1]}, "restarts": 1}
    assert choose_instance(swept, PARAMETERS, SparseSamples.from_dense(three_points()), "lowest_loss") == 1


def three_points():
    """Point 1 is the easiest for its own instance, W = (0, 1): feature 0 never occurs."""
    return torch.tensor([[[1.0, 1.0]], [[0.0, 1.0]], [[0.0, 0.5]]])


def test_held_out_samples_of_every_point():
    experiment = toy_model(sweep={"feature_probability": [1.0, 0.25, 0.0]}, restarts=4, evaluation={"n_samples": 2_000})
    held_out = sample_held_out("tiny", experiment, seed=0)
    assert (held_out.n_points, held_out.n_samples, held_out.n_features) == (3, 2_000, 5)
    present = [int((held_out.to_dense(point) != 0).sum()) for point in range(3)]
    assert present[0] >= 9_990
    assert binomtest(present[1], 10_000, 0.25).pvalue > 1e-3
    assert present[2] == 0


def test_held_out_samples_have_the_magnitude_of_training():
    changes = {"features": {"magnitude": "signed_uniform", "feature_probability": 0.5}, "restarts": 1}
    values = sample_held_out("tiny", toy_model(**changes, evaluation={"n_samples": 2_000}), seed=0).values
    assert binomtest(int((values < 0).sum()), len(values)).pvalue > 1e-3
    assert -1 <= values.min() < -0.99
    assert 0.99 < values.max() <= 1


def test_loss_of_a_kind_with_another_target():
    # One neuron for feature 0, W_1 = (1, 0), W_2 = (2, 0), that sees no negative x. On (.5, 0), (-.5, 0) and (0, -1)
    # outputs are (1, 0), (0, 0), (0, 0) and targets (.5, 0), (.5, 0), (0, 1).
    one = {"W_1": torch.tensor([[[1.0, 0.0]]]), "W_2": torch.tensor([[[2.0], [0.0]]]), "b_final": torch.zeros(1, 2)}
    samples = SparseSamples.from_dense(torch.tensor([[[0.5, 0.0], [-0.5, 0.0], [0.0, -1.0]]]))
    found = held_out_losses("absolute_value", one, samples, np.array([0]), IMPORTANCE[:1])
    assert found == pytest.approx([(0.25 + 0.25 + 2 * 1) / 6])


def test_held_out_samples_are_frozen():
    experiment = toy_model(sweep={"feature_probability": [0.5, 0.25]})
    first, again, other_seed, other_name = (
        sample_held_out(name, experiment, seed).to_tensors()["values"]
        for name, seed in [("tiny", 0), ("tiny", 0), ("tiny", 1), ("other", 0)]
    )
    assert torch.equal(first, again)
    assert not torch.equal(first[:100], other_seed[:100])
    assert not torch.equal(first[:100], other_name[:100])


def test_held_out_samples_of_a_point_do_not_depend_on_the_sweep():
    long, short = (
        sample_held_out("tiny", toy_model(sweep={"feature_probability": swept}, restarts=restarts), seed=0)
        for swept, restarts in [([0.5, 0.25, 0.125], 1), ([0.5, 0.25], 9)]
    )
    assert torch.equal(long.to_dense(1), short.to_dense(1))


def test_no_training_sees_the_held_out_samples():
    experiment = toy_model(training={"batch_size": 500}, features={"feature_probability": 0.5}, restarts=1)
    held_out = sample_held_out("tiny", experiment, seed=0).to_dense(0)
    stream = torch_generator(0, "tiny", "train")
    trained_on = SparseFeatures(torch.full((1, 5), 0.5)).sample(500, stream)[:, 0]
    assert np.isin(held_out[held_out != 0], trained_on[trained_on != 0]).mean() < 0.01  # of 2^24 numbers, two may agree
