"""Attacks in the fused training step, held to `superposition.adversarial`."""

import numpy as np
import pytest
import torch
from scipy import stats
from test_kernels_toy_models import TRAINING, fit, gradient_of_tile, is_close, random_model

from superposition.adversarial import attack_directions
from superposition.features import SparseFeatures
from superposition.kernels.adam import pack, update_factors
from superposition.kernels.attacks import attack, attack_room, prepare_attacks, set_directions
from superposition.kernels.random_lanes import seed_lanes
from superposition.kernels.sampling import (
    begin_batch,
    empty_block,
    join_sets,
    sample_common,
    sampling_tables,
    spread_signs,
)
from superposition.kernels.tiles import TILE, empty_tile
from superposition.kernels.toy_models import form_of, ordered, train_on_attacks
from superposition.toy_models import KINDS, hidden_activity, weigh_errors

ATTACKED = [kind for kind, model in KINDS.items() if model.tied and kind != "hidden_relu"]
SETS = {"correlated_sets": 1, "anticorrelated_sets": 1}


def draw_batch(W, features, size, batch_size, seed=7):
    """(n_features, batch_size) samples, the same under attack, and the length of the attacks."""
    *tables, layout = sampling_tables(features, gaps=False)
    last, scale = (table[0] for table in tables[:2])
    n_features, state = len(last), seed_lanes([seed])[0]
    x, cursor, room = empty_tile(n_features), empty_block()[-1], attack_room(n_features)
    length = size * prepare_attacks(x, batch_size, W, state, last, scale, layout, cursor, room)
    begin_batch(cursor, batch_size)
    drawn, attacked = [], []
    while lanes := sample_common(x, state, last, scale, cursor):
        join_sets(x, lanes, layout)
        if layout.signed:
            spread_signs(x, n_features, lanes)
        seen = attack(x, lanes, length, state, room)
        for tiles, tile in ((drawn, x), (attacked, seen)):
            tiles.append(tile.reshape(-1, TILE)[:, :lanes].copy())
    return np.concatenate(drawn, axis=1), np.concatenate(attacked, axis=1), length


def make_features(p, n_features, signed=False, **sets):
    return SparseFeatures(torch.full((1, n_features), p), "signed_uniform" if signed else "uniform", **sets)


def test_directions_of_attack():
    W = np.random.default_rng(0).standard_normal((3, 7)).astype(np.float32)
    W[:, 2] = 0
    directions = np.empty((7, 7), np.float32)
    set_directions(W, directions)
    np.testing.assert_allclose(directions.T, attack_directions(torch.from_numpy(W)).numpy(), atol=1e-6)
    assert not directions[:, 2].any()


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("sets", [{}, SETS])
@pytest.mark.parametrize("batch_size", [1, 256, 1000])
def test_every_sample_is_attacked_along_a_random_row(signed, sets, batch_size):
    W = np.random.default_rng(0).standard_normal((3, 7)).astype(np.float32)
    x, seen, length = draw_batch(W, make_features(0.3, 7, signed, **sets), 0.5, batch_size)
    assert x.shape == (7, batch_size)
    assert length == pytest.approx(0.5 * np.linalg.norm(x, axis=0).mean(), rel=1e-6)
    steps = (seen - x).T
    np.testing.assert_allclose(np.linalg.norm(steps, axis=1), length, rtol=1e-5)
    cosines = steps @ attack_directions(torch.from_numpy(W)).numpy().T / length
    row, highest = np.abs(cosines).argmax(1), np.abs(cosines).max(1)
    np.testing.assert_allclose(highest, 1, rtol=1e-5)
    if batch_size == 1000:
        signs = cosines[np.arange(1000), row] > 0
        counts = np.bincount(2 * row + signs, minlength=14)
        assert stats.chisquare(counts).pvalue > 1e-3
        assert np.abs(np.corrcoef(row, np.linalg.norm(x, axis=0))[0, 1]) < 0.15


