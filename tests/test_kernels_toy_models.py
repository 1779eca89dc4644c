"""The fused training step of the toy models, held to its specification."""

import io

import numpy as np
import pytest
import torch
from scipy import stats
from test_kernels_sampling import as_tile, draw

from superposition import toy_models
from superposition.features import IndependentFeatures, feature_importance
from superposition.kernels.adam import pack, update_factors
from superposition.kernels.random_lanes import seed_lanes
from superposition.kernels.sampling import sampling_tables
from superposition.kernels.tiles import empty_tile
from superposition.kernels.toy_models import CORNER, add_gradient, minimise, train
from superposition.progress import Progress
from superposition.training import DivergenceError, Recorder
from superposition.training import minimise as minimise_by_autograd

TRAINING = {"batch_size": 64, "steps": 20, "schedule": "constant", "warmup_steps": 0, "weight_decay": 0.0}


def gradient_of_specification(kind, W, b, x, importance):
    """Loss, dL/dW and dL/db by autograd in float64, of W (n_hidden, n_features) and x (batch, n_features)."""
    W, b = (torch.tensor(a, dtype=torch.float64)[None].requires_grad_(True) for a in (W, b))
    x = torch.tensor(x, dtype=torch.float64)[:, None]
    importance = torch.tensor(importance, dtype=torch.float64)
    loss = toy_models.reconstruction_loss(kind, {"W": W, "b_final": b}, x, importance).sum()
    grad_W, grad_b = torch.autograd.grad(loss, [W, b])
    return loss.item(), grad_W[0].numpy(), grad_b[0].numpy()


def is_close(ours, exact):
    return np.abs(ours - exact).max() <= 1e-4 * np.abs(exact).max()


def random_model(rng, n_hidden, n_features):
    W = (rng.standard_normal((n_hidden, n_features)) * 0.5).astype(np.float32)
    return W, (rng.standard_normal(n_features) * 0.2).astype(np.float32), rng.random(n_features).astype(np.float32)


@pytest.mark.parametrize("kind", ["linear", "relu_output"])
@pytest.mark.parametrize(
    ("n_features", "n_hidden", "lanes"),
    [(1, 1, 4), (2, 1, 256), (5, 2, 77), (7, 3, 256), (9, 5, 16), (80, 20, 200), (33, 6, 3)],
)
def test_gradient_of_a_tile(kind, n_features, n_hidden, lanes):
    rng = np.random.default_rng(n_features + lanes)
    W, b, importance = random_model(rng, n_hidden, n_features)
    x = np.where(rng.random((n_features, lanes)) < 0.6, rng.random((n_features, lanes)), 0).astype(np.float32)
    grad_W, grad_b = np.zeros_like(W), np.zeros_like(b)
    weight = np.float32(1 / (lanes * n_features))
    loss = add_gradient(
        as_tile(x), lanes, weight, W, W.T, b, importance, CORNER[kind], empty_tile(n_hidden), empty_tile(n_features),
        empty_tile(n_hidden), np.zeros(n_hidden, np.float32), grad_W, grad_b,
    )  # fmt: skip
    exact_loss, exact_W, exact_b = gradient_of_specification(kind, W, b, x.T, importance)
    assert loss == pytest.approx(exact_loss, rel=1e-5)
    assert is_close(grad_W, exact_W)
    assert is_close(grad_b, exact_b)


@pytest.mark.parametrize("kind", ["linear", "relu_output"])
@pytest.mark.parametrize("probability", [[0.0] * 5, [1.0] * 5, [0.02] * 5, [0.5, 0.0, 1.0, 0.003, 0.2]])
@pytest.mark.parametrize("batch_size", [1, 300, 1024])
def test_gradient_of_a_batch(kind, probability, batch_size):
    # the first moment after one step is (1 - 0.9) times the gradient; the samples are those of the same stream
    rng = np.random.default_rng(batch_size)
    W, b, importance = random_model(rng, 2, 5)
    parameters = np.concatenate([W.ravel(), b])[None]
    first = np.zeros_like(parameters)
    training = {**TRAINING, "batch_size": batch_size}
    loss = train(
        update_factors(training, 0, 1), batch_size, 0.0, np.array([1e-3]), seed_lanes([7]),
        *sampling_tables(torch.tensor([probability])), importance, CORNER[kind], 2,
        parameters, first, np.zeros_like(parameters),
    )  # fmt: skip
    x = draw(probability, batch_size, seed=7)
    exact_loss, exact_W, exact_b = gradient_of_specification(kind, W, b, x, importance)
    assert loss[0] == pytest.approx(exact_loss, rel=1e-5)
    np.testing.assert_allclose(first[0] / 0.1, np.concatenate([exact_W.ravel(), exact_b]), rtol=1e-4, atol=1e-7)


