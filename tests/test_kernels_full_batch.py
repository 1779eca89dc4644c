"""The fused full-batch step, held to its specification."""

import io

import numpy as np
import pytest
import torch
from test_finite_data import TRAINING, fit_with_torch, generators

from superposition import finite_data, toy_models
from superposition.features import SparseSamples
from superposition.finite_data import full_batch_loss, loss_factor, sample_data, to_dense
from superposition.kernels.full_batch import TrainingState, add_gradient, advance, evaluate_loss, minimise_full_batch
from superposition.kernels.linear_regions import FEW, GROUP, workspace
from superposition.kernels.point_tiles import PLANE_POINTS, POINTS
from superposition.kernels.sparse_data import arrange, empty_points
from superposition.progress import Progress
from superposition.training import DivergenceError, Recorder


def gradient_of_kernel(theta, data, sort=True):
    """Sum of squared errors and half its gradient, theta (n_hidden + 1, n_features)."""
    n_points, size, n_features = data.n_samples, *theta.shape
    gradient, order = np.zeros_like(theta), np.arange(n_points)
    grad_h, u = np.empty((n_points, size - 1), np.float32), np.empty((n_points, size), np.float32)
    arrays = data.values.numpy(), data.features.numpy(), data.offsets[0].numpy()
    room = workspace(size - 1, n_features)
    arranged = empty_points(len(data.values), n_points)
    arrange(*arrays, order, arranged)
    active = np.empty(n_features, np.float32)
    loss = add_gradient(theta, arrays, arranged, order, sort, gradient, grad_h, u, active, room)
    return loss, gradient


def gradient_of_specification(theta, data):
    """The same by autograd in float64."""
    theta = torch.tensor(theta, dtype=torch.float64)[None].requires_grad_(True)
    parameters = {"W": theta[:, :-1], "b_final": theta[:, -1]}
    loss = full_batch_loss(parameters, to_dense(data, 1, theta.detach()), 1.0).sum()
    return loss.item(), torch.autograd.grad(loss, theta)[0][0].numpy() / 2


def random_theta(n_hidden, n_features, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n_hidden + 1, n_features)) * 0.5).astype(np.float32)


# Points less than, equal to and no multiple of a tile's, one group of them, and several with some tiles left over;
# features no multiple of a vector's, a tile's or four.
SIZES = [(1, 1), (7, 3), (33, PLANE_POINTS), (300, 131), (513, 2 * POINTS + 5)]
GROUPED = [(300, (FEW + 1) * PLANE_POINTS - 7), (70, (2 * GROUP + 3) * PLANE_POINTS + 1)]


@pytest.mark.parametrize(("n_features", "n_points"), SIZES + GROUPED)
@pytest.mark.parametrize("n_hidden", [1, 2, 3, 5, 20])
@pytest.mark.parametrize("bias", [-1.0, 0.0, 1.0])
def test_gradient(n_features, n_points, n_hidden, bias):
    # p = 2 / n_features leaves about every seventh sample without features
    data = sample_data(torch.full((n_features,), min(0.5, 2 / n_features)), n_points, generators("a"))
    theta = random_theta(n_hidden, n_features)
    theta[-1] += bias
    loss, gradient = gradient_of_kernel(theta, data)
    exact_loss, exact = gradient_of_specification(theta, data)
    assert loss == pytest.approx(exact_loss, rel=1e-5)
    assert np.abs(gradient - exact).max() <= 1e-5 * np.abs(exact).max()


def test_gradient_by_hand():
    # test_finite_data's example, W = (1, -1), b = (.1, 0). On x = (.6, .8): h = -.2, z = (-.1, .2), so with
    # g = relu(z) - x where z > 0, g = (0, -.6) and dL/dh = W . g = .6; half the gradient is
    # g h + dL/dh x = (0, .12) + (.36, .48) and g = (0, -.6). On x = 0: h = 0, z = (.1, 0), g = (.1, 0), which moves b.
    # Squared errors .72 + .01.
    data = SparseSamples.from_dense(torch.tensor([[[0.6, 0.8], [0.0, 0.0]]]))
    loss, gradient = gradient_of_kernel(np.array([[1.0, -1.0], [0.1, 0.0]], np.float32), data)
    assert loss == pytest.approx(0.73)
    np.testing.assert_allclose(gradient, [[0.36, 0.6], [0.1, -0.6]], rtol=1e-5)


def test_data_enter_at_their_nonzeros_alone():
    # sum (x - relu z)^2 = sum relu(z)^2 + sum over non-zeros of (x^2 - 2 x relu z)
    data = sample_data(torch.full((40,), 0.1), 90, generators("a"))
    theta = random_theta(2, 40).astype(np.float64)
    x = data.to_dense(0).double().numpy()
    out = np.maximum(x @ theta[:2].T @ theta[:2] + theta[2], 0)
    at = x.nonzero()
    by_parts = (out**2).sum() + (x[at] ** 2 - 2 * x[at] * out[at]).sum()
    assert by_parts == pytest.approx(((x - out) ** 2).sum(), rel=1e-12)
    assert gradient_of_kernel(theta.astype(np.float32), data)[0] == pytest.approx(by_parts, rel=1e-5)


