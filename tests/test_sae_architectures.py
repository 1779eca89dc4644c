"""Every architecture through the whole fit: it learns, is resampled on schedule, and is itself in any company."""

import math

import numpy as np
import pytest
import torch
from builders import PENTAGON, check_schema, sae
from sae_blocks import SWEPT, block, fit, source, unexplained
from test_sae_training import EVERY_STEP, ONE_FEATURE, flags, weights_of
from test_sae_training import fit as fit_to_features

from superposition import saes
from superposition.sae_measurement import measure_saes
from superposition.seeding import torch_generator

# share of the loss that may be left: one latent per sample, prefixes of two; pursuit begins with directions that do
LEFT = {"batchtopk": 0.5, "matryoshka_batchtopk": 0.7, "matryoshka_relu": 0.7, "matching_pursuit": 0.95}
FUSED = ("relu", "gated", "jumprelu")  # what there are kernels for
every_architecture = pytest.mark.parametrize("architecture", saes.ARCHITECTURES)
every_trained = pytest.mark.parametrize("architecture", saes.TRAINED)


@pytest.mark.parametrize(
    ("architecture", "engine"), [*((name, "torch") for name in saes.TRAINED), *((name, "auto") for name in FUSED)]
)
def test_every_architecture_learns(architecture, engine):
    training = {"steps": 600, "batch_size": 128, "log_every": 50, "learning_rate": 0.01, "engine": engine}
    settings = {"k": 1, "prefixes": [2, 5]}
    block = sae(architecture=architecture, sparsity_penalty=0.01, training=training, **settings)
    parameters, history = fit_to_features(block)
    losses = history.dropna(subset="loss").pivot(index="step", columns="instance", values="reconstruction_loss")
    assert (losses.iloc[-1] < LEFT.get(architecture, 0.3) * losses.iloc[0]).all()
    weights = saes.make_architecture(block).weights(parameters)
    final = history[history["step"] == 600]
    weights["threshold"] = saes.make_architecture(block).thresholds(parameters)
    for name, tensor in weights.items():  # the snapshots are of what the tables call encoder and decoder
        assert torch.equal(torch.tensor(np.stack(final[name].to_list())).nan_to_num(), tensor.flatten(1).nan_to_num())


@every_trained
def test_every_architecture_is_resampled(architecture):
    resampling = {"method": "simple", "every": 20, "window": 5, "scale": 0.5}
    settings = {"k": 5, "prefixes": [2, 5]}
    block = sae(resampling=resampling, training=EVERY_STEP, restarts=4, architecture=architecture, **settings)
    _, history = fit_to_features(block, W=ONE_FEATURE)
    active = weights_of(history, "fraction_active", (5,))
    dead = active[16:21].sum(0) == 0
    assert 0 < dead.sum() < dead.numel()
    assert torch.equal(flags(history)[21], dead)
    W_enc = weights_of(history, "W_enc", (2, 5)).mT
    change = (W_enc[21] - W_enc[20]).norm(dim=-1)
    assert (change[dead] > 0.05).all()
    assert (change[~dead] < 0.01).all()


@every_architecture
@pytest.mark.parametrize("resampled", [False, True])
def test_an_instance_alone_is_the_same_as_among_others(architecture, resampled):
    changes = {"resampling": {"method": "simple", "every": 15, "window": 5, "reset_moments": True}} if resampled else {}
    sweep = SWEPT.get(architecture, {})
    first = {name: values[0] for name, values in sweep.items()}
    # the single value of a setting is not among the tensors, the swept one is, in float32
    alone, _ = fit(block(architecture, sweep={name: [value] for name, value in first.items()}, **changes))
    together, _ = fit(block(architecture, sweep=sweep, restarts=3, **changes))
    assert alone.keys() == together.keys()
    for name, tensor in alone.items():
        assert torch.equal(tensor[0].nan_to_num(), together[name][0].nan_to_num()), name
    others = together["W_dec" if "W_dec" in together else "W_enc"]
    assert all(not torch.equal(others[0], others[i]) for i in range(1, len(others)))


@pytest.mark.parametrize("architecture", SWEPT)
def test_a_swept_setting_is_the_setting(architecture):
    for name, values in SWEPT[architecture].items():
        swept, _ = fit(block(architecture, sweep={name: values}))
        single, _ = fit(block(architecture, **{name: values[0]}))
        for key in single:
            torch.testing.assert_close(swept[key][0], single[key][0], rtol=1e-3, atol=1e-4, equal_nan=True)


