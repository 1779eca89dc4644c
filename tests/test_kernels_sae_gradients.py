"""The gradients of the autoencoders' fused training steps, held to autograd of the specification in float64."""

import numpy as np
import pytest
import torch
from autoencoders import (
    ARCHITECTURES,
    GATED,
    PENTAGON,
    RELU,
    TRAINING,
    every_architecture,
    flatten,
    order,
)
from test_kernels_sampling import as_tile, draw

from superposition import saes
from superposition.features import SparseFeatures
from superposition.kernels.adam import pack, unpack, update_factors
from superposition.kernels.compilation import specialise
from superposition.kernels.random_lanes import seed_lanes
from superposition.kernels.sae_training import KERNELS, TRAIN, kernel_settings, supports
from superposition.kernels.sae_training import train as loop
from superposition.kernels.sampling import sampling_tables


def random_autoencoder(architecture, rng, d_in, n_latents):
    """Parameters of one autoencoder, all of them well away from where training begins."""
    parameters = architecture.initialise(d_in, n_latents, [torch.Generator().manual_seed(0)])
    return {
        key: (tensor[0].numpy() + 0.3 * rng.standard_normal(tensor.shape[1:])).astype(np.float32)
        for key, tensor in parameters.items()
    }


def gradient_of_specification(architecture, parameters, h, penalty):
    """Losses and name -> gradient by autograd in float64, of unstacked parameters and h (batch, d_in)."""
    parameters = {key: torch.tensor(a, dtype=torch.float64)[None].requires_grad_(True) for key, a in parameters.items()}
    penalty = torch.tensor([penalty], dtype=torch.float64)
    losses = architecture.losses(parameters, torch.tensor(h, dtype=torch.float64)[:, None], penalty)
    gradients = torch.autograd.grad(losses.total.sum(), list(parameters.values()))
    return losses, {key: g[0].numpy() for key, g in zip(parameters, gradients, strict=True)}


def parts(losses, penalty):
    """Reconstruction, sparsity and what else the loss of one autoencoder has."""
    other = losses.total - losses.reconstruction - penalty * losses.sparsity
    return [losses.reconstruction.item(), losses.sparsity.item(), other.item()]


def gradient_of_kernel(architecture, parameters, W, x, penalty, repeats=1):
    """Losses, name -> gradient and firing counts, of x (n_features, lanes) each counted `repeats` times."""
    kernel, lanes = KERNELS[type(architecture)], x.shape[1]
    own = flatten(parameters, kernel.ORDER)
    weights = architecture.weights({key: torch.tensor(a)[None] for key, a in parameters.items()})
    _, d_in, n_latents = weights["W_enc"].shape
    gradient, fired = np.zeros_like(own), np.zeros(n_latents, np.int64)
    room = kernel.lay_out(own, gradient, d_in, n_latents)
    kernel.begin_step(room)
    losses = kernel.add_gradient(
        as_tile(x), lanes, repeats, lanes * repeats, np.float32(penalty), kernel_settings(architecture), W, room, fired
    )
    kernel.complete_gradient(room)
    unpacked = {key: torch.empty(1, *parameters[key].shape) for key in kernel.ORDER}
    unpack(gradient[None], unpacked)
    return losses, {key: tensor[0].numpy() for key, tensor in unpacked.items()}, fired


@every_architecture
@pytest.mark.parametrize(
    ("n_features", "d_in", "n_latents", "lanes"),
    [(2, 2, 3, 8), (5, 2, 5, 256), (5, 2, 5, 77), (7, 3, 9, 100), (30, 8, 33, 200), (6, 5, 4, 3)],
)
@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_gradient_of_a_tile(architecture, n_features, d_in, n_latents, lanes, penalty):
    rng = np.random.default_rng(n_features + lanes)
    parameters = random_autoencoder(architecture, rng, d_in, n_latents)
    W = rng.standard_normal((d_in, n_features)).astype(np.float32)
    x = np.where(rng.random((n_features, lanes)) < 0.5, rng.random((n_features, lanes)), 0).astype(np.float32)
    found, gradient, fired = gradient_of_kernel(architecture, parameters, W, x, penalty)
    losses, exact = gradient_of_specification(architecture, parameters, (W.astype(np.float64) @ x).T, penalty)
    assert found == pytest.approx(parts(losses, penalty), rel=1e-5)
    np.testing.assert_array_equal(fired, (losses.fraction_active[0] * lanes).round())
    for key in order(architecture):
        assert np.abs(gradient[key] - exact[key]).max() <= 1e-4 * np.abs(exact[key]).max(), key


def test_every_part_of_the_gradient_is_there_to_be_compared():
    rng = np.random.default_rng(0)
    for architecture in ARCHITECTURES:
        parameters, h = random_autoencoder(architecture, rng, 3, 9), rng.standard_normal((100, 3))
        _, exact = gradient_of_specification(architecture, parameters, h, 0.3)
        assert all((exact[key] != 0).mean() > 0.5 for key in order(architecture))


@every_architecture
def test_a_lane_may_stand_for_several_samples(architecture):
    rng = np.random.default_rng(0)
    parameters, W = random_autoencoder(architecture, rng, 2, 5), PENTAGON.numpy()
    x = rng.random((5, 3)).astype(np.float32)
    losses, gradient, fired = gradient_of_kernel(architecture, parameters, W, x, 0.2, repeats=4)
    repeated, expected, counts = gradient_of_kernel(architecture, parameters, W, np.tile(x, 4), 0.2)
    assert losses == pytest.approx(repeated, rel=1e-5)
    np.testing.assert_array_equal(fired, counts)
    for key in order(architecture):
        np.testing.assert_allclose(gradient[key], expected[key], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("architecture", "encoder"), [(RELU, "enc"), (GATED, "gate")])
