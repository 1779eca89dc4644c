"""The fused training step of the toy models, held to its specification."""

import io

import numpy as np
import pytest
import torch
from scipy import stats
from test_kernels_sampling import as_tile, draw

from superposition import toy_models
from superposition.adversarial import perturb
from superposition.features import SparseFeatures, importance_curve
from superposition.kernels.adam import pack, update_factors
from superposition.kernels.model_gradient import add_gradient
from superposition.kernels.output_functions import GELU, IDENTITY, RELU
from superposition.kernels.random_lanes import seed_lanes
from superposition.kernels.sampling import sampling_tables
from superposition.kernels.tiles import empty_tile
from superposition.kernels.toy_models import form_of, minimise, ordered, supports, train, views
from superposition.progress import Progress
from superposition.toy_models import KINDS
from superposition.training import DivergenceError, Recorder
from superposition.training import minimise as minimise_by_autograd

TRAINING = {"batch_size": 64, "steps": 20, "schedule": "constant", "warmup_steps": 0, "weight_decay": 0.0}
ROUNDING = 1e-4  # of a float32 gradient, relative to its largest number

# Every kind, and the kinds that differ in their hidden layer once more with a bias and a penalty there.
MODELS = [(kind, False, 0.0) for kind in KINDS]
MODELS += [(kind, True, 0.3) for kind in ("relu_output", "hidden_relu", "absolute_value", "gelu_output")]
MODELS += [("hidden_relu", True, 0.0), ("relu_output", False, 0.05)]
every_model = pytest.mark.parametrize(("kind", "hidden_bias", "penalty"), MODELS)


def random_model(rng, kind, n_hidden, n_features, hidden_bias):
    """Parameters of one instance, biases included, and importances."""
    start = initialise(kind, n_features, n_hidden, [0], hidden_bias)
    parameters = {name: (rng.standard_normal(each.shape) * 0.4).astype(np.float32) for name, each in start.items()}
    return {name: torch.from_numpy(array) for name, array in parameters.items()}, rng.random(n_features)


def initialise(kind, n_features, n_hidden, seeds, hidden_bias=False):
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return toy_models.initialise(kind, n_features, n_hidden, generators, hidden_bias=hidden_bias)


def loss_of_specification(kind, parameters, x, importance, penalty):
    loss = toy_models.reconstruction_loss(kind, parameters, x, importance)
    return loss + penalty * toy_models.hidden_activity(kind, parameters, x)


def gradient_of_specification(kind, parameters, x, importance, penalty):
    """The loss, and its gradient in the kernel's order, by autograd in float64; x (batch, n_features)."""
    exact = {name: tensor.double().requires_grad_(True) for name, tensor in parameters.items()}
    x, importance = torch.tensor(x, dtype=torch.float64)[:, None], torch.tensor(importance, dtype=torch.float64)
    loss = loss_of_specification(kind, exact, x, importance, penalty).sum()
    gradients = torch.autograd.grad(loss, list(exact.values()))
    return loss.item(), pack(ordered(kind, dict(zip(exact, gradients, strict=True))))[0]


def is_close(ours, exact):
    return np.abs(ours - exact).max() <= ROUNDING * np.abs(exact).max()


def gradient_of_tile(kind, parameters, x, importance, penalty, seen=None):
    """The kernel's loss and gradient of x (n_features, lanes), as a whole batch, of which the model is given `seen`."""
    n_features, lanes = x.shape
    form, packed = form_of(kind, parameters), pack(ordered(kind, parameters))[0]
    n_hidden, gradient = KINDS[kind].directions(parameters).shape[1], np.zeros_like(packed)
    zeros = np.zeros(n_hidden, np.float32)
    W_in, V, b_hidden, b_final = views(packed, form, n_hidden, n_features)
    loss = add_gradient(
        as_tile(x), as_tile(x if seen is None else seen), lanes, np.float32(1 / (lanes * n_features)), form,
        W_in, V, V.T, b_hidden if form.hidden_bias else zeros, b_final,
        importance.astype(np.float32), np.float32(n_features * penalty),
        empty_tile(n_hidden), empty_tile(n_features), empty_tile(n_hidden), zeros,
        *views(gradient, form, n_hidden, n_features),
    )  # fmt: skip
    return loss, gradient


