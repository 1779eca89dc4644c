"""The compiled losses and gradients of autoencoders, held to autograd of the specification in float64."""

from dataclasses import fields

import pytest
import torch
from sae_blocks import block, fit

from superposition import saes
from superposition.sae_fused import choose_differentiate, differentiate_by_autograd

CPU = torch.device("cpu")
JUMP = {"threshold_init": 0.1, "bandwidth": 0.3}
ARCHITECTURES = [
    saes.ReluSae(),
    saes.MatryoshkaReluSae(prefixes=[3, 4, 9, 13]),
    saes.PAnnealingSae(),
    saes.TopKSae(k=3),
    saes.TopKSae(k=0),
    saes.TopKSae(k=50),
    saes.TopKSae(k=2, k_start=6),
    saes.BatchTopKSae(k=2.5),
    saes.MatryoshkaBatchTopKSae(k=2.5, prefixes=4),
    saes.JumpReluSae(**JUMP),
    saes.JumpReluSae(**JUMP, threshold_scale="direct", l0_penalty="target", target_l0=2.0),
    saes.GatedSae(),
    saes.GatedSae(auxiliary_decoder="trained"),
    saes.MatchingPursuitSae(k=4),
]
EVERY = [
    {"reconstruction_loss": "sum"},
    {"decoder": "frozen"},
    {"decoder_bias": False},
]
OF_LINEAR = [
    {"tied": True, "decoder_norm": "unit"},
    {"tied": False, "decoder_norm": "unit"},
    {"tied": True, "decoder_norm": "free"},
    {"tied": False, "decoder_norm": "free"},
    {"tied": False, "decoder_norm": "projected"},
]


def name_of(architecture):
    own = {field.name: getattr(architecture, field.name) for field in fields(architecture)}
    changed = [f"{f.name}={own[f.name]}" for f in fields(architecture) if own[f.name] != f.default]
    return " ".join([type(architecture).__name__, *changed])


def variants():
    """Every architecture, by default and with each option that gradients depend on."""
    for architecture in ARCHITECTURES:
        own = {field.name: getattr(architecture, field.name) for field in fields(architecture)}
        options = EVERY + (OF_LINEAR if isinstance(architecture, saes.LinearSae) else [])
        yield architecture
        for change in options:
            if change == {"decoder": "frozen"} and own.get("tied"):
                continue
            yield type(architecture)(**own | change)


every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES, ids=name_of)
every_variant = pytest.mark.parametrize("architecture", list(variants()), ids=name_of)


def random_parameters(architecture, n_instances=3, d_in=7, n_latents=13, dead=()):
    """Well away from where training begins; the latents in `dead` count as dead, and may fire all the same."""
    generators = [torch.Generator().manual_seed(i) for i in range(n_instances)]
    parameters, noise = architecture.initialise(d_in, n_latents, generators), torch.Generator().manual_seed(99)
    for name, tensor in architecture.trained(parameters).items():
        tensor += 0.3 * torch.randn(tensor.shape, generator=noise)
        if name == "threshold":
            tensor.abs_()
    for name, value in {"power": 0.6, "penalty_factor": 1.7, "unannealed": 0.5}.items():
        if name in parameters:
            parameters[name].fill_(value)
    if dead:
        parameters["silent_steps"][:, list(dead)] = 1e6
    architecture.begin_step(parameters, 0.3, noise)
    return parameters


def samples(batch_size=50, n_instances=1, d_in=7):
    return torch.randn(batch_size, n_instances, d_in, generator=torch.Generator().manual_seed(5))


def in_double(parameters):
    return {name: p.double() if p.is_floating_point() else p.clone() for name, p in parameters.items()}


def assert_agree(architecture, parameters, h, tolerance=1e-4):
    penalty = torch.linspace(0.1, 0.5, len(parameters["b_dec"]))
    losses, gradients = choose_differentiate(architecture, "auto", CPU)(parameters, h, penalty)
    expected, exact = differentiate_by_autograd(architecture, in_double(parameters), h.double(), penalty.double())
    for part in ("reconstruction", "sparsity", "total", "fraction_active"):
        value = getattr(expected, part).detach().float()
        torch.testing.assert_close(getattr(losses, part), value, rtol=1e-5, atol=1e-6, msg=part)
    if expected.followed is not None:
        torch.testing.assert_close(losses.followed, expected.followed.float(), rtol=1e-4, atol=1e-6)
    assert gradients.keys() == exact.keys()
    for name, gradient in gradients.items():
        assert gradient.shape == exact[name].shape
        assert gradient.is_contiguous()
        assert (gradient - exact[name]).abs().max() <= tolerance * exact[name].abs().max() + 1e-7, name
    return exact


@every_variant
@pytest.mark.parametrize("shared", [True, False])
def test_gradient_of_a_batch(architecture, shared):
    h = samples(n_instances=1 if shared else 3)
    # the slope of z^p is steep at small z: what float32 rounds off z is then more than rounding in the gradient
    tolerance = 1e-3 if isinstance(architecture, saes.PAnnealingSae) else 1e-4
    exact = assert_agree(architecture, random_parameters(architecture), h, tolerance)
    if getattr(architecture, "k", 1) > 0:
        assert all(gradient.any() for gradient in exact.values())


