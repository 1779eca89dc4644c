"""The fused training step of the ReLU autoencoders, held to its specification."""

import io

import numpy as np
import pytest
import torch
from builders import check_schema, sae
from scipy import stats
from test_kernels_sampling import as_tile, draw

from superposition import saes
from superposition.features import IndependentFeatures
from superposition.kernels.adam import pack, update_factors
from superposition.kernels.random_lanes import seed_lanes
from superposition.kernels.relu_sae import add_gradient, normalise_rows, pull_back
from superposition.kernels.relu_sae_training import ORDER, minimise, train
from superposition.kernels.sampling import sampling_tables
from superposition.kernels.tiles import empty_tile
from superposition.progress import Progress
from superposition.sae_training import fit_saes
from superposition.training import DivergenceError, Recorder
from superposition.training import minimise as minimise_by_autograd

TRAINING = {"batch_size": 64, "steps": 20, "schedule": "constant", "warmup_steps": 0, "weight_decay": 0.0}
NEVER = {"method": "none", "every": 10, "window": 5, "scale": 0.5}
ANGLES = torch.arange(5) * 2 * torch.pi / 5
PENTAGON = 1.15 * torch.stack([ANGLES.cos(), ANGLES.sin()])


def gradient_of_specification(parameters, h, penalty):
    """Losses and name -> gradient by autograd in float64, of unstacked parameters and h (batch, d_in)."""
    parameters = {key: torch.tensor(a, dtype=torch.float64)[None].requires_grad_(True) for key, a in parameters.items()}
    penalty = torch.tensor([penalty], dtype=torch.float64)
    losses = saes.ReluSae.losses(parameters, torch.tensor(h, dtype=torch.float64)[:, None], penalty)
    gradients = torch.autograd.grad(losses.total.sum(), list(parameters.values()))
    return losses, {key: g[0].numpy() for key, g in zip(parameters, gradients, strict=True)}


def random_autoencoder(rng, d_in, n_latents):
    shapes = {"W_enc": (d_in, n_latents), "W_dec": (n_latents, d_in), "b_enc": (n_latents,), "b_dec": (d_in,)}
    return {key: (0.5 * rng.standard_normal(shape)).astype(np.float32) for key, shape in shapes.items()}


def gradient_of_kernel(parameters, W, x, penalty, repeats=1):
    """Losses, name -> gradient and firing counts, of x (n_features, lanes) each counted `repeats` times."""
    (d_in, n_latents), lanes = parameters["W_enc"].shape, x.shape[1]
    gradient = {key: np.zeros_like(a) for key, a in parameters.items()}
    D, fired = np.empty_like(parameters["W_dec"]), np.zeros(n_latents, np.int64)
    normalise_rows(parameters["W_dec"], D)
    losses = add_gradient(
        as_tile(x), lanes, repeats, lanes * repeats, np.float32(penalty), W, parameters["W_enc"].T, D, D.T,
        parameters["b_enc"], -parameters["b_dec"], empty_tile(d_in), empty_tile(n_latents), empty_tile(d_in),
        empty_tile(n_latents), np.zeros(d_in, np.float32), np.empty(n_latents, np.float32),
        gradient["W_enc"], gradient["W_dec"].T, gradient["b_enc"], gradient["b_dec"], fired,
    )  # fmt: skip
    pull_back(parameters["W_enc"], parameters["W_dec"], gradient["W_dec"], gradient["b_enc"], gradient["b_dec"])
    return losses, gradient, fired