def test_kinds_by_their_forms():
    forms = {kind: form_of(kind, {})[:-1] for kind in KINDS}
    assert forms["linear"] == (True, False, IDENTITY, False)
    assert forms["relu_output"] == (True, False, RELU, False)
    assert forms["hidden_relu"] == (True, True, RELU, False)
    assert forms["absolute_value"] == (False, True, RELU, True)
    assert forms["gelu_output"] == (True, False, GELU, False)
    assert form_of("linear", {"b_hidden": torch.zeros(1, 2)}).hidden_bias
    assert not form_of("linear", {}).hidden_bias


def test_what_is_supported():
    assert all(supports(kind, "cpu") for kind in KINDS)
    assert not supports("relu_output", "cuda")


@every_model
@pytest.mark.parametrize("lowest", [0, -1])
@pytest.mark.parametrize(
    ("n_features", "n_hidden", "lanes"),
    [(1, 1, 4), (2, 1, 256), (5, 2, 77), (7, 3, 256), (3, 6, 100), (9, 5, 16), (80, 20, 200), (33, 6, 3), (11, 43, 99)],
)
def test_gradient_of_a_tile(kind, hidden_bias, penalty, lowest, n_features, n_hidden, lanes):
    rng = np.random.default_rng(n_features + lanes)
    parameters, importance = random_model(rng, kind, n_hidden, n_features, hidden_bias)
    present = rng.random((n_features, lanes)) < 0.6
    x = np.where(present, rng.uniform(lowest, 1, (n_features, lanes)), 0).astype(np.float32)
    loss, gradient = gradient_of_tile(kind, parameters, x, importance, penalty)
    exact_loss, exact = gradient_of_specification(kind, parameters, x.T, importance, penalty)
    assert loss == pytest.approx(exact_loss, rel=1e-5)
    assert is_close(gradient, exact)


@pytest.mark.parametrize("kind", ["relu_output", "hidden_relu"])
def test_a_silent_hidden_unit_is_not_penalised(kind):
    parameters = {"W": torch.ones(1, 1, 2), "b_hidden": torch.zeros(1, 1), "b_final": torch.ones(1, 2)}
    importance = np.ones(2)
    found = gradient_of_tile(kind, parameters, np.zeros((2, 8), np.float32), importance, 0.3)
    without = gradient_of_tile(kind, parameters, np.zeros((2, 8), np.float32), importance, 0.0)
    np.testing.assert_array_equal(found[1], without[1])
    assert found[0] == without[0]


def take_a_step(kind, parameters, features, importance, penalty, batch_size, train_output_bias=True):
    """The loss of the first step, and its gradient: Adam's first moment after one step is (1 - 0.9) times that."""
    packed = pack(ordered(kind, parameters))
    first, training = np.zeros_like(packed), {**TRAINING, "batch_size": batch_size}
    n_instances, n_hidden, n_features = KINDS[kind].directions(parameters).shape
    losses = train(
        update_factors(training, 0, 1), batch_size, 0.0, np.full(n_instances, 1e-3), np.array(penalty, np.float32),
        np.zeros(n_instances, np.float32), seed_lanes(range(7, 7 + n_instances)), *sampling_tables(features),
        importance.astype(np.float32),
        form_of(kind, parameters), n_hidden, packed.shape[1] - (0 if train_output_bias else n_features),
        packed, first, np.zeros_like(packed),
    )  # fmt: skip
    return losses, first / np.float32(0.1)


