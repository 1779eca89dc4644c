"""The toy models against numbers worked out by hand, and against the loss that theory gives for known solutions."""

import pytest
import torch
from torch.autograd import gradcheck

from superposition import toy_models
from superposition.features import SparseFeatures
from superposition.seeding import torch_generator

KINDS = tuple(toy_models.KINDS)


def stack(*models):
    """One instance per (W, b)."""
    W, b = zip(*models, strict=True)
    return {"W": torch.tensor(W, dtype=torch.float64), "b_final": torch.tensor(b, dtype=torch.float64)}


def loss(kind, parameters, x, importance):
    return toy_models.reconstruction_loss(
        kind, parameters, torch.as_tensor(x).double(), torch.tensor(importance)
    ).tolist()


# Two features in one dimension, W = (1, -1), b = (.1, 0). On x = (.5, .2): h = .3 and W^T h + b = (.4, -.3).
ANTIPODAL = ([[1.0, -1.0]], [0.1, 0.0])
SAMPLE = torch.tensor([[[0.5, 0.2]]], dtype=torch.float64)


def test_forward_by_hand():
    parameters = stack(ANTIPODAL)
    for kind, hidden, output in [
        ("linear", [0.3], [0.4, -0.3]),
        ("relu_output", [0.3], [0.4, 0.0]),
        ("hidden_relu", [0.3], [0.4, 0.0]),
    ]:
        assert toy_models.KINDS[kind].encode(parameters, SAMPLE).flatten().tolist() == pytest.approx(hidden)
        assert toy_models.KINDS[kind].forward(parameters, SAMPLE).flatten().tolist() == pytest.approx(output)


def test_hidden_relu_by_hand():
    # On x = (0, 1) W x = -1: the linear hidden layer passes it on, giving (-1, 1) + b, but the ReLU makes it 0.
    model, x = toy_models.KINDS["hidden_relu"], torch.tensor([[[0.0, 1.0]]]).double()
    assert model.encode(stack(ANTIPODAL), x).flatten().tolist() == [0.0]
    assert model.forward(stack(ANTIPODAL), x).flatten().tolist() == pytest.approx([0.1, 0.0])


# |x| of one feature by two neurons, W_1 = (1, -1) and W_2 = (1, 2), and of another by none; b = (.1, .2)
FOLDED = {
    "W_1": torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]]).double(),
    "W_2": torch.tensor([[[1.0, 2.0], [0.0, 0.0]]]).double(),
    "b_final": torch.tensor([[0.1, 0.2]]).double(),
}


def test_absolute_value_by_hand():
    # x = (.5, -.3): h = (.5, 0), outputs (.6, .2), targets (.5, .3), errors (.1, -.1).
    # x = (-.5, 0): h = (0, .5), outputs (1.1, .2), targets (.5, 0), errors (.6, .2).
    # With importances (1, .5) the loss is ((.01 + .005) + (.36 + .02)) / 4.
    x = torch.tensor([[[0.5, -0.3]], [[-0.5, 0.0]]]).double()
    torch.testing.assert_close(
        toy_models.KINDS["absolute_value"].forward(FOLDED, x), torch.tensor([[[0.6, 0.2]], [[1.1, 0.2]]]).double()
    )
    assert loss("absolute_value", FOLDED, x, [1.0, 0.5]) == pytest.approx([0.395 / 4])


def test_two_neurons_a_feature_compute_the_absolute_value_exactly():
    n, x = 3, torch.rand(50, 1, 3, generator=torch_generator(0, "x"), dtype=torch.float64) * 2 - 1
    W_1 = torch.cat([torch.eye(n), -torch.eye(n)])[None].double()
    exact = {"W_1": W_1, "W_2": W_1.abs().mT, "b_final": torch.zeros(1, n).double()}
    assert loss("absolute_value", exact, x, [1.0] * n) == pytest.approx([0.0], abs=1e-30)


@pytest.mark.parametrize("factor", [0.1, 3.0])
def test_a_neurons_scale_moves_freely_between_its_weights(factor):
    rescaled = FOLDED | {"W_1": FOLDED["W_1"] * factor, "W_2": FOLDED["W_2"] / factor}
    x = torch.rand(20, 1, 2, generator=torch_generator(0, "x"), dtype=torch.float64) * 2 - 1
    assert loss("absolute_value", rescaled, x, [1.0, 1.0]) == pytest.approx(
        loss("absolute_value", FOLDED, x, [1.0, 1.0])
    )


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


def random_parameters(kind, n_instances, n_features, n_hidden, seed):
    """Float64, biases included."""
    generators = [torch_generator(seed, kind, i) for i in range(n_instances)]
    drawn = toy_models.initialise(kind, n_features, n_hidden, generators)
    bias = torch.randn(n_instances, n_features, generator=generators[0])
    return {name: tensor.double() for name, tensor in (drawn | {"b_final": bias}).items()}


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind):
    parameters = random_parameters(kind, n_instances=2, n_features=5, n_hidden=3, seed=0)
    x = torch.rand(7, 2, 5, generator=torch_generator(0, "gradients"), dtype=torch.float64) * 2 - 1
    importance = 0.9 ** torch.arange(5, dtype=torch.float64)

    def losses(*tensors):
        return toy_models.reconstruction_loss(kind, dict(zip(parameters, tensors, strict=True)), x, importance)

    assert gradcheck(losses, tuple(tensor.requires_grad_() for tensor in parameters.values()))


