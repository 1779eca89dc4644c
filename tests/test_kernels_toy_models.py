"""The fused training step of the toy models, held to its specification."""

import io

import numpy as np
import pytest
import torch
from scipy import stats
from test_kernels_sampling import as_tile, draw

from superposition import toy_models
from superposition.features import IndependentFeatures, importance_curve
from superposition.kernels.adam import pack, update_factors
from superposition.kernels.random_lanes import seed_lanes
from superposition.kernels.sampling import sampling_tables
from superposition.kernels.tiles import empty_tile
from superposition.kernels.toy_models import add_gradient, form_of, minimise, ordered, train, views
from superposition.progress import Progress
from superposition.toy_models import KINDS
from superposition.training import DivergenceError, Recorder
from superposition.training import minimise as minimise_by_autograd

TRAINING = {"batch_size": 64, "steps": 20, "schedule": "constant", "warmup_steps": 0, "weight_decay": 0.0}


ROUNDING = 1e-4  # of a float32 gradient, relative to its largest number


def random_model(rng, kind, n_hidden, n_features):
    """Parameters of one instance, biases included, and importances."""
    shapes = {name: tensor.shape for name, tensor in initialise(kind, n_features, n_hidden, [0]).items()}
    parameters = {name: (rng.standard_normal(shape) * 0.4).astype(np.float32) for name, shape in shapes.items()}
    return {name: torch.from_numpy(array) for name, array in parameters.items()}, rng.random(n_features)


def initialise(kind, n_features, n_hidden, seeds):
    return toy_models.initialise(kind, n_features, n_hidden, [torch.Generator().manual_seed(seed) for seed in seeds])


def gradient_of_specification(kind, parameters, x, importance):
    """The loss, and its gradient in the kernel's order, by autograd in float64; x (batch, n_features)."""
    exact = {name: tensor.double().requires_grad_(True) for name, tensor in parameters.items()}
    x, importance = torch.tensor(x, dtype=torch.float64)[:, None], torch.tensor(importance, dtype=torch.float64)
    loss = toy_models.reconstruction_loss(kind, exact, x, importance).sum()
    gradients = torch.autograd.grad(loss, list(exact.values()))
    return loss.item(), pack(ordered(kind, dict(zip(exact, gradients, strict=True))))[0]


def is_close(ours, exact):
    return np.abs(ours - exact).max() <= ROUNDING * np.abs(exact).max()


def gradient_of_tile(kind, parameters, x, importance):
    """The kernel's loss and gradient of x (n_features, lanes), as a whole batch."""
    n_features, lanes = x.shape
    form, packed = form_of(kind), pack(ordered(kind, parameters))[0]
    n_hidden, gradient = KINDS[kind].directions(parameters).shape[1], np.zeros_like(packed)
    W_in, V, b = views(packed, form.tied, n_hidden, n_features)
    loss = add_gradient(
        as_tile(x), lanes, np.float32(1 / (lanes * n_features)), form, W_in, V, V.T, b, importance.astype(np.float32),
        empty_tile(n_hidden), empty_tile(n_features), empty_tile(n_hidden), np.zeros(n_hidden, np.float32),
        *views(gradient, form.tied, n_hidden, n_features),
    )  # fmt: skip
    return loss, gradient