@every_model
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("probability", [[0.0] * 5, [1.0] * 5, [0.02] * 5, [0.5, 0.0, 1.0, 0.003, 0.2]])
@pytest.mark.parametrize("batch_size", [1, 300, 1024])
def test_gradient_of_a_batch(kind, hidden_bias, penalty, signed, probability, batch_size):
    # the samples are those of the same stream
    parameters, importance = random_model(np.random.default_rng(batch_size), kind, 3, 5, hidden_bias)
    features = SparseFeatures(torch.tensor([probability]), "signed_uniform" if signed else "uniform")
    loss, gradient = take_a_step(kind, parameters, features, importance[None], [penalty], batch_size)
    x = draw(probability, batch_size, seed=7, signed=signed)
    exact_loss, exact = gradient_of_specification(kind, parameters, x, importance, penalty)
    assert loss[0] == pytest.approx(exact_loss, rel=1e-5)
    np.testing.assert_allclose(gradient[0], exact, rtol=ROUNDING, atol=1e-6)


@pytest.mark.parametrize("kind", ["relu_output", "absolute_value", "silu_output"])
@pytest.mark.parametrize("p", [0.3, 0.05, 0.01])
@pytest.mark.parametrize("signed", [False, True])
def test_instances_may_differ_in_all_but_their_sets(kind, p, signed):
    rng, sets = np.random.default_rng(3), {"correlated_sets": 1, "anticorrelated_sets": 1, "set_size": 3}
    models = [random_model(rng, kind, 3, 7, hidden_bias=True) for _ in range(2)]
    parameters = {name: torch.cat([model[name] for model, _ in models]) for name in models[0][0]}
    probability, penalty = torch.tensor([[p] * 7, [p / 2] * 6 + [p]]), [0.1, 0.0]
    features = SparseFeatures(probability, "signed_uniform" if signed else "uniform", **sets)
    importance = np.stack([importance for _, importance in models])
    losses, gradients = take_a_step(kind, parameters, features, importance, penalty, 2000)
    for i, (model, _) in enumerate(models):
        x = draw(probability[i].tolist(), 2000, seed=7 + i, signed=signed, **sets)
        assert (x != 0).any(0).all()
        exact_loss, exact = gradient_of_specification(kind, model, x, importance[i], penalty[i])
        assert losses[i] == pytest.approx(exact_loss, rel=1e-5)
        assert is_close(gradients[i], exact)


def fit(
    kind="relu_output", p=(0.5, 0.02), seeds=(0, 1), learning_rate=1e-2, every=10, shape=(5, 2), hidden_bias=False,
    penalty=0.0, train_output_bias=True, attacks=None, after_stretch=None, sets=None, **training,
):  # fmt: skip
    training = {**TRAINING, **training}
    parameters = initialise(kind, *shape, seeds, hidden_bias)
    rates, penalties = torch.full((len(seeds),), learning_rate), torch.full((len(seeds),), penalty)
    magnitude = "signed_uniform" if kind == "absolute_value" else "uniform"
    features = SparseFeatures(torch.tensor(p)[:, None].expand(-1, shape[0]), magnitude, **(sets or {}))
    recorder = Recorder(every, Progress("test", training["steps"], stream=io.StringIO()))
    importance = torch.ones(len(seeds), shape[0])
    hook = after_stretch and (lambda step: after_stretch(step, parameters))
    minimise(
        kind, parameters, features, importance, training, rates, penalties, list(seeds), recorder, train_output_bias,
        attacks and torch.tensor(attacks), hook,
    )  # fmt: skip
    return parameters, recorder


def are_equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("kind", KINDS)
def test_training_is_repeatable(kind):
    (first, one), (second, two) = fit(kind), fit(kind)
    assert are_equal(first, second)
    assert torch.equal(torch.stack(one.losses), torch.stack(two.losses))


ALL_AT_ONCE = {"hidden_bias": True, "penalty": 0.1, "sets": {"correlated_sets": 1, "anticorrelated_sets": 1}}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", [{}, ALL_AT_ONCE], ids=["plain", "all at once"])
def test_an_instance_alone_is_the_same_as_among_others(kind, settings):
    together, alone = fit(kind, **settings)[0], fit(kind, p=(0.02,), seeds=(1,), **settings)[0]
    assert are_equal({name: tensor[1:] for name, tensor in together.items()}, alone)


