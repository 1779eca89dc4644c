"""The JumpReLU autoencoder: exact straight-through estimators, numbers by hand, and what the estimators estimate."""

import math

import pytest
import torch

from superposition import saes
from superposition.saes import JumpReluSae
from superposition.saes.jumprelu import Heaviside, JumpRelu
from superposition.seeding import torch_generator

JUMPRELU = JumpReluSae(threshold_init=0.1, bandwidth=0.01)

# The estimators

PRE = torch.tensor(
    [1.0, 1.4, 1.6, 2.0], dtype=torch.float64
)  # two on either side of a threshold of 1.5, the inner two within .25 of it


@pytest.mark.parametrize(
    ("function", "output", "by_threshold", "by_pre"),
    [
        # near the threshold -1 / .5 = -2 per unit of gradient, elsewhere 0
        (Heaviside, [0.0, 0.0, 1.0, 1.0], [0.0, -2.0, -2.0, 0.0], [0.0, 0.0, 0.0, 0.0]),
        # near the threshold -1.5 / .5 = -3
        (JumpRelu, [0.0, 0.0, 1.6, 2.0], [0.0, -3.0, -3.0, 0.0], [0.0, 0.0, 1.0, 1.0]),
    ],
)
@pytest.mark.parametrize("copies", [1, 2])
def test_straight_through_estimators(function, output, by_threshold, by_pre, copies):
    pre = PRE.repeat(copies, 1).requires_grad_()
    threshold = torch.full((4,), 1.5, requires_grad=True)
    value = function.apply(pre, threshold, 0.5)
    assert value.tolist() == [output] * copies
    value.sum().backward()
    assert threshold.grad.tolist() == [copies * each for each in by_threshold]
    assert pre.grad.tolist() == [by_pre] * copies


def test_estimators_weigh_the_gradient_that_comes_in():
    threshold = torch.full((4,), 1.5, requires_grad=True)
    (JumpRelu.apply(PRE, threshold, 0.5) * torch.tensor([1.0, 10.0, 100.0, 1000.0])).sum().backward()
    assert threshold.grad.tolist() == [0, -30, -300, 0]


def test_a_threshold_is_not_exceeded_by_itself():
    assert Heaviside.apply(torch.tensor([1.5]), torch.tensor([1.5]), 0.5).item() == 0
    assert JumpRelu.apply(torch.tensor([1.5]), torch.tensor([1.5]), 0.5).item() == 0


def test_estimators_estimate_the_gradient_of_the_expected_loss():
    # For u ~ N(0, 1) and threshold t the expected value of H(u - t) falls by the density phi(t) per unit of t, that of
    # u H(u - t) by t phi(t). At t = .5, phi = .352065. A million samples hold some 35,000 in the band, whose mean has a
    # relative error of about .5 %; the band of width .1 itself errs by .03 %.
    u = torch.randn(1_000_000, generator=torch_generator(0, "u"), dtype=torch.float64)
    phi = math.exp(-0.125) / math.sqrt(2 * math.pi)
    for function, exact in ((Heaviside, -phi), (JumpRelu, -0.5 * phi)):
        threshold = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
        function.apply(u, threshold, 0.1).mean().backward()
        assert threshold.grad.item() == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("bandwidth", [0.01, 0.05])
@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_estimators_agree_with_finite_differences_of_the_expected_loss(bandwidth, penalty):
    # One latent, tied: h ~ N(0, 1) is read as .8 h and written as h' = .64 h where that exceeds the threshold, else 0.
    # Samples on both sides of the threshold count, so the mean pseudo-gradient is right although the loss jumps.
    h = torch.randn(1_000_000, 1, 1, generator=torch_generator(0, "h"), dtype=torch.float64)
    sae = JumpReluSae(threshold_init=0.1, bandwidth=bandwidth)

    def expected(threshold):
        parameters = {
            "W_enc": torch.full((1, 1, 1), 0.8, dtype=torch.float64),
            "b_enc": torch.zeros(1, 1, dtype=torch.float64),
            "b_dec": torch.zeros(1, 1, dtype=torch.float64),
            "log_threshold": torch.as_tensor(threshold, dtype=torch.float64).log().expand(1, 1),
        }
        return sae.losses(parameters, h, torch.tensor([penalty])).total.sum()

    threshold = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    expected(threshold).backward()
    finite = (expected(0.73) - expected(0.67)) / 0.06
    assert abs(finite) > 0.05
    assert threshold.grad.item() == pytest.approx(finite.item(), rel=0.1)


# The autoencoder


def by_hand(**changes):
    """Two latents in two dimensions; both thresholds are .3."""
    return {
        "W_enc": torch.tensor([[[1.0, 0.0], [2.0, -1.0]]]),  # latent 0 looks at h_0 + 2 h_1, latent 1 at -h_1
        "b_enc": torch.tensor([[-0.5, 0.25]]),
        "log_threshold": torch.full((1, 2), math.log(0.3)),
        "b_dec": torch.tensor([[0.5, 0.0]]),
    } | changes