@pytest.mark.parametrize(
    ("n_features", "d_in", "n_latents", "lanes"),
    [(2, 2, 3, 8), (5, 2, 5, 256), (5, 2, 5, 77), (7, 3, 9, 100), (30, 8, 33, 200), (6, 5, 4, 3)],
)
@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_gradient_of_a_tile(n_features, d_in, n_latents, lanes, penalty):
    rng = np.random.default_rng(n_features + lanes)
    parameters, W = random_autoencoder(rng, d_in, n_latents), rng.standard_normal((d_in, n_features)).astype(np.float32)
    x = np.where(rng.random((n_features, lanes)) < 0.5, rng.random((n_features, lanes)), 0).astype(np.float32)
    (reconstruction, sparsity), gradient, fired = gradient_of_kernel(parameters, W, x, penalty)
    losses, exact = gradient_of_specification(parameters, (W.astype(np.float64) @ x).T, penalty)
    assert reconstruction == pytest.approx(losses.reconstruction.item(), rel=1e-5)
    assert sparsity == pytest.approx(losses.sparsity.item(), rel=1e-5)
    np.testing.assert_array_equal(fired, losses.active[:, 0].sum(0))
    for key in ORDER:
        assert np.abs(gradient[key] - exact[key]).max() < 1e-4 * np.abs(exact[key]).max(), key


def test_a_lane_may_stand_for_several_samples():
    rng = np.random.default_rng(0)
    parameters, W = random_autoencoder(rng, 2, 5), PENTAGON.numpy()
    x = rng.random((5, 3)).astype(np.float32)
    losses, gradient, fired = gradient_of_kernel(parameters, W, x, 0.2, repeats=4)
    repeated, expected, counts = gradient_of_kernel(parameters, W, np.tile(x, 4), 0.2)
    assert losses == pytest.approx(repeated, rel=1e-5)
    np.testing.assert_array_equal(fired, counts)
    for key in ORDER:
        np.testing.assert_allclose(gradient[key], expected[key], rtol=1e-4, atol=1e-6)


