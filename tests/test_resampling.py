"""Advanced resampling: dead latents restart towards what is badly reconstructed, and nothing else changes.

Simple resampling is tested with each architecture.
"""

import pytest
import torch
from autoencoders import RELU, every_architecture
from builders import PENTAGON, sae
from test_sae_training import fit

from superposition import saes
from superposition.seeding import torch_generator

DEAD = torch.tensor([[False, True, False, True, True], [False, False, False, False, False]])
ENCODERS = {"GatedSae": "W_gate"}
ZEROED = {"GatedSae": ("b_gate", "r_mag", "b_mag")}


def random_parameters(architecture=RELU, n_instances=2, n_latents=5):
    generator = torch_generator(0, "parameters")
    parameters = architecture.initialise(2, n_latents, [generator] * n_instances)
    return {key: tensor + 0.3 * torch.randn(tensor.shape, generator=generator) for key, tensor in parameters.items()}


def draw_batch(instance):
    return torch.randn(200, 2, generator=torch_generator(0, "h", instance))


def resample(parameters, dead=DEAD, architecture=RELU, scale=0.5, draw_batch=draw_batch):
    generators = [torch_generator(0, "resample", i) for i in range(len(dead))]
    return saes.resample_advanced(architecture, parameters, dead, scale, generators, draw_batch)


@every_architecture
def test_dead_latents_look_for_activations_and_nothing_else_changes(architecture):
    before, after = random_parameters(architecture), random_parameters(architecture)
    assert torch.equal(resample(after, architecture=architecture), DEAD)
    weights, old = architecture.weights(after), architecture.weights(before)
    changed = (weights["W_enc"] != old["W_enc"]).any(1)
    assert torch.equal(changed, DEAD)
    assert torch.equal((weights["W_dec"] != old["W_dec"]).any(2), DEAD)
    assert torch.equal(weights["b_dec"], old["b_dec"])
    for name in ZEROED.get(type(architecture).__name__, ("b_enc",)):
        assert not after[name][DEAD].any()
        assert torch.equal(after[name][~DEAD], before[name][~DEAD])
    encoders = weights["W_enc"][0].T[DEAD[0]]
    length = 0.5 * old["W_enc"][0].T[~DEAD[0]].norm(dim=1).mean()
    torch.testing.assert_close(encoders.norm(dim=1), length.expand(3))
    decoders = weights["W_dec"][0][DEAD[0]]
    torch.testing.assert_close(decoders / decoders.norm(dim=1, keepdim=True), encoders / length)
    offset = draw_batch(0) - old["b_dec"][0]
    cosines = (encoders / length) @ (offset / offset.norm(dim=1, keepdim=True)).T
    torch.testing.assert_close(cosines.max(1).values, torch.ones(3))


def test_activations_are_drawn_by_the_square_of_their_squared_error():
    # No latent fires, so h' = b_dec and the squared errors are the squared lengths 1, 2 and 4: drawn 1 : 4 : 16.
    n = 4200
    parameters = random_parameters(n_instances=1, n_latents=n) | {"b_enc": torch.full((1, n), -100.0)}
    directions = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    lengths = torch.tensor([1.0, 2.0, 4.0]).sqrt()[:, None]
    resample(
        parameters, torch.ones(1, n, dtype=torch.bool), draw_batch=lambda _: parameters["b_dec"] + lengths * directions
    )
    nearest = (parameters["W_dec"][0] @ directions.T).argmax(1)
    shares = torch.bincount(nearest, minlength=3) / n
    torch.testing.assert_close(shares, torch.tensor([1.0, 4.0, 16.0]) / 21, rtol=0, atol=4 * 0.5 / n**0.5)


def test_without_a_live_latent_the_encoder_has_the_scale_as_its_length():
    parameters = random_parameters()
    resample(parameters, torch.ones(2, 5, dtype=torch.bool), scale=0.25)
    torch.testing.assert_close(parameters["W_enc"].norm(dim=1), torch.full((2, 5), 0.25))


def test_draws_of_an_instance_do_not_depend_on_the_others():
    last, both = DEAD.flip(0), DEAD | DEAD.flip(0)
    alone, together = random_parameters(), random_parameters()
    resample(alone, last)
    resample(together, both)
    assert torch.equal(alone["W_enc"][1], together["W_enc"][1])
    assert not torch.equal(alone["W_enc"][0], together["W_enc"][0])


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_where_there_is_nothing_to_draw_the_dead_stay_dead(value):
    # No latent fires, so h' = b_dec: the batch is reconstructed exactly, or its errors are not finite.
    parameters = random_parameters() | {"b_enc": torch.full((2, 5), -100.0)}
    before = {key: tensor.clone() for key, tensor in parameters.items()}
    assert not resample(parameters, draw_batch=lambda instance: before["b_dec"][instance].expand(8, 2) + value).any()
    assert all(torch.equal(parameters[key], before[key]) for key in before)


def test_only_what_was_restarted_is_told():
    parameters = random_parameters() | {"b_enc": torch.full((2, 5), -100.0)}
    both = DEAD | DEAD.flip(0)
    restarted = resample(parameters, both, draw_batch=lambda i: parameters["b_dec"][i].expand(8, 2) + i)
    assert restarted.tolist() == [[False] * 5, both[1].tolist()]


def test_an_activation_at_the_decoder_bias_has_no_direction_to_give():
    # A latent with a positive bias fires at h = b_dec, which is then badly reconstructed but no direction.
    parameters = random_parameters() | {"b_enc": torch.full((2, 5), 3.0)}
    batch = parameters["b_dec"][0] + torch.tensor([[0.0, 0.0]] * 50 + [[1.0, 0.0]])
    assert torch.equal(resample(parameters, draw_batch=lambda _: batch), DEAD)
    torch.testing.assert_close(parameters["W_dec"][0][DEAD[0]], torch.tensor([[1.0, 0.0]]).expand(3, 2))


# Within the fit


def fit_resampled(method, restarts=3, **training):
    training = {"steps": 1500, "batch_size": 64, "learning_rate": 0.01, "snapshots": 0, **training}
    block = sae(
        restarts=restarts, training=training, resampling={"method": method, "every": 300, "window": 100, "scale": 0.5}
    )
    return fit(block, W=1.15 * PENTAGON, p=0.025)


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_the_fit_resamples_and_repeats(engine):
    (first, history), (again, _), (simple, _) = (
        fit_resampled(method, engine=engine) for method in ("advanced", "advanced", "simple")
    )
    assert any(flags.any() for flags in history["resampled"])
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["W_enc"], simple["W_enc"])


def test_every_instance_has_batches_of_its_own(monkeypatch):
    calls = []
    monkeypatch.setattr(saes, "resample_advanced", lambda *args: calls.append(args[-1]) or torch.zeros_like(args[2]))
    for _ in range(2):
        fit_resampled("advanced", steps=400, engine="auto")
    first, second = calls  # of two fits: their instances are asked in another order
    batches, others = [first(0), first(1)], [second(1), second(0)]
    assert torch.equal(batches[0], others[1])
    assert torch.equal(batches[1], others[0])
    assert batches[0].shape == (64, 2)
    assert not torch.equal(batches[0], batches[1])
    assert not torch.equal(first(0), batches[0])  # every resampling has a fresh one