# h = (1, 1): centred (.5, 1), pre = (2, -.75), z = (2, 0), h' = 2 (1, 2) + (.5, 0) = (2.5, 4).
# h = (.5, 0): centred (0, 0), pre = (-.5, .25), both below .3, so z = (0, 0) and h' = (.5, 0) is exact.
H = torch.tensor([[[1.0, 1.0]], [[0.5, 0.0]]])


def test_forward_by_hand():
    z = JUMPRELU.encode(by_hand(), H)
    torch.testing.assert_close(z, torch.tensor([[[2.0, 0.0]], [[0.0, 0.0]]]))
    torch.testing.assert_close(JUMPRELU.decode(by_hand(), z), torch.tensor([[[2.5, 4.0]], [[0.5, 0.0]]]))


def test_losses_by_hand():
    # Squared errors 1.5^2 + 3^2 = 11.25 and 0: mean over d and 2 samples 2.8125. One latent in 2 samples is active.
    losses = JUMPRELU.losses(by_hand(), H, torch.tensor([0.4]))
    assert losses.reconstruction.item() == pytest.approx(2.8125)
    assert losses.sparsity.item() == 0.5
    assert losses.total.item() == pytest.approx(2.8125 + 0.4 * 0.5)
    assert losses.fraction_active.tolist() == [[0.5, 0.0]]


def test_gradient_of_the_threshold_by_hand():
    # Only the pre-activation .25 of latent 1 in the second sample is within .2 / 2 of its threshold. There h' = h, so
    # the reconstruction does not pull; the penalty gives -(1 / .2) * .4 / 2 samples = -1, times .3 for the logarithm.
    parameters = by_hand(log_threshold=torch.full((1, 2), math.log(0.3), requires_grad=True))
    JumpReluSae(threshold_init=0.1, bandwidth=0.2).losses(parameters, H, torch.tensor([0.4])).total.sum().backward()
    torch.testing.assert_close(parameters["log_threshold"].grad, torch.tensor([[0.0, -0.3]]))


def test_gradients_of_weights_are_those_at_fixed_gates():
    # away from the band the loss is smooth in the weights: finite differences agree
    generator = torch_generator(0, "parameters")
    parameters = {
        key: (tensor + 0.3 * torch.randn(tensor.shape, generator=generator)).double()
        for key, tensor in JUMPRELU.initialise(3, 4, [generator]).items()
    }
    h = torch.randn(9, 1, 3, generator=generator, dtype=torch.float64)
    log_threshold = parameters.pop("log_threshold")

    def total(*values):
        live = dict(zip(parameters, values, strict=True)) | {"log_threshold": log_threshold}
        return JUMPRELU.losses(live, h, torch.tensor([0.2])).total

    assert torch.autograd.gradcheck(total, tuple(tensor.requires_grad_() for tensor in parameters.values()))


def test_initial_values():
    parameters = JUMPRELU.initialise(d_in=8, n_latents=50, generators=[torch_generator(0, i) for i in range(3)])
    relu = saes.ReluSae().initialise(d_in=8, n_latents=50, generators=[torch_generator(0, i) for i in range(3)])
    assert torch.equal(parameters["W_enc"], relu["W_enc"])
    torch.testing.assert_close(parameters["log_threshold"].exp(), torch.full((3, 50), 0.1))
    assert not parameters["b_enc"].any()
    assert not parameters["b_dec"].any()
    assert "W_dec" not in parameters


def test_decoder_is_the_transposed_encoder_of_any_length():
    parameters = by_hand()
    before = {key: tensor.clone() for key, tensor in parameters.items()}
    JUMPRELU.after_step(parameters)
    assert all(torch.equal(parameters[key], before[key]) for key in before)
    assert JUMPRELU.weights(parameters)["W_dec"].tolist() == [[[1.0, 2.0], [0.0, -1.0]]]


def test_resampling_changes_exactly_the_dead():
    dead = torch.tensor([[False, True, False, True], [False, False, False, False]])
    generator = torch_generator(0, "parameters")
    before = {
        key: tensor + 0.3 * torch.randn(tensor.shape, generator=generator)
        for key, tensor in JUMPRELU.initialise(3, 4, [generator] * 2).items()
    }
    after = {key: tensor.clone() for key, tensor in before.items()}
    saes.resample_simple(JUMPRELU, after, dead, 0.5, [torch_generator(0, "resample", i) for i in range(2)])
    assert torch.equal((before["W_enc"] != after["W_enc"]).all(1), dead)
    for key in ("b_enc", "log_threshold"):
        assert torch.equal(before[key] != after[key], dead)
    assert torch.equal((before["W_enc"] != after["W_enc"]).any(1), dead)
    assert torch.equal(before["b_dec"], after["b_dec"])
    torch.testing.assert_close(after["W_enc"].mT[dead].norm(dim=-1), torch.full((2,), 0.5))
    assert not after["b_enc"][dead].any()
    torch.testing.assert_close(after["log_threshold"][dead].exp(), torch.full((2,), 0.1))


# The registry


def test_settings_come_from_the_configuration():
    block = {"architecture": "jumprelu", "threshold_init": 0.2, "bandwidth": 0.05, "n_latents": 5}
    assert saes.make_architecture(block) == JumpReluSae(threshold_init=0.2, bandwidth=0.05)
    assert saes.make_architecture({"architecture": "gated"}) == saes.GatedSae()