def test_samples_without_features_are_attacked_too():
    W = np.random.default_rng(0).standard_normal((2, 5)).astype(np.float32)
    x, seen, length = draw_batch(W, make_features(0.01, 5), 0.5, 1000)
    empty = ~x.any(0)
    assert 900 < empty.sum() < 990
    np.testing.assert_allclose(np.linalg.norm(seen[:, empty], axis=0), length, rtol=1e-5)


@pytest.mark.parametrize("kind", ATTACKED)
def test_gradient_of_a_tile(kind):
    rng = np.random.default_rng(1)
    parameters, importance = random_model(rng, kind, 3, 7, hidden_bias=True)
    x = np.where(rng.random((7, 100)) < 0.6, rng.random((7, 100)), 0).astype(np.float32)
    seen = x + rng.standard_normal(x.shape).astype(np.float32)
    loss, gradient = gradient_of_tile(kind, parameters, x, importance, 0.1, seen)
    exact_loss, exact = gradient_by_autograd(kind, parameters, x.T, seen.T, importance, 0.1)
    assert loss == pytest.approx(exact_loss, rel=1e-5)
    assert is_close(gradient, exact)


def gradient_by_autograd(kind, parameters, x, seen, importance, penalty):
    """The loss and its gradient in float64, of targets x where the model is given `seen`, (batch, n_features)."""
    exact = {name: tensor.double().requires_grad_(True) for name, tensor in parameters.items()}
    x, seen, importance = (torch.tensor(each, dtype=torch.float64) for each in (x, seen, importance))
    outputs = KINDS[kind].forward(exact, seen[:, None])
    loss = weigh_errors(importance, KINDS[kind].target(x[:, None]), outputs)
    loss = (loss + penalty * hidden_activity(kind, exact, seen[:, None])).sum()
    gradients = torch.autograd.grad(loss, list(exact.values()))
    return loss.item(), pack(ordered(kind, dict(zip(exact, gradients, strict=True))))[0]


@pytest.mark.parametrize("kind", ATTACKED)
@pytest.mark.parametrize("p", [0.3, 0.01])
@pytest.mark.parametrize("batch_size", [1, 256, 600])
def test_gradient_of_a_batch(kind, p, batch_size):
    rng = np.random.default_rng(batch_size)
    models = [random_model(rng, kind, 3, 7, hidden_bias=False) for _ in range(2)]
    packed = np.concatenate([pack(ordered(kind, parameters)) for parameters, _ in models])
    features, sizes, first = make_features(p, 7, **SETS), (0.0, 0.5), np.zeros_like(packed)
    both = SparseFeatures(torch.full((2, 7), p), **SETS)
    losses = train_on_attacks(
        update_factors({**TRAINING, "batch_size": batch_size}, 0, 1), batch_size, 0.0, np.full(2, 1e-3),
        np.full(2, 0.1, np.float32), np.array(sizes, np.float32), seed_lanes([7, 8]),
        *sampling_tables(both, gaps=False), np.stack([each for _, each in models]).astype(np.float32),
        form_of(kind, models[0][0]), 3, packed.shape[1], packed.copy(), first, np.zeros_like(packed),
    )  # fmt: skip
    for i, (parameters, importance) in enumerate(models):
        W = parameters["W"][0].numpy()
        x, seen, _ = draw_batch(W, features, sizes[i], batch_size, seed=7 + i)
        exact_loss, exact = gradient_by_autograd(kind, parameters, x.T, seen.T, importance, 0.1)
        assert losses[i] == pytest.approx(exact_loss, rel=1e-5)
        assert is_close(first[i] / np.float32(0.1), exact)


def test_an_attacked_instance_alone_is_the_same_as_among_others():
    together, alone = fit(attacks=(0.2, 0.5))[0], fit(p=(0.02,), seeds=(1,), attacks=(0.5,))[0]
    other = fit(p=(0.02,), seeds=(1,), attacks=(0.1,))[0]
    assert torch.equal(together["W"][1:], alone["W"])
    assert not torch.equal(other["W"], alone["W"])


def test_under_attack_the_length_of_a_stretch_does_not_matter():
    whole, parts = (fit(steps=25, every=every, attacks=(0.2, 0.5))[0] for every in (10, 4))
    assert torch.equal(whole["W"], parts["W"])