@pytest.mark.parametrize("kind", ["linear", "relu_output", "hidden_relu"])
def test_only_a_hidden_relu_privileges_the_hidden_basis(kind):
    generator = torch_generator(0, "rotation")
    parameters = random_parameters(kind, n_instances=1, n_features=5, n_hidden=3, seed=0)
    x = torch.rand(100, 1, 5, generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64)).Q
    before = toy_models.reconstruction_loss(kind, parameters, x, torch.ones(5))
    after = toy_models.reconstruction_loss(kind, parameters | {"W": rotation @ parameters["W"]}, x, torch.ones(5))
    changed = abs(after / before - 1).item() > 1e-3
    assert changed == toy_models.KINDS[kind].has_privileged_basis == (kind == "hidden_relu")


@pytest.mark.parametrize("kind", ["hidden_relu", "absolute_value"])
def test_hidden_units_can_be_renumbered(kind):
    parameters = random_parameters(kind, n_instances=1, n_features=5, n_hidden=3, seed=1)
    x = torch.rand(100, 1, 5, generator=torch_generator(0, "x"), dtype=torch.float64)
    order = [2, 0, 1]
    permuted = dict(parameters)
    for name, dim in [("W", 1)] if kind == "hidden_relu" else [("W_1", 1), ("W_2", 2)]:
        permuted[name] = parameters[name].index_select(dim, torch.tensor(order))
    before, after = (toy_models.reconstruction_loss(kind, each, x, torch.ones(5)) for each in (parameters, permuted))
    torch.testing.assert_close(before, after)


@pytest.mark.parametrize("p", [1.0, 0.5, 0.2])
def test_loss_of_known_solutions(p):
    # Two features of importances (1, r) in one dimension (Elhage et al. 2022, "Superposition as a Phase Change"), with
    # losses summed over features. Antipodal: if both are present, x' is (larger - smaller, 0), off by min(x1, x2) at
    # either feature; that costs (1 + r) p^2 E[min^2] = (1 + r) p^2 / 6. Feature 2 ignored: its best guess is its mean
    # p / 2, which costs its variance, r (p / 3 - p^2 / 4).
    r, n = 0.4, 500_000
    sampled = SparseFeatures(torch.full((1, 2), p)).sample(n, torch_generator(0, "theory"))
    parameters = stack(([[1.0, -1.0]], [0.0, 0.0]), ([[1.0, 0.0]], [0.0, p / 2]))
    x = sampled.double().expand(-1, 2, -1)
    antipodal, dedicated = 2 * toy_models.reconstruction_loss("relu_output", parameters, x, torch.tensor([1.0, r]))
    assert antipodal.item() == pytest.approx((1 + r) * p**2 / 6, rel=0.03)  # 3 standard errors at p = .2
    assert dedicated.item() == pytest.approx(r * (p / 3 - p**2 / 4), rel=0.01)


@pytest.mark.parametrize("n_instances", [1, 64])
@pytest.mark.parametrize(("init_std", "expected"), [("xavier", (2 / 430) ** 0.5), (0.02, 0.02)])
@pytest.mark.parametrize(("kind", "names"), [("relu_output", ["W"]), ("absolute_value", ["W_1", "W_2"])])
def test_initial_scale(n_instances, init_std, expected, kind, names):
    generators = [torch_generator(0, "init", i) for i in range(n_instances)]
    parameters = toy_models.initialise(kind, 400, 30, generators, init_std=init_std)
    assert list(parameters) == [*names, "b_final"]
    assert parameters["b_final"].shape == (n_instances, 400)
    assert not parameters["b_final"].any()
    # Xavier is for each matrix: std = sqrt(2 / (30 + 400)). That of 12,000 numbers is off by 1 / sqrt(24,000) = .6 %.
    for name, shape in zip(names, [(30, 400), (400, 30)], strict=False):
        assert parameters[name].shape == (n_instances, *shape)
        for weights in parameters[name][:3]:
            assert weights.std().item() == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_instance_starts_the_same_in_any_company(kind):
    alone, crowd = (
        toy_models.initialise(kind, 5, 2, [torch_generator(0, "init", i) for i in instances])
        for instances in ([3], range(9))
    )
    for name in alone.keys() - {"b_final"}:
        assert torch.equal(alone[name][0], crowd[name][3])
        assert not torch.equal(crowd[name][3], crowd[name][4])


def test_the_matrices_of_an_untied_kind_are_unrelated():
    parameters = toy_models.initialise("absolute_value", 40, 40, [torch_generator(0, "init")])
    into, out_of = parameters["W_1"][0], parameters["W_2"][0]
    for other in (out_of, out_of.T):
        correlation = torch.corrcoef(torch.stack([into.flatten(), other.flatten()]))[0, 1]
        assert abs(correlation) < 0.1  # 4 standard deviations of 1,600 pairs