def test_a_zero_decoder_row_has_the_gradient_of_autograd(architecture, encoder):
    parameters = random_autoencoder(architecture, np.random.default_rng(1), 2, 3)
    parameters["W_dec"][1] = 0
    parameters[f"W_{encoder}"][:, 1], parameters[f"b_{encoder}"][1] = 0, -1  # silent: its huge 1 / eps times zero
    x = np.random.default_rng(2).random((5, 16)).astype(np.float32)
    _, gradient, _ = gradient_of_kernel(architecture, parameters, PENTAGON.numpy(), x, 0.1)
    _, exact = gradient_of_specification(architecture, parameters, (PENTAGON.double().numpy() @ x).T, 0.1)
    np.testing.assert_allclose(gradient["W_dec"], exact["W_dec"], rtol=1e-4, atol=1e-7)


def take_a_step(train, architecture, parameters, features, batch_size):
    """Adam's first moment, sums of losses, firing counts and last_active after step 3, at a penalty of .2."""
    packed = flatten(parameters, order(architecture))[None]
    first, sums, fired, last_active = np.zeros_like(packed), np.zeros((3, 1)), *np.full((2, 1, 5), 0)
    train(
        3, update_factors({**TRAINING, "steps": 9}, 0, 1), batch_size, 0.0, np.array([1e-3]),
        np.array([0.2], np.float32), kernel_settings(architecture), seed_lanes([7]),
        *sampling_tables(features), PENTAGON.numpy(),
        5, packed, first, np.zeros_like(packed), sums, fired, last_active,
    )  # fmt: skip
    return first[0], sums[:, 0], fired[0], last_active[0]


@every_architecture
@pytest.mark.parametrize("probability", [[0.0] * 5, [1.0] * 5, [0.02] * 5, [0.5, 0.0, 1.0, 0.003, 0.2]])
@pytest.mark.parametrize("batch_size", [1, 300, 1024])
def test_gradient_of_a_batch(architecture, probability, batch_size):
    # the first moment after one step is (1 - 0.9) times the gradient; the samples are those of the same stream
    parameters = random_autoencoder(architecture, np.random.default_rng(batch_size), 2, 5)
    first, sums, fired, last_active = take_a_step(
        TRAIN[type(architecture)], architecture, parameters, SparseFeatures(torch.tensor([probability])), batch_size
    )
    x = draw(probability, batch_size, seed=7)
    losses, exact = gradient_of_specification(architecture, parameters, x @ PENTAGON.double().numpy().T, 0.2)
    assert sums == pytest.approx(parts(losses, 0.2), rel=1e-5, abs=1e-7)
    np.testing.assert_allclose(first / 0.1, flatten(exact, order(architecture)), rtol=1e-4, atol=1e-6)
    counts = (losses.fraction_active[0] * batch_size).round().numpy()
    np.testing.assert_array_equal(fired, counts)
    np.testing.assert_array_equal(last_active, np.where(counts > 0, 3, 0))


@every_architecture
@pytest.mark.parametrize("p", [0.02, 0.3])
def test_gradient_of_a_batch_with_sets_and_signs(architecture, p):
    parameters = random_autoencoder(architecture, np.random.default_rng(1), 2, 5)
    sets = {"correlated_sets": 1, "anticorrelated_sets": 1}
    features = SparseFeatures(torch.full((1, 5), p), "signed_uniform", **sets)
    first, sums, _, _ = take_a_step(TRAIN[type(architecture)], architecture, parameters, features, 300)
    x = draw([p] * 5, 300, seed=7, signed=True, **sets)
    losses, exact = gradient_of_specification(architecture, parameters, x @ PENTAGON.double().numpy().T, 0.2)
    assert sums == pytest.approx(parts(losses, 0.2), rel=1e-5, abs=1e-7)
    np.testing.assert_allclose(first / 0.1, flatten(exact, order(architecture)), rtol=1e-4, atol=1e-6)


@every_architecture
def test_compiled_loops_are_found_again(architecture):
    # as another process finds them: a loop that is put together anew is not compiled anew
    kind, parameters = type(architecture), random_autoencoder(architecture, np.random.default_rng(0), 2, 5)
    again = specialise(loop, kind.__name__, kernel=KERNELS[kind])
    features = SparseFeatures(torch.full((1, 5), 0.2))
    results = [take_a_step(each, architecture, parameters, features, 100) for each in (TRAIN[kind], again)]
    assert sum(again.stats.cache_hits.values()) == 1
    np.testing.assert_array_equal(results[0][0], results[1][0])


@every_architecture
def test_parameters_are_packed_in_the_order_the_kernel_reads(architecture):
    parameters = architecture.initialise(2, 3, [torch.Generator().manual_seed(0)])
    assert sorted(order(architecture)) == sorted(parameters)
    parameters = {key: torch.randn(1, *tensor.shape[1:]) for key, tensor in parameters.items()}
    packed = pack({key: parameters[key] for key in order(architecture)})[0]
    np.testing.assert_array_equal(
        packed, flatten({key: t.numpy() for key, t in parameters.items()}, order(architecture))
    )
    room = KERNELS[type(architecture)].lay_out(packed, np.empty_like(packed), 2, 3)
    for key, view in zip(order(architecture), room[0][0], strict=True):
        np.testing.assert_array_equal(view, parameters[key][0], err_msg=key)


def test_the_architectures_of_the_chapter_have_kernels():
    assert set(KERNELS) == {saes.ARCHITECTURES[name] for name in ("relu", "gated", "jumprelu")}
    assert supports(RELU)