@every_trained
def test_a_fit_repeats_to_the_last_bit(architecture):
    first, second = fit(block(architecture, restarts=2))[0], fit(block(architecture, restarts=2))[0]
    assert all(torch.equal(first[key].nan_to_num(), second[key].nan_to_num()) for key in first)


@every_architecture
def test_every_architecture_is_measured(architecture):
    sweep = block(architecture, restarts=2)
    parameters, history = fit(sweep)
    check_schema(history, "sae_history")
    data = source()
    x = data.distribution(1).sample(500, torch.Generator().manual_seed(1))[:, 0]
    tables = measure_saes("test", sweep, 0, parameters, data.W, 0, x)
    for name, table in tables.items():
        check_schema(table, name)
    assert tables["saes"]["l0"].between(0.1, 16).all()


@every_architecture
def test_without_snapshots_there_is_a_history_without_weights(architecture):
    _, history = fit(block(architecture, restarts=2, training={"steps": 4, "log_every": 4, "snapshots": 0}))
    check_schema(history, "sae_history")
    assert set(history["step"]) >= {0}
    assert history["W_dec"].isna().all()


@pytest.mark.parametrize("architecture", ["pca", "ica"])
def test_fitted_dictionaries_explain_more_with_more_components(architecture):
    errors = [float(unexplained(block(architecture, k=k), fit(block(architecture, k=k))[0])[0]) for k in (1, 4, 8)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == pytest.approx(0, abs=1e-5)  # all eight components of eight dimensions


def test_principal_components_are_the_eigenvectors_of_the_covariance():
    W = torch.diag(torch.tensor([3.0, 2.0, 1.0]))
    parameters, _ = fit(sae(architecture="pca", n_latents=3, k=1, fit_samples=5_000, restarts=1), source(W, p=0.3))
    torch.testing.assert_close(parameters["W_dec"][0], torch.eye(3), rtol=0, atol=0.08)
    torch.testing.assert_close(parameters["W_enc"][0].T, parameters["W_dec"][0])


def test_there_are_no_more_principal_components_than_dimensions():
    with pytest.raises(ValueError, match="n_latents is 9: allowed are integers from 1 to 8"):
        fit(block("pca", n_latents=9))


def test_independent_components_are_the_features_where_they_are_not_crowded():
    # principal components of features alike in variance are arbitrary; independent ones are the features
    W = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0)))[0]
    parameters, _ = fit(sae(architecture="ica", n_latents=4, k=4, fit_samples=5_000, restarts=1), source(W, p=0.1))
    cosines = (parameters["W_dec"][0] @ W).amax(0)  # with their sign, too
    assert (cosines > 0.99).all()


def test_non_negative_factors_find_non_negative_features():
    W = torch.eye(4)
    parameters, _ = fit(sae(architecture="nmf", n_latents=4, k=4, fit_samples=2_000, restarts=1), source(W, p=0.2))
    assert (parameters["W_dec"][0] @ W).amax(0).min() > 0.99


def test_random_directions_are_of_unit_length_and_uniform():
    parameters, _ = fit(sae(architecture="random", n_latents=2_000, k=1, restarts=1), source(1.15 * PENTAGON))
    directions = parameters["W_dec"][0]
    torch.testing.assert_close(directions.norm(dim=-1), torch.ones(2_000))
    assert directions.mean(0).norm() < 4 / math.sqrt(2_000)


@pytest.mark.parametrize("architecture", FUSED)
def test_latents_fire_beyond_their_thresholds(architecture):
    block = sae(architecture=architecture, training={"steps": 600, "batch_size": 128, "learning_rate": 0.01})
    parameters, _ = fit_to_features(block)
    kind = saes.make_architecture(block)
    h = torch.randn(500, 2, 2, generator=torch_generator(0, "h"))
    weights = kind.weights(parameters)
    pre = torch.einsum("bid,idl->bil", h - weights["b_dec"], weights["W_enc"]) + weights["b_enc"]
    fires = kind.encode(parameters, h) > 0
    assert 0.1 < fires.float().mean() < 0.9
    gated_off = ~fires & (pre > kind.thresholds(parameters))  # a gate may open on a magnitude of zero
    assert not (fires & (pre <= kind.thresholds(parameters) - 1e-5)).any()
    assert gated_off.float().mean() < (0.1 if architecture == "gated" else 1e-3)
