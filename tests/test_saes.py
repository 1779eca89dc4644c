"""The ReLU autoencoder against numbers worked out by hand and against the optimum that its loss has in theory."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from superposition import saes
from superposition.optimizers import Adam, schedule_factor
from superposition.saes import ReluSae
from superposition.seeding import torch_generator

RELU = ReluSae()


def by_hand():
    """Two latents in two dimensions; the decoder rows are not of unit length."""
    return {
        "W_enc": torch.tensor([[[1.0, 0.0], [2.0, -1.0]]]),  # latent 0 looks at h_0 + 2 h_1, latent 1 at -h_1
        "b_enc": torch.tensor([[-0.5, 0.25]]),
        "W_dec": torch.tensor([[[3.0, 4.0], [0.0, 2.0]]]),  # directions (.6, .8) and (0, 1)
        "b_dec": torch.tensor([[0.5, 0.0]]),
    }


def random_parameters(n_instances=2, d_in=3, n_latents=4, dtype=torch.float64):
    generator = torch_generator(0, "parameters")
    shapes = {"W_enc": (d_in, n_latents), "b_enc": (n_latents,), "W_dec": (n_latents, d_in), "b_dec": (d_in,)}
    return {k: torch.randn(n_instances, *shape, generator=generator, dtype=dtype) for k, shape in shapes.items()}


# h = (1, 1): centred (.5, 1), pre-activations .5 + 2 - .5 = 2 and -1 + .25 = -.75, so z = (2, 0), and
# h' = 2 (.6, .8) + (.5, 0) = (1.7, 1.6). h = (.5, -1): centred (0, -1), pre-activations -2.5 and 1.25, so z = (0, 1.25)
# and h' = (.5, 1.25).
H = torch.tensor([[[1.0, 1.0]], [[0.5, -1.0]]])


def test_forward_by_hand():
    z = RELU.encode(by_hand(), H)
    torch.testing.assert_close(z, torch.tensor([[[2.0, 0.0]], [[0.0, 1.25]]]))
    torch.testing.assert_close(RELU.decode(by_hand(), z), torch.tensor([[[1.7, 1.6]], [[0.5, 1.25]]]))


def test_losses_by_hand():
    # Errors (-.7, -.6) and (0, -2.25): means of squares over d .425 and 2.53125, over the batch 1.478125. The latents
    # sum to 2 and 1.25, on average 1.625. Total: 1.478125 + .2 * 1.625 = 1.803125.
    losses = RELU.losses(by_hand(), H, torch.tensor([0.2]))
    assert losses.reconstruction.item() == pytest.approx(1.478125)
    assert losses.sparsity.item() == pytest.approx(1.625)
    assert losses.total.item() == pytest.approx(1.803125)
    assert losses.fraction_active.tolist() == [[0.5, 0.5]]


def test_each_instance_has_its_own_penalty():
    parameters = random_parameters()
    h = torch.randn(9, 2, 3, generator=torch_generator(0, "h"), dtype=torch.float64)
    losses = RELU.losses(parameters, h, torch.tensor([0.0, 10.0]))
    torch.testing.assert_close(losses.total, losses.reconstruction + torch.tensor([0.0, 10.0]) * losses.sparsity)
    for i in range(2):
        one = {name: tensor[i, None] for name, tensor in parameters.items()}
        alone = RELU.losses(one, h[:, i, None], torch.tensor([0.0, 10.0])[i, None])
        torch.testing.assert_close(alone.total[0], losses.total[i])


def test_decoder_length_does_not_matter():
    parameters, h = by_hand(), H
    before = RELU.losses(parameters, h, torch.tensor([0.2])).total
    parameters["W_dec"] = 7 * parameters["W_dec"]
    torch.testing.assert_close(RELU.losses(parameters, h, torch.tensor([0.2])).total, before)
    torch.testing.assert_close(saes.normalise_decoder(parameters), torch.tensor([[[0.6, 0.8], [0.0, 1.0]]]))


def test_zero_decoder_row_stays_finite():
    parameters = by_hand() | {"W_dec": torch.zeros(1, 2, 2)}
    assert not saes.normalise_decoder(parameters).any()


def test_gradients():
    parameters = random_parameters()
    h = torch.randn(9, 2, 3, generator=torch_generator(0, "h"), dtype=torch.float64)

    def total(*values):
        return RELU.losses(dict(zip(parameters, values, strict=True)), h, torch.tensor([0.2, 0.5])).total

    assert gradcheck(total, tuple(tensor.requires_grad_() for tensor in parameters.values()))


def test_initial_values():
    parameters = RELU.initialise(d_in=8, n_latents=50, generators=[torch_generator(0, i) for i in range(3)])
    bound = math.sqrt(6 / (8 * 50))
    assert {name: tuple(tensor.shape) for name, tensor in parameters.items()} == {
        "W_enc": (3, 8, 50),
        "W_dec": (3, 50, 8),
        "b_enc": (3, 50),
        "b_dec": (3, 8),
    }
    W_enc = parameters["W_enc"]
    assert W_enc.abs().max() <= bound
    assert W_enc.abs().max() > 0.98 * bound
    assert W_enc.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)  # uniform
    assert abs(W_enc.mean()) < 4 * bound / math.sqrt(3 * W_enc.numel())
    torch.testing.assert_close(parameters["W_dec"].norm(dim=-1), torch.ones(3, 50))
    assert not parameters["b_enc"].any()
    assert not parameters["b_dec"].any()


def test_instance_starts_the_same_in_any_company():
    alone, crowd = (RELU.initialise(2, 5, [torch_generator(0, "init", i) for i in who]) for who in ([3], range(9)))
    for name, tensor in alone.items():
        assert torch.equal(tensor[0], crowd[name][3])
    assert not torch.equal(crowd["W_enc"][3], crowd["W_enc"][4])


# Resampling

DEAD = torch.tensor([[False, True, False, True], [False, False, False, False]])


def resample(parameters, dead=DEAD, scale=0.5):
    saes.resample_simple(RELU, parameters, dead, scale, [torch_generator(0, "resample", i) for i in range(len(dead))])
    return parameters


def test_resampling_changes_exactly_the_dead():
    before = random_parameters(dtype=torch.float32)
    after = resample(random_parameters(dtype=torch.float32))
    for name, axis in (("W_enc", 1), ("W_dec", 2), ("b_enc", None)):
        changed = before[name] != after[name]
        assert torch.equal(changed if axis is None else changed.all(axis), DEAD)
        assert torch.equal(changed if axis is None else changed.any(axis), DEAD)
    assert torch.equal(before["b_dec"], after["b_dec"])


def test_resampled_latent_looks_where_it_points():
    after = resample(random_parameters(dtype=torch.float32))
    directions = after["W_dec"][DEAD]
    torch.testing.assert_close(directions.norm(dim=-1), torch.ones(2))
    torch.testing.assert_close(after["W_enc"].mT[DEAD], 0.5 * directions)
    assert not after["b_enc"][DEAD].any()
    assert not torch.isclose(directions[0], directions[1]).any()


def test_resampled_latent_is_alive_again():
    parameters = random_parameters(dtype=torch.float32) | {"b_enc": torch.full((2, 4), -100.0)}
    parameters["b_dec"] = torch.zeros(2, 3)
    h = torch.randn(500, 2, 3, generator=torch_generator(0, "h"))
    assert not RELU.encode(parameters, h).any()
    active = (RELU.encode(resample(parameters), h) > 0).float().mean(0)
    torch.testing.assert_close(active, 0.5 * DEAD.float(), rtol=0, atol=0.1)  # a half-space of the inputs


def test_draws_of_an_instance_do_not_depend_on_the_others():
    alone, both = DEAD.clone(), DEAD.clone()
    both[1] = True
    first, second = (resample(random_parameters(dtype=torch.float32), dead) for dead in (alone, both))
    assert torch.equal(first["W_dec"][0], second["W_dec"][0])
    drawn = torch.randn(3, generator=torch_generator(0, "resample", 1))  # the first of the second instance's own
    torch.testing.assert_close(second["W_dec"][1, 0], drawn / drawn.norm())


def test_new_directions_are_uniform():
    parameters = RELU.initialise(2, 3000, [torch_generator(0)])
    after = resample(parameters, torch.ones(1, 3000, dtype=torch.bool))
    angles = torch.atan2(after["W_dec"][0, :, 1], after["W_dec"][0, :, 0])
    for k in (1, 2, 3, 4):  # the k-th circular moment of 3,000 angles: 4 standard deviations
        assert torch.polar(torch.ones(3000), k * angles).mean().abs() < 4 / math.sqrt(3000)


# The optimum


@pytest.mark.parametrize(("d_in", "penalty"), [(2, 0.2), (4, 0.05), (1, 0.4), (1, 1.0)])
def test_shrinkage_at_the_optimum(d_in, penalty):
    # One latent along one feature, inputs of length c: the loss (c - f)^2 / d + penalty f has its minimum at
    # f = max(0, c - penalty d / 2); with d = 1 and penalty 1 a feature of length 1 reads one half.
    # Inputs of length 0 keep b_dec, fixed at 0 here, from taking part.
    direction = torch.nn.functional.normalize(torch.arange(1.0, d_in + 1), dim=0)
    lengths = torch.tensor([0.0, 0.05, 0.3, 0.5, 0.8, 1.0])
    h = (lengths[:, None] * direction)[:, None]
    parameters = {
        "W_enc": 0.8 * direction[None, :, None],
        "b_enc": torch.zeros(1, 1),
        "W_dec": direction[None, None],
    }
    optimizer = Adam(parameters, torch.tensor([0.02]))
    for step in range(1500):
        for tensor in parameters.values():
            tensor.requires_grad_(True)
        loss = RELU.losses(parameters | {"b_dec": torch.zeros(1, d_in)}, h, torch.tensor([penalty])).total.sum()
        gradients = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True))
        for tensor in parameters.values():
            tensor.requires_grad_(False)
        optimizer.step(gradients, *optimizer.numbers(step, schedule_factor("cosine", step, 1500)))
    z = RELU.encode(parameters | {"b_dec": torch.zeros(1, d_in)}, h).flatten()
    torch.testing.assert_close(z, (lengths - penalty * d_in / 2).clamp(min=0), rtol=0, atol=1e-3)
