"""The tools of training: what weighs the penalty, clips, forgets and restarts, and that it does so per instance."""

import math

import pytest
import torch
from builders import PENTAGON
from sae_blocks import DICTIONARY, block, fit, held_out, source

from superposition import saes
from superposition.optimizers import Adam
from superposition.sae_control import HIGHEST, L0Controller, warmup_factor
from superposition.sae_optimizer import clip_gradients, forget_moments, rate_factor
from superposition.sae_settings import setting_of_instances
from superposition.sae_sources import Batches
from superposition.sae_training import uses_kernel
from superposition.seeding import torch_generator

# Settings


def test_settings_of_instances():
    sweep = block("batchtopk", sweep={"k": [1.5, 2.5], "learning_rate": [0.1, 0.2]}, restarts=2)
    assert setting_of_instances(sweep, "k").tolist() == [1.5] * 4 + [2.5] * 4
    assert setting_of_instances(sweep, "learning_rate").tolist() == [0.1, 0.1, 0.2, 0.2] * 2
    assert setting_of_instances(sweep, "target_l0").isna().all()
    assert setting_of_instances(block("relu", restarts=2), "sparsity_penalty").tolist() == [0.02] * 2


@pytest.mark.parametrize(
    ("changes", "plain"),
    [
        ({}, True),
        ({"resampling": {"method": "simple"}}, True),
        ({"initialisation": {"method": "transposed"}}, True),
        ({"sweep": {"sparsity_penalty": [0.1, 0.2], "learning_rate": [0.1, 0.2]}}, True),
        ({"reconstruction_loss": "sum"}, False),
        ({"tied": True}, False),
        ({"decoder": "frozen"}, False),
        ({"decoder_bias": False}, False),
        ({"initialisation": {"method": "orthogonal"}}, True),
        ({"decoder_norm": "free"}, False),
        ({"target_l0": 1.0}, False),
        ({"resampling": {"method": "simple", "reset_moments": True}}, False),
        ({"training": {"gradient_clip": 1.0}}, False),
        ({"training": {"sparsity_warmup_steps": 10}}, False),
        ({"training": {"normalise_activations": "sqrt_d_in"}}, False),
        ({"training": {"beta1": 0.5}}, False),
        ({"training": {"beta2": 0.99}}, False),
        ({"training": {"schedule": "linear", "decay_steps": 10}}, False),
        ({"training": {"engine": "torch"}}, False),
        ({"architecture": "topk"}, False),
        ({"architecture": "p_annealing"}, False),
        ({"architecture": "jumprelu"}, True),
        ({"architecture": "jumprelu", "threshold_scale": "direct"}, False),
        ({"architecture": "jumprelu", "tied": False}, False),
        ({"architecture": "jumprelu", "sweep": {"bandwidth": [0.1, 0.2]}}, False),
        ({"architecture": "gated"}, True),
        ({"architecture": "gated", "auxiliary_decoder": "trained"}, False),
    ],
)
def test_fused_steps_are_only_used_for_what_they_know(changes, plain):
    training = {"engine": "auto"} | changes.pop("training", {})
    sweep = block(changes.pop("architecture", "relu"), training=training, **changes)
    assert uses_kernel(sweep, saes.make_architecture(sweep), source(), "cpu") == plain


# Batches


class Shared:
    """A source without samples for each instance."""

    W, bias = PENTAGON, torch.zeros(2)

    def sample(self, batch_size, n_instances, generator):
        return torch.randn(batch_size, 1, 2, generator=generator)


def test_instances_draw_their_own_batches_or_share_one():
    own = Batches(source(), 0, "test", n_instances=3)
    first, second = own.draw(5), own.draw(5)
    assert first.shape == (5, 3, 8)
    assert not torch.equal(first, second)
    assert not torch.equal(first[:, 0], first[:, 1])
    alone = Batches(source(), 0, "test", n_instances=1)
    assert torch.equal(alone.draw(5)[:, 0], first[:, 0])
    assert Batches(Shared(), 0, "test", n_instances=3).draw(5).shape == (5, 1, 2)


def test_drawing_for_one_instance_leaves_the_others_where_they_are():
    batches, other = (Batches(source(), 0, "test", n_instances=3) for _ in range(2))
    assert torch.equal(batches.draw_for(1, 5), other.draw(5)[:, 1])
    assert torch.equal(batches.draw(5)[:, 0], Batches(source(), 0, "test", n_instances=3).draw(5)[:, 0])