def test_a_zero_decoder_row_has_the_gradient_of_autograd():
    parameters = random_autoencoder(np.random.default_rng(1), 2, 3)
    parameters["W_dec"][1] = 0
    parameters["W_enc"][:, 1], parameters["b_enc"][1] = 0, -1  # silent: its huge 1 / eps times zero
    x = np.random.default_rng(2).random((5, 16)).astype(np.float32)
    _, gradient, _ = gradient_of_kernel(parameters, PENTAGON.numpy(), x, 0.1)
    _, exact = gradient_of_specification(parameters, (PENTAGON.double().numpy() @ x).T, 0.1)
    np.testing.assert_allclose(gradient["W_dec"], exact["W_dec"], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("probability", [[0.0] * 5, [1.0] * 5, [0.02] * 5, [0.5, 0.0, 1.0, 0.003, 0.2]])
@pytest.mark.parametrize("batch_size", [1, 300, 1024])
def test_gradient_of_a_batch(probability, batch_size):
    # the first moment after one step is (1 - 0.9) times the gradient; the samples are those of the same stream
    rng = np.random.default_rng(batch_size)
    parameters = random_autoencoder(rng, 2, 5)
    packed = np.concatenate([parameters[key].ravel() for key in ORDER])[None]
    first, sums, fired, last_active = np.zeros_like(packed), np.zeros((2, 1)), *np.full((2, 1, 5), 0)
    train(
        3, update_factors({**TRAINING, "steps": 9}, 0, 1), batch_size, 0.0, np.array([1e-3]),
        np.array([0.2], np.float32), seed_lanes([7]), *sampling_tables(torch.tensor([probability])), PENTAGON.numpy(),
        5, packed, first, np.zeros_like(packed), sums, fired, last_active,
    )  # fmt: skip
    x = draw(probability, batch_size, seed=7)
    losses, exact = gradient_of_specification(parameters, x @ PENTAGON.double().numpy().T, 0.2)
    assert sums[:, 0] == pytest.approx([losses.reconstruction.item(), losses.sparsity.item()], rel=1e-5)
    np.testing.assert_allclose(
        first[0] / 0.1, np.concatenate([exact[key].ravel() for key in ORDER]), rtol=1e-4, atol=1e-6
    )
    counts = losses.active[:, 0].sum(0).numpy()
    np.testing.assert_array_equal(fired[0], counts)
    np.testing.assert_array_equal(last_active[0], np.where(counts > 0, 3, 0))


def fit(seeds=(0, 1), p=0.2, rates=(1e-2, 1e-3), penalties=(0.2, 0.1), resampling=NEVER, every=10, **training):
    """Parameters, recorder, and what close_stretch and resample were called with."""
    training = {**TRAINING, **training}
    parameters = saes.initialise(2, 5, [torch.Generator().manual_seed(seed) for seed in seeds])
    recorder = Recorder(every, Progress("test", training["steps"], stream=io.StringIO()))
    stretches, deaths = [], []
    minimise(
        parameters, PENTAGON, torch.full((5,), p), torch.tensor(penalties), training, resampling, torch.tensor(rates),
        list(seeds), recorder, lambda *stretch: stretches.append(stretch), lambda dead: deaths.append(dead.clone()),
    )  # fmt: skip
    return parameters, recorder, stretches, deaths


def test_training_is_repeatable():
    first, second = fit(), fit()
    assert all(torch.equal(first[0][key], second[0][key]) for key in ORDER)
    assert torch.equal(torch.stack(first[1].losses), torch.stack(second[1].losses))


def test_an_instance_alone_is_the_same_as_among_others():
    together, alone = fit()[0], fit(seeds=(1,), rates=(1e-3,), penalties=(0.1,))[0]
    assert all(torch.equal(together[key][1:], alone[key]) for key in ORDER)


def test_stretches_are_means_of_their_steps():
    fine, coarse = fit(every=1)[1:3], fit(every=8)[1:3]
    assert coarse[0].steps == [8, 16, 20]
    for i, (begin, end) in enumerate([(0, 8), (8, 16), (16, 20)]):
        torch.testing.assert_close(coarse[0].losses[i], torch.stack(fine[0].losses[begin:end]).mean(0))
        for part in (1, 2, 3):  # reconstruction, sparsity, fraction active
            means = torch.stack([stretch[part] for stretch in fine[1][begin:end]]).mean(0)
            torch.testing.assert_close(coarse[1][i][part], means)


def test_decoder_rows_end_at_unit_length():
    torch.testing.assert_close(fit()[0]["W_dec"].norm(dim=-1), torch.ones(2, 5))


def test_dead_are_the_latents_silent_for_the_whole_window():
    # with a stretch per step the activity of every step is known; batches of 2 sparse samples often leave one silent
    resampling = {**NEVER, "method": "simple", "every": 6, "window": 4}
    _, _, stretches, deaths = fit(p=0.1, every=1, resampling=resampling, batch_size=2, steps=100)
    active = torch.stack([fraction for *_, fraction in stretches])
    steps = range(6, 100, 6)
    assert len(deaths) == len(steps)
    silent = {window: [active[step - window : step].sum(0) == 0 for step in steps] for window in (3, 4, 5)}
    assert torch.equal(torch.stack(deaths), torch.stack(silent[4]))
    assert not torch.equal(torch.stack(deaths), torch.stack(silent[3]))  # the window's length does show
    assert not torch.equal(torch.stack(deaths), torch.stack(silent[5]))


def test_a_window_longer_than_the_past_is_the_whole_past():
    resampling = {**NEVER, "method": "simple", "every": 6, "window": 100}
    _, _, stretches, deaths = fit(p=0.02, every=1, rates=(0.1, 0.1), resampling=resampling)
    active = torch.stack([fraction for *_, fraction in stretches])
    assert torch.equal(deaths[0], active[:6].sum(0) == 0)
    assert torch.equal(deaths[2], active[:18].sum(0) == 0)


def test_what_resampling_changes_is_trained_on():
    training = {**TRAINING, "steps": 11}
    seen = {}
    for change in (0.0, 5.0):
        parameters = saes.initialise(2, 5, [torch.Generator().manual_seed(0)])
        recorder = Recorder(11, Progress("test", 11, stream=io.StringIO()))

        def resample(dead, parameters=parameters, change=change):
            parameters["b_enc"][0, 3] += change

        minimise(
            parameters, PENTAGON, torch.full((5,), 0.2), torch.tensor([0.2]), training, {**NEVER, "method": "simple"},
            torch.tensor([1e-3]), [0], recorder, lambda *stretch: None, resample,
        )  # fmt: skip
        seen[change] = parameters["b_enc"][0]
    moved = seen[5.0] - seen[0.0]
    assert moved[3] == pytest.approx(5, abs=0.01)
    assert moved[[0, 1, 2, 4]].abs().max() < 0.01


def test_divergence_is_an_error():
    with pytest.raises(DivergenceError, match=r"instance 1 is not finite by step 10 \(learning rate 1e\+30, 1 of 2"):
        fit(rates=(1e-3, 1e30))


@pytest.mark.parametrize("p", [0.3, 0.05])
def test_final_losses_are_distributed_as_the_specifications(p):
    # 48 autoencoders each, judged on the same held-out samples
    n, training = 48, {**TRAINING, "batch_size": 128, "steps": 300}
    penalty, rates, W = torch.full((n,), 0.2), torch.full((n,), 1e-2), PENTAGON
    held_out = IndependentFeatures(torch.full((1, 5), p)).sample(20_000, torch.Generator().manual_seed(99)) @ W.T
    losses = []
    for fused in (True, False):
        parameters = saes.initialise(
            2, 5, [torch.Generator().manual_seed(s + (0 if fused else 1000)) for s in range(n)]
        )
        recorder = Recorder(300, Progress("test", 300, stream=io.StringIO()))
        if fused:
            minimise(
                parameters, W, torch.full((5,), p), penalty, training, NEVER, rates, list(range(n)), recorder,
                lambda *stretch: None, lambda dead: None,
            )  # fmt: skip
        else:
            features, batches = IndependentFeatures(torch.full((n, 5), p)), torch.Generator().manual_seed(5)

            def loss_of_step(step, parameters=parameters, features=features, batches=batches):
                h = features.sample(training["batch_size"], batches) @ W.T
                return saes.ReluSae.losses(parameters, h, penalty).total

            def after_step(step, parameters=parameters):
                parameters["W_dec"].copy_(saes.normalise_decoder(parameters))

            minimise_by_autograd(parameters, loss_of_step, training, rates, recorder, after_step=after_step)
        losses.append(saes.ReluSae.losses(parameters, held_out.expand(-1, n, -1), penalty).total.numpy())
    assert stats.ks_2samp(*losses).pvalue > 0.01
    assert stats.mannwhitneyu(*losses).pvalue > 0.01


def test_parameters_are_packed_in_the_order_the_kernel_reads():
    parameters = saes.initialise(2, 3, [torch.Generator().manual_seed(0)])
    packed = pack({key: parameters[key] for key in ORDER})[0]
    expected = np.concatenate([parameters[key].numpy().ravel() for key in ORDER])
    np.testing.assert_array_equal(packed, expected)
    assert ORDER == ("W_enc", "W_dec", "b_enc", "b_dec")


def test_both_engines_fill_the_same_history():
    resampling = {"method": "simple", "every": 8, "window": 4}
    tables = {}
    for engine in ("auto", "torch"):
        training = {"steps": 25, "batch_size": 4, "log_every": 10, "snapshots": 3, "engine": engine}
        block = sae(training=training, resampling=resampling, restarts=3)
        progress = Progress("test", 25, stream=io.StringIO())
        _, history = fit_saes("tiny", block, 0, PENTAGON, torch.full((5,), 0.02), "independent", progress=progress)
        tables[engine] = check_schema(history, "sae_history")
    ours, theirs = tables["auto"], tables["torch"]
    assert ours[["step", "instance"]].equals(theirs[["step", "instance"]])
    for column in ours.columns:
        assert ours[column].isna().equals(theirs[column].isna()), column
    first = ours["step"] == 0  # the same initial weights, and nothing else
    for column in ("W_enc", "W_dec", "b_enc", "b_dec"):
        np.testing.assert_array_equal(np.stack(ours.loc[first, column]), np.stack(theirs.loc[first, column]))
    assert np.stack(ours["resampled"]).any()
    last = ours["step"] == 25
    assert not np.array_equal(ours.loc[last, "loss"], theirs.loc[last, "loss"])  # other samples: two engines did run