@every_architecture
@pytest.mark.parametrize(("d_in", "n_latents", "batch_size"), [(1, 1, 5), (3, 33, 64), (20, 16, 1), (64, 128, 130)])
def test_gradient_at_other_sizes(architecture, d_in, n_latents, batch_size):
    if isinstance(architecture, saes.MatryoshkaReluSae):
        architecture = saes.MatryoshkaReluSae(prefixes=2)
    tolerance = 1e-3 if isinstance(architecture, saes.PAnnealingSae) else 1e-4
    parameters = random_parameters(architecture, 2, d_in, n_latents)
    assert_agree(architecture, parameters, samples(batch_size, 1, d_in), tolerance)


AUXILIARY = [each for each in ARCHITECTURES if isinstance(each, saes.AuxiliarySae)]


@pytest.mark.parametrize("architecture", AUXILIARY, ids=name_of)
@pytest.mark.parametrize("aux_k", ["half", 1, 20])
@pytest.mark.parametrize("decoder_norm", ["unit", "free"])
def test_dead_latents_learn_what_is_left(architecture, aux_k, decoder_norm):
    own = {field.name: getattr(architecture, field.name) for field in fields(architecture)}
    architecture = type(architecture)(**own | {"aux_k": aux_k, "aux_coefficient": 2.0, "decoder_norm": decoder_norm})
    parameters = random_parameters(architecture, dead=range(1, 12))
    parameters["silent_steps"][2] = 0.0  # an instance in which none is dead
    assert_agree(architecture, parameters, samples())
    penalty, differentiate = torch.zeros(3), choose_differentiate(architecture, "auto", CPU)
    with_it = differentiate(parameters, samples(), penalty)[0]
    assert (with_it.total > with_it.reconstruction).tolist() == [True, True, False]


@pytest.mark.parametrize("architecture", AUXILIARY, ids=name_of)
def test_of_equal_activations_the_same_are_kept(architecture):
    # data and weights of few values, so that many activations are exactly alike
    parameters, rounded = random_parameters(architecture), samples().round()
    for name in ("W_enc", "W_dec", "b_enc", "b_dec"):
        parameters[name].round_()
    parameters["W_dec"][..., 0] += 0.5  # no row is zero
    assert_agree(architecture, parameters, rounded)


@pytest.mark.parametrize("architecture", [saes.ReluSae(), saes.GatedSae(), saes.ReluSae(decoder_norm="free")])
def test_a_zero_decoder_row_has_the_gradient_of_autograd(architecture):
    parameters = random_parameters(architecture)
    parameters["W_dec"][:, 1] = 0
    encoder = "gate" if isinstance(architecture, saes.GatedSae) else "enc"
    parameters[f"W_{encoder}"][..., 1], parameters[f"b_{encoder}"][:, 1] = 0, -1  # silent: its huge 1 / eps times zero
    assert_agree(architecture, parameters, samples())


@every_architecture
@pytest.mark.parametrize("where", ["h", "W_dec", "b_dec"])
def test_what_is_not_a_number_shows(architecture, where):
    parameters, h = random_parameters(architecture, 2), samples()
    if where == "h":
        h[3, 0, 2] = torch.nan
    elif where in parameters:
        parameters[where][1, 0] = torch.nan
    else:
        parameters["W_enc"][1, 0] = torch.nan
    losses, gradients = choose_differentiate(architecture, "auto", CPU)(parameters, h, torch.tensor([0.1, 0.1]))
    assert losses.total[1].isnan() or any(gradient[1].isnan().any() for gradient in gradients.values())
    if where != "h":
        assert losses.total[0].isfinite()


@pytest.mark.parametrize("architecture", saes.TRAINED)
def test_training_ends_as_by_autograd(architecture):
    changes = {"restarts": 2, "resampling": {"method": "advanced", "every": 40, "window": 10, "reset_moments": True}}
    fits = {
        engine: fit(block(architecture, training={"steps": 100, "engine": engine}, **changes))
        for engine in ("auto", "torch")
    }
    (weights, history), (expected, long) = fits["auto"], fits["torch"]
    assert weights.keys() == expected.keys()
    # z^p is steep where a latent falls silent: there rounding soon shows
    tolerance = 0.05 if architecture == "p_annealing" else 1e-3
    assert history["loss"].iloc[-1] == pytest.approx(long["loss"].iloc[-1], rel=tolerance)
    assert not all(torch.equal(weights[name], expected[name]) for name in ("W_dec", "W_enc") if name in weights)


@every_architecture
def test_the_kernel_is_chosen_on_a_cpu_unless_torch_is_asked_for(architecture):
    chosen = {
        (engine, device): choose_differentiate(architecture, engine, torch.device(device)).func
        for engine in ("auto", "torch")
        for device in ("cpu", "cuda")
    }
    assert chosen.pop(("auto", "cpu")) is not differentiate_by_autograd
    assert set(chosen.values()) == {differentiate_by_autograd}