@pytest.mark.parametrize("architecture", saes.ARCHITECTURES)
def test_every_architecture_is_fitted_to_shared_batches(architecture):
    changes = {"n_latents": 2} if architecture in ("pca", "ica") else {}
    sweep = block(architecture, restarts=2, **changes)
    parameters, _ = fit(sweep, Shared())
    h = Shared().sample(20, 1, torch_generator(5))
    architecture = saes.make_architecture(sweep)
    z = architecture.encode(parameters, h)
    assert z.shape == (20, 2, sweep["n_latents"])
    assert architecture.decode(parameters, z).shape == (20, 2, 2)
    alone, _ = fit(block(sweep["architecture"], restarts=1, **changes), Shared())
    assert all(torch.equal(alone[key][0].nan_to_num(), parameters[key][0].nan_to_num()) for key in alone)


# The optimizer


def test_other_betas_are_those_of_torch():
    generator, start = torch_generator(0), torch.randn(1, 4, generator=torch_generator(1))
    ours, theirs = {"b_enc": start.clone()}, start.clone().requires_grad_()
    mine = Adam(ours, torch.tensor([0.1]), betas=(0.5, 0.9375))
    plain = torch.optim.Adam([theirs], lr=0.1, betas=(0.5, 0.9375))
    for step in range(10):
        theirs.grad = torch.randn(1, 4, generator=generator)
        mine.step({"b_enc": theirs.grad}, *mine.numbers(step))
        plain.step()
    torch.testing.assert_close(ours["b_enc"], theirs.detach())


def test_moments_are_forgotten_of_the_latents_restarted_alone():
    shapes = {"W_enc": (2, 3, 4), "W_dec": (2, 4, 3), "b_enc": (2, 4), "b_dec": (2, 3)}
    optimizer = Adam({k: torch.zeros(s) for k, s in shapes.items()}, torch.ones(2))
    optimizer.step({name: torch.ones(shape) for name, shape in shapes.items()}, *optimizer.numbers(0))
    restarted = torch.tensor([[False, True, False, True], [False, False, False, True]])
    forget_moments(optimizer, restarted)
    for moments in (optimizer.first, optimizer.second):
        assert torch.equal((moments["W_enc"] == 0).all(1), restarted)
        assert torch.equal((moments["W_enc"] == 0).any(1), restarted)
        assert torch.equal((moments["W_dec"] == 0).all(2), restarted)
        assert torch.equal((moments["W_dec"] == 0).any(2), restarted)
        assert torch.equal(moments["b_enc"] == 0, restarted)
        assert moments["b_dec"].all()


@pytest.mark.parametrize("architecture", saes.TRAINED)
@pytest.mark.parametrize("reset", [False, True])
def test_resampling_changes_rows_and_moments(architecture, reset, monkeypatch):
    # one step after a resampling: had the rows been written to a copy, or the moments been kept, this would show
    seen = {}
    plain = Adam.step

    def step(self, gradients, *numbers):
        if numbers == self.numbers(20):
            seen.update({name: (p.clone(), self.first[name].clone()) for name, p in self.parameters.items()})
        plain(self, gradients, *numbers)

    monkeypatch.setattr(Adam, "step", step)
    rows = []
    for method in ("none", "simple"):
        resampling = {"method": method, "every": 20, "window": 20, "reset_moments": reset}
        sweep = block(architecture, resampling=resampling, n_latents=30, training={"steps": 21, "batch_size": 8})
        fit(sweep, source(DICTIONARY[:, :1], p=0.5), seed=1)  # about half of all latents look away from one feature
        name = "W_dec" if "W_dec" in seen else "W_enc"
        rows.append([tensor if name == "W_dec" else tensor.mT for tensor in seen[name]])
        seen.clear()
    (before, old_moments), (after, moments) = rows
    dead = (before != after).any(-1)
    assert 0 < dead.sum() < 30
    moved = old_moments.abs().amax(-1) > 0  # a latent that never fired may have no moments to forget
    if reset:
        assert not moments[dead].any()
    elif (moved & dead).any():
        assert moments[dead].any()
    assert torch.equal(moments[~dead], old_moments[~dead])


def test_an_instance_is_clipped_by_its_own_norm():
    gradients = {"W_dec": torch.tensor([[[3.0, 0.0]], [[0.3, 0.0]]]), "b_dec": torch.tensor([[0.0, 4.0], [0.0, 0.4]])}
    clip_gradients(gradients, 1.0)
    torch.testing.assert_close(gradients["W_dec"], torch.tensor([[[0.6, 0.0]], [[0.3, 0.0]]]))
    torch.testing.assert_close(gradients["b_dec"], torch.tensor([[0.0, 0.8], [0.0, 0.4]]))