def test_the_four_kinds_by_their_forms():
    assert form_of("linear") == (True, -np.inf, -np.inf, False)
    assert form_of("relu_output") == (True, -np.inf, 0, False)
    assert form_of("hidden_relu") == (True, 0, 0, False)
    assert form_of("absolute_value") == (False, 0, 0, True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lowest", [0, -1])
@pytest.mark.parametrize(
    ("n_features", "n_hidden", "lanes"),
    [(1, 1, 4), (2, 1, 256), (5, 2, 77), (7, 3, 256), (3, 6, 100), (9, 5, 16), (80, 20, 200), (33, 6, 3), (11, 43, 99)],
)
def test_gradient_of_a_tile(kind, lowest, n_features, n_hidden, lanes):
    rng = np.random.default_rng(n_features + lanes)
    parameters, importance = random_model(rng, kind, n_hidden, n_features)
    present = rng.random((n_features, lanes)) < 0.6
    x = np.where(present, rng.uniform(lowest, 1, (n_features, lanes)), 0).astype(np.float32)
    loss, gradient = gradient_of_tile(kind, parameters, x, importance)
    exact_loss, exact = gradient_of_specification(kind, parameters, x.T, importance)
    assert loss == pytest.approx(exact_loss, rel=1e-5)
    assert is_close(gradient, exact)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("probability", [[0.0] * 5, [1.0] * 5, [0.02] * 5, [0.5, 0.0, 1.0, 0.003, 0.2]])
@pytest.mark.parametrize("batch_size", [1, 300, 1024])
def test_gradient_of_a_batch(kind, signed, probability, batch_size):
    # the first moment after one step is (1 - 0.9) times the gradient; the samples are those of the same stream
    rng = np.random.default_rng(batch_size)
    parameters, importance = random_model(rng, kind, 3, 5)
    packed = pack(ordered(kind, parameters))
    first = np.zeros_like(packed)
    training = {**TRAINING, "batch_size": batch_size}
    loss = train(
        update_factors(training, 0, 1), batch_size, 0.0, np.array([1e-3]), seed_lanes([7]),
        *sampling_tables(torch.tensor([probability])), signed, importance.astype(np.float32), form_of(kind), 3,
        packed, first, np.zeros_like(packed),
    )  # fmt: skip
    x = draw(probability, batch_size, seed=7, signed=signed)
    exact_loss, exact = gradient_of_specification(kind, parameters, x, importance)
    assert loss[0] == pytest.approx(exact_loss, rel=1e-5)
    np.testing.assert_allclose(first[0] / 0.1, exact, rtol=ROUNDING, atol=1e-7)


def fit(kind="relu_output", p=(0.5, 0.02), seeds=(0, 1), learning_rate=1e-2, every=10, shape=(5, 2), **training):
    training = {**TRAINING, **training}
    parameters = initialise(kind, *shape, seeds)
    rates = torch.full((len(seeds),), learning_rate)
    probability = torch.tensor(p)[:, None].expand(-1, shape[0])
    recorder = Recorder(every, Progress("test", training["steps"], stream=io.StringIO()))
    magnitude = "signed_uniform" if kind == "absolute_value" else "uniform"
    importance = torch.ones(shape[0])
    minimise(kind, parameters, probability, importance, training, rates, list(seeds), recorder, magnitude)
    return parameters, recorder


def are_equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("kind", KINDS)
def test_training_is_repeatable(kind):
    (first, one), (second, two) = fit(kind), fit(kind)
    assert are_equal(first, second)
    assert torch.equal(torch.stack(one.losses), torch.stack(two.losses))


@pytest.mark.parametrize("kind", KINDS)
def test_an_instance_alone_is_the_same_as_among_others(kind):
    together, alone = fit(kind)[0], fit(kind, p=(0.02,), seeds=(1,))[0]
    assert are_equal({name: tensor[1:] for name, tensor in together.items()}, alone)


def test_the_length_of_a_stretch_does_not_matter():
    (whole, _), (parts, recorder) = fit(steps=25), fit(steps=25, every=4)
    assert are_equal(whole, parts)
    assert recorder.steps == [4, 8, 12, 16, 20, 24, 25]


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_is_trained_in_place(kind):
    before, after = initialise(kind, 5, 2, (0, 1)), fit(kind)[0]
    assert list(after) == list(before)
    for name in before:
        assert not torch.isclose(after[name], before[name], atol=1e-6).all()


@pytest.mark.parametrize("kind", KINDS)
def test_divergence_is_an_error(kind):
    with pytest.raises(DivergenceError, match=r"instance 0 is not finite by step .*learning rate 1e\+30"):
        fit(kind, p=(0.5,), seeds=(0,), learning_rate=1e30)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["W_in", "W_out", "b_final"])