def test_an_unused_dimension_changes_nothing():
    # two dimensions have code of their own; a third that no feature uses must give the same
    data, theta = sample_data(torch.full((300,), 0.02), 200, generators("a")), random_theta(2, 300)
    padded = np.vstack([theta[:2], np.zeros((1, 300), np.float32), theta[2:]])
    loss, gradient = gradient_of_kernel(theta, data)
    padded_loss, padded_gradient = gradient_of_kernel(padded, data)
    assert padded_loss == pytest.approx(loss, rel=1e-6)
    assert not padded_gradient[2].any()
    np.testing.assert_allclose(padded_gradient[[0, 1, 3]], gradient, atol=1e-6 * np.abs(gradient).max())


def initialise(n_features=30, n_hidden=2):
    return toy_models.initialise("relu_output", n_features, n_hidden, generators("c", "d"))


def fit(data, rate=0.02, every=20, scale="sum", n_hidden=2, **training):
    training = {**TRAINING, **training}
    parameters = initialise(data.n_features, n_hidden)
    recorder = Recorder(every, Progress("test", training["steps"], stream=io.StringIO()))
    minimise_full_batch(parameters, data, scale, training, torch.full((2,), rate), recorder)
    return parameters, recorder


def data_sets(*names, n_points=150):
    return sample_data(torch.full((30,), 0.1), n_points, generators(*names))


@pytest.mark.parametrize("scale", finite_data.LOSS_SCALES)
@pytest.mark.parametrize("n_hidden", [2, 3])
def test_training_is_that_of_torch(scale, n_hidden):
    data = data_sets("a")
    parameters, recorder = fit(data, scale=scale, n_hidden=n_hidden)
    start = initialise(n_hidden=n_hidden)
    x = to_dense(data, 2, start["W"])
    expected = fit_with_torch(start, x, loss_factor(data, scale), 0.02)
    torch.testing.assert_close(parameters, expected, rtol=1e-3, atol=1e-4)
    specified = Recorder(20, Progress("test", 50, stream=io.StringIO()))
    finite_data.minimise_full_batch(start, data, scale, TRAINING, torch.full((2,), 0.02), specified)
    assert recorder.steps == specified.steps
    torch.testing.assert_close(torch.stack(recorder.losses), torch.stack(specified.losses), rtol=1e-4, atol=0)


def test_loss_on_other_data():
    data = sample_data(torch.full((30,), 0.1), 1000, generators("test"))
    parameters = fit(data_sets("a"))[0]
    before = {name: parameter.clone() for name, parameter in parameters.items()}
    expected = full_batch_loss(parameters, to_dense(data, 2, parameters["W"]), loss_factor(data, "mean"))
    torch.testing.assert_close(evaluate_loss(parameters, data, "mean").float(), expected, rtol=1e-5, atol=0)
    assert_same(parameters, before)


def assert_same(first, second):
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_training_is_repeatable_and_the_length_of_a_stretch_does_not_matter():
    data = data_sets("a")
    (first, one), (second, two), (third, _) = fit(data, steps=80), fit(data, steps=80), fit(data, steps=80, every=7)
    assert_same(first, second)
    assert torch.equal(torch.stack(one.losses), torch.stack(two.losses))
    assert_same(first, third)


def test_shared_data_and_own_data():
    shared, own = fit(data_sets("a"))[0], fit(data_sets("a", "b"))[0]
    assert_same(shared, fit(data_sets("a", "a"))[0])
    assert torch.equal(shared["W"][0], own["W"][0])
    assert torch.equal(own["W"][1], fit(data_sets("b"))[0]["W"][1])
    assert not torch.equal(shared["W"][1], own["W"][1])


def test_training_goes_on_from_saved_arrays():
    data, training = data_sets("a"), {**TRAINING, "steps": 100}
    rest = ("sum", training, torch.full((2,), 0.02))
    whole = TrainingState.begin(initialise(), data.n_samples)
    losses = advance(whole, data, *rest, 100)
    state = TrainingState.begin(initialise(), data.n_samples)
    losses_before = advance(state, data, *rest, 71)
    resumed = TrainingState.from_tensors({name: tensor.clone() for name, tensor in state.to_tensors().items()})
    np.testing.assert_allclose(losses_before + advance(resumed, data, *rest, 29), losses, rtol=1e-12)
    for name, array in vars(whole).items():
        assert np.array_equal(getattr(resumed, name), array)


def test_divergence_is_caught():
    with pytest.raises(DivergenceError, match="loss of instance 0 is not finite by step"):
        fit(data_sets("a"), rate=1e30)


@pytest.mark.parametrize("broken", [0, 2])
def test_a_broken_weight_reaches_the_loss(broken):
    for n_hidden in (2, 3):
        theta = random_theta(n_hidden, 30)
        theta[broken, 7] = np.nan
        assert np.isnan(gradient_of_kernel(theta, data_sets("a"))[0])


def test_five_points_are_memorised():
    # Henighan et al. 2023: few points become a regular polygon, reconstructed without error
    data = sample_data(torch.full((200,), 0.03), 5, generators("b"), "redraw")
    _, recorder = fit(data, rate=3e-3, steps=6000, warmup_steps=300, every=500)
    assert (recorder.losses[0] > 0.2).all()
    assert (recorder.losses[-1] < 1e-4).all()
    assert (recorder.losses[-1] >= 0).all()