def test_clipping_is_not_global_across_instances():
    changes = {"training": {"gradient_clip": 0.01}, "sweep": {"sparsity_penalty": [0.02, 50.0]}}
    together, _ = fit(block("relu", **changes))
    alone, _ = fit(block("relu", training={"gradient_clip": 0.01}))
    assert all(torch.equal(together[name][0], alone[name][0]) for name in alone)
    free, _ = fit(block("relu"))
    assert not torch.equal(free["W_dec"], alone["W_dec"])


# Schedules


def test_the_learning_rate_falls_at_the_end():
    training = {"steps": 10, "schedule": "linear", "warmup_steps": 2, "decay_steps": 4}
    factors = [rate_factor(training, step) for step in range(10)]
    assert factors == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25])
    whole = [rate_factor(training | {"decay_steps": "all"}, step) for step in range(10)]
    assert whole == pytest.approx([0.5, 1, *(1 - i / 8 for i in range(8))])


def test_the_penalty_warms_up():
    assert [warmup_factor(step, 4) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    assert warmup_factor(0, 0) == 1


def test_the_warm_up_is_of_the_penalty():
    first = {}
    for warmup in (0, 10):
        sweep = block("relu", training={"sparsity_warmup_steps": warmup, "log_every": 1, "steps": 10})
        row = fit(sweep)[1].query("step == 1").iloc[0]
        first[warmup] = row["loss"] - row["reconstruction_loss"], row["sparsity_loss"]
    assert first[0][0] == pytest.approx(0.02 * first[0][1], rel=1e-4)
    assert first[10][0] == pytest.approx(0.002 * first[10][1], rel=1e-3)


# The controller


def test_the_first_turn_of_the_controller_by_hand():
    # L0 is 3, the target 2: relative error .5, share .1 * tanh(5)
    controller = L0Controller(torch.tensor([2.0]), 0.1)
    controller.update(torch.tensor([3.0]))
    assert controller.factor.item() == pytest.approx(1 + 0.1 * math.tanh(5))
    assert controller.l0.item() == 3
    other = L0Controller(torch.tensor([2.0]), 0.1)
    other.update(torch.tensor([1.0]))
    assert other.factor.item() == pytest.approx(1 - 0.1 * math.tanh(5))


def test_the_controller_waits_while_the_error_shrinks():
    controller = L0Controller(torch.tensor([1.0]), 0.1)
    controller.update(torch.tensor([4.0]))
    before = controller.factor.item()
    controller.update(torch.tensor([2.0]))  # L0 falls towards 1
    assert controller.factor.item() == pytest.approx(before * (1 + 0.1 * 0.01 * math.tanh(10 * 2.98)))


def test_the_factor_stays_within_bounds():
    controller = L0Controller(torch.tensor([1.0]), 0.5)
    for _ in range(50):
        controller.update(torch.tensor([4.0]))
    assert controller.factor.item() == HIGHEST


@pytest.mark.parametrize(
    ("architecture", "penalty", "targets", "rate", "strength"),
    [
        ("relu", 0.05, [1.5, 2.5], 0.003, 0.01),
        ("p_annealing", 0.05, [1.5, 2.5], 0.003, 0.01),
        ("matryoshka_relu", 0.05, [1.5, 2.5], 0.003, 0.01),
        ("gated", 0.05, [1.5, 2.5], 0.003, 0.05),  # from a penalty that is ten times too small
        ("jumprelu", 0.02, [1.0, 2.0], 0.01, 0.01),  # thresholds move by the learning rate alone
    ],
)
def test_the_controller_moves_l0_to_its_target(architecture, penalty, targets, rate, strength):
    training = {"steps": 2_000, "batch_size": 128, "learning_rate": rate, "control_strength": strength}
    settings = {"target_l0": 1.0, "bandwidth": 0.3, "sparsity_penalty": penalty, "training": training}
    sweep = block(architecture, sweep={"target_l0": targets}, **settings)
    parameters, _ = fit(sweep)
    z = saes.make_architecture(sweep).encode(parameters, held_out(2, 4_000))
    l0 = (z != 0).sum(-1).float().mean(0)
    torch.testing.assert_close(l0, torch.tensor(targets), rtol=0.12, atol=0)
    assert parameters.keys() >= {"penalty_multiplier", "mean_l0", "l0_change"}
    torch.testing.assert_close(parameters["mean_l0"], l0, rtol=0.12, atol=0)