def test_a_nan_weight_reaches_the_loss(kind, name):
    # max(NaN, 0) must not become 0
    parameters = {key: torch.full_like(tensor, 0.5) for key, tensor in initialise(kind, 5, 2, [0]).items()}
    tied = {"W_in": "W", "W_out": "W", "b_final": "b_final"}
    untied = {"W_in": "W_1", "W_out": "W_2", "b_final": "b_final"}
    parameters[(tied if KINDS[kind].tied else untied)[name]][:] = torch.nan
    loss, _ = gradient_of_tile(kind, parameters, np.ones((5, 8), np.float32), np.ones(5))
    assert np.isnan(loss)


CASES = [("relu_output", 0.3), ("relu_output", 0.03), ("hidden_relu", 0.3), ("hidden_relu", 0.03)]
CASES += [("absolute_value", 0.3), ("absolute_value", 0.03)]


@pytest.mark.parametrize(("kind", "p"), CASES)
def test_final_losses_are_distributed_as_the_specifications(kind, p):
    # 400 models each, judged on the same held-out samples
    n, training = 400, {**TRAINING, "batch_size": 128, "steps": 400}
    magnitude = "signed_uniform" if kind == "absolute_value" else "uniform"
    probability, importance = torch.full((n, 5), p), importance_curve("geometric", 0.9, 5)
    features = IndependentFeatures(probability, magnitude)
    held_out = IndependentFeatures(probability[:1], magnitude).sample(20_000, torch.Generator().manual_seed(99))
    losses = []
    for fused in (True, False):
        parameters = initialise(kind, 5, 3, [seed + (0 if fused else 1000) for seed in range(n)])
        rates, recorder = torch.full((n,), 1e-2), Recorder(400, Progress("test", 400, stream=io.StringIO()))
        if fused:
            minimise(kind, parameters, probability, importance, training, rates, list(range(n)), recorder, magnitude)
        else:
            batches = torch.Generator().manual_seed(5)

            def loss_of_step(step, parameters=parameters, batches=batches):
                x = features.sample(training["batch_size"], batches)
                return toy_models.reconstruction_loss(kind, parameters, x, importance)

            minimise_by_autograd(parameters, loss_of_step, training, rates, recorder)
        losses.append(toy_models.reconstruction_loss(kind, parameters, held_out.expand(-1, n, -1), importance).numpy())
    assert stats.ks_2samp(*losses).pvalue > 0.01
    assert stats.mannwhitneyu(*losses).pvalue > 0.01


def test_importance_alone_decides_what_a_linear_model_keeps():
    # one hidden unit, dense features: the linear model keeps the important feature, as PCA of I x would
    parameters = initialise("linear", 2, 1, [0])
    recorder = Recorder(500, Progress("test", 1000, stream=io.StringIO()))
    training, importance = {**TRAINING, "steps": 1000}, torch.tensor([1.0, 0.1])
    minimise("linear", parameters, torch.ones(1, 2), importance, training, torch.tensor([1e-2]), [0], recorder)
    W = parameters["W"][0, 0].abs()
    assert W[0] == pytest.approx(1, abs=0.05)
    assert W[1] < 0.05


def test_six_neurons_learn_the_absolute_value_of_three_features():
    # The best restart finds the exact solution: for each feature a neuron for its positive and one for its negative
    # values, W_2 undoing the scale of W_1 (Elhage et al. 2022, "Computation in Superposition").
    parameters, recorder = fit(
        "absolute_value", p=(1.0,) * 16, seeds=range(16), shape=(3, 6), steps=6000, learning_rate=3e-3, every=1000
    )
    best = int(recorder.losses[-1].argmin())
    assert recorder.losses[-1][best] < 1e-5
    scale = parameters["W_1"][best].abs().amax(1, keepdim=True)
    W_1, W_2 = parameters["W_1"][best] / scale, parameters["W_2"][best] * scale.T
    rows = sorted(tuple(row) for row in W_1.round().int().tolist())
    assert rows == [(-1, 0, 0), (0, -1, 0), (0, 0, -1), (0, 0, 1), (0, 1, 0), (1, 0, 0)]
    torch.testing.assert_close(W_2, W_1.abs().T, atol=0.05, rtol=0)