def fit(kind="relu_output", p=(0.5, 0.02), seeds=(0, 1), learning_rate=1e-2, n_features=5, n_hidden=2, **training):
    training = {**TRAINING, **training}
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    parameters = toy_models.initialise(n_features, n_hidden, generators)
    rates = torch.full((len(seeds),), learning_rate)
    probability = torch.tensor(p)[:, None].expand(-1, n_features)
    recorder = Recorder(10, Progress("test", training["steps"], stream=io.StringIO()))
    minimise(kind, parameters, probability, torch.ones(n_features), training, rates, list(seeds), recorder)
    return parameters, recorder


def test_training_is_repeatable():
    (first, one), (second, two) = fit(), fit()
    assert torch.equal(pack_tensor(first), pack_tensor(second))
    assert torch.equal(torch.stack(one.losses), torch.stack(two.losses))


def pack_tensor(parameters):
    return torch.from_numpy(pack(parameters))


def test_an_instance_alone_is_the_same_as_among_others():
    together, alone = fit()[0], fit(p=(0.02,), seeds=(1,))[0]
    assert torch.equal(pack_tensor(together)[1:], pack_tensor(alone))


def test_the_length_of_a_stretch_does_not_matter():
    whole, _ = fit(steps=25)
    generators = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    parameters = toy_models.initialise(5, 2, generators)
    recorder = Recorder(4, Progress("test", 25, stream=io.StringIO()))
    probability = torch.tensor([0.5, 0.02])[:, None].expand(-1, 5)
    minimise(
        "relu_output",
        parameters,
        probability,
        torch.ones(5),
        {**TRAINING, "steps": 25},
        torch.full((2,), 1e-2),
        [0, 1],
        recorder,
    )
    assert torch.equal(pack_tensor(whole), pack_tensor(parameters))
    assert recorder.steps == [4, 8, 12, 16, 20, 24, 25]


@pytest.mark.parametrize("kind", ["linear", "relu_output"])
def test_divergence_is_an_error(kind):
    with pytest.raises(DivergenceError, match=r"instance 0 is not finite by step .*learning rate 1e\+30"):
        fit(kind, p=(0.5,), seeds=(0,), learning_rate=1e30)


def test_a_nan_weight_reaches_the_loss():
    # max(NaN, 0) must not become 0
    W, b = np.full((2, 5), np.nan, np.float32), np.zeros(5, np.float32)
    loss = add_gradient(
        as_tile(np.ones((5, 8))), 8, np.float32(1), W, W.T, b, np.ones(5, np.float32), CORNER["relu_output"],
        empty_tile(2), empty_tile(5), empty_tile(2), np.zeros(2, np.float32), np.zeros_like(W), np.zeros_like(b),
    )  # fmt: skip
    assert np.isnan(loss)


@pytest.mark.parametrize("p", [0.3, 0.03])
def test_final_losses_are_distributed_as_the_specifications(p):
    # 48 models each, judged on the same held-out samples
    n, training = 48, {**TRAINING, "batch_size": 128, "steps": 400}
    seeds = list(range(n))
    probability, importance = torch.full((n, 5), p), feature_importance("geometric", 0.9, 5)
    held_out = IndependentFeatures(probability[:1]).sample(20_000, torch.Generator().manual_seed(99)).expand(-1, n, -1)
    losses = []
    for fused in (True, False):
        generators = [torch.Generator().manual_seed(seed + (0 if fused else 1000)) for seed in seeds]
        parameters = toy_models.initialise(5, 2, generators)
        rates = torch.full((n,), 1e-2)
        recorder = Recorder(400, Progress("test", 400, stream=io.StringIO()))
        if fused:
            minimise("relu_output", parameters, probability, importance, training, rates, seeds, recorder)
        else:
            batches, features = torch.Generator().manual_seed(5), IndependentFeatures(probability)

            def loss_of_step(step, parameters=parameters, features=features, batches=batches):
                x = features.sample(training["batch_size"], batches)
                return toy_models.reconstruction_loss("relu_output", parameters, x, importance)

            minimise_by_autograd(parameters, loss_of_step, training, rates, recorder)
        losses.append(toy_models.reconstruction_loss("relu_output", parameters, held_out, importance).numpy())
    assert stats.ks_2samp(*losses).pvalue > 0.01
    assert stats.mannwhitneyu(*losses).pvalue > 0.01


def test_importance_alone_decides_what_a_linear_model_keeps():
    # one hidden unit, dense features: the linear model keeps the important feature, as PCA of I x would
    generators = [torch.Generator().manual_seed(0)]
    parameters = toy_models.initialise(2, 1, generators)
    recorder = Recorder(500, Progress("test", 1000, stream=io.StringIO()))
    training = {**TRAINING, "steps": 1000}
    minimise(
        "linear", parameters, torch.ones(1, 2), torch.tensor([1.0, 0.1]), training, torch.tensor([1e-2]), [0], recorder
    )
    W = parameters["W"][0, 0].abs()
    assert W[0] == pytest.approx(1, abs=0.05)
    assert W[1] < 0.05
