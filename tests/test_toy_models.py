"""The toy models against numbers worked out by hand, and against the loss that theory gives for known solutions."""

import pytest
import torch
from torch.autograd import gradcheck

from superposition import toy_models
from superposition.features import make_distribution
from superposition.seeding import torch_generator

KINDS = ("linear", "relu_output")


def stack(*models):
    """One instance per (W, b)."""
    W, b = zip(*models, strict=True)
    return {"W": torch.tensor(W, dtype=torch.float64), "b_final": torch.tensor(b, dtype=torch.float64)}


def loss(kind, parameters, x, importance):
    return toy_models.reconstruction_loss(kind, parameters, torch.tensor(x).double(), torch.tensor(importance)).tolist()


# Two features in one dimension, W = (1, -1), b = (.1, 0). On x = (.5, .2): h = .3 and W^T h + b = (.4, -.3).
ANTIPODAL = ([[1.0, -1.0]], [0.1, 0.0])
SAMPLE = torch.tensor([[[0.5, 0.2]]], dtype=torch.float64)


def test_forward_by_hand():
    parameters = stack(ANTIPODAL)
    torch.testing.assert_close(toy_models.encode(parameters, SAMPLE), torch.tensor([[[0.3]]]).double())
    torch.testing.assert_close(toy_models.linear(parameters, SAMPLE), torch.tensor([[[0.4, -0.3]]]).double())
    torch.testing.assert_close(toy_models.relu_output(parameters, SAMPLE), torch.tensor([[[0.4, 0.0]]]).double())


def test_loss_by_hand():
    # relu_output: errors (.1, .2) on the sample above give (.01 + .5 * .04) / 2 = .015. On x = (0, 1): h = -1,
    # W^T h + b = (-.9, 1), x' = (0, 1) without error. The mean over the two samples is .0075.
    # linear: errors (.1, .5) and (.9, 0) give (.01 + .5 * .25) / 2 = .0675 and .81 / 2 = .405, on average .23625.
    parameters, x, importance = stack(ANTIPODAL), [[[0.5, 0.2]], [[0.0, 1.0]]], [1.0, 0.5]
    assert loss("relu_output", parameters, x, importance) == pytest.approx([0.0075])
    assert loss("linear", parameters, x, importance) == pytest.approx([0.23625])


def test_importance_weighs_its_own_feature():
    parameters, x = stack(ANTIPODAL), [[[0.5, 0.2]]]
    assert loss("relu_output", parameters, x, [2.0, 0.0]) == pytest.approx([0.01])  # 2 * .1^2 / 2
    assert loss("relu_output", parameters, x, [0.0, 2.0]) == pytest.approx([0.04])  # 2 * .2^2 / 2


def test_instances_do_not_mix():
    nothing, identity = ([[0.0, 0.0]], [0.0, 0.0]), ([[1.0, 0.0]], [0.0, 0.5])
    x = torch.rand(8, 3, 2, generator=torch_generator(0, "x"), dtype=torch.float64)
    together = toy_models.reconstruction_loss("relu_output", stack(ANTIPODAL, nothing, identity), x, torch.ones(2))
    for i, model in enumerate([ANTIPODAL, nothing, identity]):
        alone = toy_models.reconstruction_loss("relu_output", stack(model), x[:, i, None], torch.ones(2))
        assert together[i].item() == pytest.approx(alone.item(), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind):
    generator = torch_generator(0, "gradients")
    W, b = (torch.randn(2, *shape, generator=generator, dtype=torch.float64) for shape in [(3, 5), (5,)])
    x = torch.rand(7, 2, 5, generator=generator, dtype=torch.float64)
    importance = 0.9 ** torch.arange(5, dtype=torch.float64)

    def losses(W, b):
        return toy_models.reconstruction_loss(kind, {"W": W, "b_final": b}, x, importance)

    assert gradcheck(losses, (W.requires_grad_(), b.requires_grad_()))


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_basis_is_not_privileged(kind):
    generator = torch_generator(0, "rotation")
    W, b = (torch.randn(1, *shape, generator=generator, dtype=torch.float64) for shape in [(3, 5), (5,)])
    x = torch.rand(100, 1, 5, generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64)).Q
    before = toy_models.reconstruction_loss(kind, {"W": W, "b_final": b}, x, torch.ones(5))
    after = toy_models.reconstruction_loss(kind, {"W": rotation @ W, "b_final": b}, x, torch.ones(5))
    torch.testing.assert_close(before, after)


@pytest.mark.parametrize("p", [1.0, 0.5, 0.2])
def test_loss_of_known_solutions(p):
    # Two features of importances (1, r) in one dimension (Elhage et al. 2022, "Superposition as a Phase Change"), with
    # losses summed over features. Antipodal: if both are present, x' is (larger - smaller, 0), off by min(x1, x2) at
    # either feature; that costs (1 + r) p^2 E[min^2] = (1 + r) p^2 / 6. Feature 2 ignored: its best guess is its mean
    # p / 2, which costs its variance, r (p / 3 - p^2 / 4).
    r, n = 0.4, 500_000
    sampled = make_distribution("independent", torch.full((1, 2), p)).sample(n, torch_generator(0, "theory"))
    parameters = stack(([[1.0, -1.0]], [0.0, 0.0]), ([[1.0, 0.0]], [0.0, p / 2]))
    x = sampled.double().expand(-1, 2, -1)
    antipodal, dedicated = 2 * toy_models.reconstruction_loss("relu_output", parameters, x, torch.tensor([1.0, r]))
    assert antipodal.item() == pytest.approx((1 + r) * p**2 / 6, rel=0.03)  # 3 standard errors at p = .2
    assert dedicated.item() == pytest.approx(r * (p / 3 - p**2 / 4), rel=0.01)


@pytest.mark.parametrize("n_instances", [1, 64])
def test_initial_scale(n_instances):
    generators = [torch_generator(0, "init", i) for i in range(n_instances)]
    parameters = toy_models.initialise(n_features=400, n_hidden=30, generators=generators)
    assert parameters["W"].shape == (n_instances, 30, 400)
    assert parameters["b_final"].shape == (n_instances, 400)
    assert not parameters["b_final"].any()
    # Xavier for each matrix: std = sqrt(2 / (30 + 400)). That of 12,000 numbers is off by 1 / sqrt(24,000) = .6 %.
    for W in parameters["W"][:3]:
        assert W.std().item() == pytest.approx((2 / 430) ** 0.5, rel=0.03)


def test_instance_starts_the_same_in_any_company():
    alone, crowd = (
        toy_models.initialise(5, 2, [torch_generator(0, "init", i) for i in instances]) for instances in ([3], range(9))
    )
    assert torch.equal(alone["W"][0], crowd["W"][3])
    assert not torch.equal(crowd["W"][3], crowd["W"][4])