def test_the_length_of_a_stretch_does_not_matter():
    (whole, _), (parts, recorder) = fit(steps=25), fit(steps=25, every=4)
    assert are_equal(whole, parts)
    assert recorder.steps == [4, 8, 12, 16, 20, 24, 25]


@pytest.mark.parametrize("kind", ["relu_output", "absolute_value"])
def test_the_hook_sees_the_parameters_of_its_step(kind):
    seen = {}

    def keep(step, parameters):
        seen[step] = {name: tensor.clone() for name, tensor in parameters.items()}

    final = fit(kind, steps=25, after_stretch=keep)[0]
    assert list(seen) == [10, 20, 25]
    assert are_equal(seen[25], final)
    for step in (10, 20):
        assert are_equal(seen[step], fit(kind, steps=step)[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hidden_bias", [False, True])
def test_every_parameter_is_trained_in_place(kind, hidden_bias):
    before, after = initialise(kind, 5, 2, (0, 1), hidden_bias), fit(kind, hidden_bias=hidden_bias)[0]
    assert list(after) == list(before)
    for name in before:
        assert not torch.isclose(after[name], before[name], atol=1e-6).all()


@pytest.mark.parametrize("kind", ["relu_output", "absolute_value"])
@pytest.mark.parametrize("hidden_bias", [False, True])
def test_an_output_bias_may_be_left_at_zero(kind, hidden_bias):
    before = initialise(kind, 5, 2, (0, 1), hidden_bias)
    after = fit(kind, hidden_bias=hidden_bias, train_output_bias=False, weight_decay=0.1)[0]
    assert not after["b_final"].any()
    for name in set(before) - {"b_final"}:
        assert not torch.isclose(after[name], before[name], atol=1e-6).all()


@pytest.mark.parametrize("kind", KINDS)
def test_divergence_is_an_error(kind):
    with pytest.raises(DivergenceError, match=r"instance 0 is not finite by step .*learning rate 1e\+30"):
        fit(kind, p=(0.5,), seeds=(0,), learning_rate=1e30)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["W_in", "W_out", "b_final"])
def test_a_nan_weight_reaches_the_loss(kind, name):
    # max(NaN, 0) must not become 0
    parameters = {key: torch.full_like(tensor, 0.5) for key, tensor in initialise(kind, 5, 2, [0]).items()}
    tied = {"W_in": "W", "W_out": "W", "b_final": "b_final"}
    untied = {"W_in": "W_1", "W_out": "W_2", "b_final": "b_final"}
    parameters[(tied if KINDS[kind].tied else untied)[name]][:] = torch.nan
    loss, _ = gradient_of_tile(kind, parameters, np.ones((5, 8), np.float32), np.ones(5), 0.0)
    assert np.isnan(loss)


CASES = [(kind, p, {}) for kind in ("relu_output", "hidden_relu", "absolute_value") for p in (0.3, 0.03)]
CASES += [("relu_output", 0.2, {"correlated_sets": 2}), ("relu_output", 0.2, {"anticorrelated_sets": 2})]
CASES += [("relu_output", 0.02, {"correlated_sets": 1, "anticorrelated_sets": 1})]
CASES += [("hidden_relu", 0.3, {"penalty": 0.01, "hidden_bias": True}), ("gelu_output", 0.1, {})]
CASES += [("relu_output", 0.3, {"attack": 0.5}), ("relu_output", 0.03, {"attack": 0.5})]


@pytest.mark.parametrize(("kind", "p", "settings"), CASES)
def test_final_losses_are_distributed_as_the_specifications(kind, p, settings):
    # 400 models each, judged on the same held-out samples
    n, training = 400, {**TRAINING, "batch_size": 128, "steps": 400}
    sets, settings = {key: n for key, n in settings.items() if key.endswith("_sets")}, {"penalty": 0.0, **settings}
    magnitude = "signed_uniform" if kind == "absolute_value" else "uniform"
    features = SparseFeatures(torch.full((n, 5), p), magnitude, **sets)
    importance, penalty = importance_curve("geometric", 0.9, 5).expand(n, -1), torch.full((n,), settings["penalty"])
    attacks = torch.full((n,), settings.get("attack", 0.0))
    held_out = SparseFeatures(torch.full((1, 5), p), magnitude, **sets)
    held_out = held_out.sample(20_000, torch.Generator().manual_seed(99)).expand(-1, n, -1)
    losses = []
    for fused in (True, False):
        seeds = [seed + (0 if fused else 1000) for seed in range(n)]
        parameters = initialise(kind, 5, 3, seeds, settings.get("hidden_bias", False))
        rates, recorder = torch.full((n,), 1e-2), Recorder(400, Progress("test", 400, stream=io.StringIO()))
        if fused:
            fixed = importance, training, rates, penalty, list(range(n)), recorder
            minimise(kind, parameters, features, *fixed, attacks=attacks)
        else:
            batches = torch.Generator().manual_seed(5)

            def loss_of_batch(parameters=parameters, batches=batches):
                x = features.sample(training["batch_size"], batches)
                if "attack" in settings:
                    seen = perturb(parameters["W"].detach(), x, attacks, batches)
                    return toy_models.weigh_errors(importance, x, KINDS[kind].forward(parameters, seen))
                return loss_of_specification(kind, parameters, x, importance, penalty)

            minimise_by_autograd(parameters, loss_of_batch, training, rates, recorder)
        chunks = held_out.split(2000)  # 40 MB each
        judged = [loss_of_specification(kind, parameters, chunk, importance, penalty) for chunk in chunks]
        losses.append(torch.stack(judged).mean(0).numpy())
    assert stats.ks_2samp(*losses).pvalue > 0.01
    assert stats.mannwhitneyu(*losses).pvalue > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_that_breaks_at_the_last_step_is_found(kind):
    # the loss of the only step is that of the first weights
    with pytest.raises(DivergenceError, match=r"training diverged: W(_1)? of instance 0 is not finite by step 1 "):
        fit(kind, learning_rate=float("inf"), steps=1, every=1)


def test_importance_alone_decides_what_a_linear_model_keeps():
    # one hidden unit, dense features: the linear model keeps the important feature, as PCA of I x would
    parameters = initialise("linear", 2, 1, [0])
    recorder = Recorder(500, Progress("test", 1000, stream=io.StringIO()))
    training, importance = {**TRAINING, "steps": 1000}, torch.tensor([[1.0, 0.1]])
    fixed = importance, training, torch.tensor([1e-2]), torch.zeros(1), [0], recorder
    minimise("linear", parameters, SparseFeatures(torch.ones(1, 2)), *fixed)
    W = parameters["W"][0, 0].abs()
    assert W[0] == pytest.approx(1, abs=0.05)
    assert W[1] < 0.05


def test_six_neurons_learn_the_absolute_value_of_three_features():
    # The best restart finds the exact solution: for each feature a neuron for its positive and one for its negative
    # values, W_2 undoing the scale of W_1 (Elhage et al. 2022, "Computation in Superposition").
    parameters, recorder = fit(
        "absolute_value", p=(1.0,) * 16, seeds=range(16), shape=(3, 6), steps=6000, learning_rate=3e-3, every=1000
    )
    best = int(recorder.losses[-1].argmin())
    assert recorder.losses[-1][best] < 1e-5
    scale = parameters["W_1"][best].abs().amax(1, keepdim=True)
    W_1, W_2 = parameters["W_1"][best] / scale, parameters["W_2"][best] * scale.T
    rows = sorted(tuple(row) for row in W_1.round().int().tolist())
    assert rows == [(-1, 0, 0), (0, -1, 0), (0, 0, -1), (0, 0, 1), (0, 1, 0), (1, 0, 0)]
    torch.testing.assert_close(W_2, W_1.abs().T, atol=0.05, rtol=0)
