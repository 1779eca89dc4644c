"""The gated autoencoder against numbers worked out by hand, and against what its paper says about it."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from superposition import saes
from superposition.saes import GatedSae
from superposition.saes.jumprelu import JumpRelu
from superposition.seeding import torch_generator

GATED = GatedSae()


def by_hand():
    """Two latents in two dimensions; the decoder rows are not of unit length."""
    return {
        "W_gate": torch.tensor([[[1.0, 0.0], [2.0, -1.0]]]),  # latent 0 looks at h_0 + 2 h_1, latent 1 at -h_1
        "W_dec": torch.tensor([[[3.0, 4.0], [0.0, 2.0]]]),  # directions (.6, .8) and (0, 1)
        "b_gate": torch.tensor([[-0.5, 0.25]]),
        "r_mag": torch.tensor([[0.0, math.log(2)]]),  # the magnitude of latent 1 counts twice
        "b_mag": torch.tensor([[0.5, -0.5]]),
        "b_dec": torch.tensor([[0.5, 0.0]]),
    }


def random_parameters(n_instances=2, d_in=3, n_latents=4, dtype=torch.float64):
    generator = torch_generator(0, "parameters")
    parameters = GATED.initialise(d_in, n_latents, [generator] * n_instances)
    return {
        key: (tensor + 0.5 * torch.randn(tensor.shape, generator=generator)).to(dtype)
        for key, tensor in parameters.items()
    }


# h = (1, 1): centred (.5, 1), shared (2.5, -1). pi = (2, -.75), so only gate 0 opens; magnitudes (3, -2.5): z = (3, 0),
# h' = 3 (.6, .8) + (.5, 0) = (2.3, 2.4). The gate's own reconstruction is 2 (.6, .8) + (.5, 0) = (1.7, 1.6).
# h = (.5, -1): centred (0, -1), shared (-2, 1). pi = (-2.5, 1.25), so only gate 1 opens; magnitudes (-1.5, 1.5):
# z = (0, 1.5), h' = (.5, 1.5); the gate's own is (.5, 1.25).
# h = (.5, -.1): centred (0, -.1), shared (-.2, .1). pi = (-.7, .35), but magnitudes (.3, -.3): the closed gate 0 has a
# positive magnitude, the open gate 1 a negative one: z = (0, 0), h' = (.5, 0); the gate's own is (.5, .35).
H = torch.tensor([[[1.0, 1.0]], [[0.5, -1.0]], [[0.5, -0.1]]])


def test_forward_by_hand():
    z = GATED.encode(by_hand(), H)
    torch.testing.assert_close(z, torch.tensor([[[3.0, 0.0]], [[0.0, 1.5]], [[0.0, 0.0]]]))
    torch.testing.assert_close(GATED.decode(by_hand(), z), torch.tensor([[[2.3, 2.4]], [[0.5, 1.5]], [[0.5, 0.0]]]))


def test_losses_by_hand():
    # Squared errors: 1.3^2 + 1.4^2 = 3.65, 2.5^2 = 6.25 and .1^2 = .01, halved for the mean over d and averaged over 3
    # samples: 9.91 / 6. Open gates sum to 2 + 1.25 + .35 = 3.6, over 3 samples 1.2. The gate's squared errors
    # .49 + .36 = .85, 2.25^2 = 5.0625 and .45^2 = .2025 are summed over d: 6.115 / 3.
    losses = GATED.losses(by_hand(), H, torch.tensor([0.5]))
    assert losses.reconstruction.item() == pytest.approx(9.91 / 6)
    assert losses.sparsity.item() == pytest.approx(1.2)
    assert losses.total.item() == pytest.approx(9.91 / 6 + 0.5 * 1.2 + 6.115 / 3)
    assert losses.fraction_active[0].tolist() == pytest.approx([1 / 3, 1 / 3])


def test_forward_is_that_of_a_jump_relu():
    # Rajamanoharan et al. 2024a: with u the magnitude before its ReLU, 1[pi > 0] ReLU(u) is u above the threshold
    # b_mag - exp(r_mag) b_gate, else 0, if the threshold is positive.
    parameters = random_parameters(dtype=torch.float32)
    h = torch.randn(2000, 2, 3, generator=torch_generator(0, "h"))
    scale = parameters["r_mag"].exp()
    parameters["b_mag"] = scale * parameters["b_gate"] + torch.rand(2, 4, generator=torch_generator(1))
    threshold = parameters["b_mag"] - scale * parameters["b_gate"]
    u = torch.einsum("bid,idl->bil", h - parameters["b_dec"], parameters["W_gate"] * scale[:, None])
    expected = JumpRelu.apply(u + parameters["b_mag"], threshold, 0.01)
    assert 0.2 < (expected > 0).float().mean() < 0.8
    torch.testing.assert_close(GATED.encode(parameters, h), expected, rtol=1e-5, atol=1e-5)


def test_gradients():
    # With the auxiliary loss decoded by copies, which nothing moves, finite differences agree with autograd; and that
    # is the gradient of the loss itself.
    parameters, penalty = random_parameters(), torch.tensor([0.2, 0.5])
    h = torch.randn(9, 2, 3, generator=torch_generator(0, "h"), dtype=torch.float64)
    frozen = {key: parameters[key].clone() for key in ("W_dec", "b_dec")}

    def losses_and_total(*values):
        live = dict(zip(parameters, values, strict=True))
        losses = GATED.losses(live, h, penalty)
        gate = torch.relu(GATED.gate_and_magnitude(live, h)[0])
        auxiliary = ((h - GATED.decode(frozen, gate)) ** 2).sum(-1).mean(0)
        return losses, losses.reconstruction + penalty * losses.sparsity + auxiliary

    values = tuple(tensor.requires_grad_() for tensor in parameters.values())
    assert gradcheck(lambda *values: losses_and_total(*values)[1], values)
    losses, total = losses_and_total(*values)
    torch.testing.assert_close(losses.total, total)
    own = torch.autograd.grad(losses.total.sum(), values, retain_graph=True)
    torch.testing.assert_close(own, torch.autograd.grad(total.sum(), values))


def test_auxiliary_loss_does_not_train_the_decoder():
    # Magnitudes that never rise above zero leave the auxiliary loss alone to decode anything.
    parameters = random_parameters() | {"b_mag": torch.full((2, 4), -100.0, dtype=torch.float64)}
    h = torch.randn(9, 2, 3, generator=torch_generator(0, "h"), dtype=torch.float64)
    for tensor in parameters.values():
        tensor.requires_grad_(True)
    losses = GATED.losses(parameters, h, torch.tensor([0.2, 0.5]))
    gradient = dict(zip(parameters, torch.autograd.grad(losses.total.sum(), list(parameters.values())), strict=True))
    assert not losses.fraction_active.any()
    assert not any(gradient[key].any() for key in ("W_dec", "r_mag", "b_mag"))
    assert all(gradient[key].any() for key in ("W_gate", "b_gate"))


def test_initial_values():
    parameters = GATED.initialise(d_in=8, n_latents=50, generators=[torch_generator(0, i) for i in range(3)])
    relu = saes.ReluSae().initialise(d_in=8, n_latents=50, generators=[torch_generator(0, i) for i in range(3)])
    assert torch.equal(parameters["W_gate"], relu["W_enc"])
    assert torch.equal(parameters["W_dec"], relu["W_dec"])
    assert {key: tuple(tensor.shape) for key, tensor in parameters.items() if not tensor.any()} == {
        "b_gate": (3, 50),
        "r_mag": (3, 50),
        "b_mag": (3, 50),
        "b_dec": (3, 8),
    }


def test_gate_starts_as_the_relu_autoencoder():
    # with r_mag = 0 and all biases 0 gate and magnitude are the same
    parameters = GATED.initialise(3, 4, [torch_generator(0, "init")])
    h = torch.randn(50, 1, 3, generator=torch_generator(0, "h"))
    relu = saes.ReluSae()
    torch.testing.assert_close(GATED.encode(parameters, h), relu.encode(GATED.weights(parameters), h))


def test_decoder_is_normalised_after_a_step():
    parameters = random_parameters(dtype=torch.float32)
    expected = saes.normalise_decoder(parameters)
    GATED.after_step(parameters)
    torch.testing.assert_close(parameters["W_dec"], expected)
    torch.testing.assert_close(parameters["W_dec"].norm(dim=-1), torch.ones(2, 4))


def test_resampling_changes_exactly_the_dead():
    dead = torch.tensor([[False, True, False, True], [False, False, False, False]])
    before, after = random_parameters(dtype=torch.float32), random_parameters(dtype=torch.float32)
    saes.resample_simple(GATED, after, dead, 0.5, [torch_generator(0, "resample", i) for i in range(2)])
    latents = {"W_gate": lambda t: t.mT, "W_dec": lambda t: t} | dict.fromkeys(
        ("b_gate", "r_mag", "b_mag"), lambda t: t[..., None]
    )
    for key, by_latent in latents.items():
        changed = by_latent(before[key]) != by_latent(after[key])
        assert torch.equal(changed.all(-1), dead), key
        assert torch.equal(changed.any(-1), dead), key
    assert torch.equal(before["b_dec"], after["b_dec"])
    torch.testing.assert_close(after["W_dec"][dead].norm(dim=-1), torch.ones(2))
    torch.testing.assert_close(after["W_gate"].mT[dead], 0.5 * after["W_dec"][dead])
    assert not any(after[key][dead].any() for key in ("b_gate", "r_mag", "b_mag"))
