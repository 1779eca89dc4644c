"""An autoencoder is the same, to the last bit, alone or among others, with every tool of training; losses are means."""

from dataclasses import replace

import pytest
import torch
from sae_blocks import DICTIONARY, block, fit, held_out

from superposition import saes

CLIPPED = {"gradient_clip": 0.05}
TOOLS = {  # architecture, what is swept, what else is changed
    "learning_rate": ("relu", {"learning_rate": [0.01, 0.05]}, {}),
    "learning_rate_of_moments_forgotten": (
        "gated",
        {"learning_rate": [0.01, 0.05]},
        {"resampling": {"method": "advanced", "every": 15, "window": 5, "reset_moments": True}},
    ),
    "sparsity_penalty": ("relu", {"sparsity_penalty": [0.02, 0.5]}, {}),
    **{
        f"free_{name}": (name, {"sparsity_penalty": [0.02, 0.5]}, {"decoder_norm": "free"})
        for name in ("relu", "p_annealing", "matryoshka_relu")
    },
    "free_batchtopk": ("batchtopk", {"k": [1.5, 2.5]}, {"decoder_norm": "free"}),
    "target_l0": (
        "relu",
        {"target_l0": [1.0, 3.0]},
        {"target_l0": 1.0, "training": {"control_strength": 0.1, "sparsity_warmup_steps": 10}},
    ),
    "target_l0_in_the_loss": (
        "jumprelu",
        {"target_l0": [1.0, 3.0]},
        {"target_l0": 1.0, "l0_penalty": "target", "bandwidth": 0.3, "sparsity_penalty": 1.0},
    ),
    "gradient_clip": ("relu", {"sparsity_penalty": [0.02, 50.0]}, {"training": CLIPPED}),
    "frozen": ("topk", {"k": [2, 3]}, {"decoder": "frozen", "training": CLIPPED}),
    "soft_frozen": ("relu", {"learning_rate": [0.05, 0.1]}, {"decoder": "soft_frozen", "decoder_cosine": 0.95}),
    "scaled": ("batchtopk", {"k": [1.5, 2.5]}, {"training": {"normalise_activations": "sqrt_d_in"}}),
    "k_start": ("batchtopk", {"k": [1.5, 2.5]}, {"k_start": 6}),
    "aux_k": ("topk", {"k": [1, 2]}, {"dead_window": 1, "aux_coefficient": 1.0, "n_latents": 32}),
}


@pytest.mark.parametrize("engine", ["torch", "auto"])
@pytest.mark.parametrize("tool", TOOLS)
def test_an_instance_alone_is_the_same_among_others_with_every_tool(tool, engine):
    architecture, sweep, changes = TOOLS[tool]
    changes = changes | {"training": changes.get("training", {}) | {"engine": engine}}
    alone, history = fit(block(architecture, sweep={name: values[:1] for name, values in sweep.items()}, **changes))
    together, among = fit(block(architecture, sweep=sweep, restarts=2, **changes))
    assert alone.keys() == together.keys()
    for name, tensor in alone.items():
        assert torch.equal(tensor[0].nan_to_num(), together[name][0].nan_to_num()), name
    own = among[among["instance"] == 0]["loss"].to_list()
    assert own[1:] == pytest.approx(history["loss"].to_list()[1:], rel=1e-6)  # a mean, in whichever order it was taken
    moved = "W_gate" if architecture == "gated" else "W_enc"
    values = together[moved]  # of the first and the third instance, which differ in what is swept alone
    assert not torch.equal(values[0], values[2])


def test_aux_k_is_at_work_where_instances_are_compared():
    architecture, _, changes = TOOLS["aux_k"]
    with_it, without = (fit(block(architecture, **changes | {"aux_coefficient": c}))[0] for c in (1.0, 0.0))
    assert not torch.equal(with_it["W_enc"], without["W_enc"])


@pytest.mark.parametrize("reconstruction_loss", ["mean", "sum"])
@pytest.mark.parametrize("architecture", saes.TRAINED)
def test_losses_do_not_depend_on_the_size_of_the_batch(architecture, reconstruction_loss):
    sweep = block(architecture, reconstruction_loss=reconstruction_loss, restarts=2)
    parameters, kind = fit(sweep)[0], saes.make_architecture(sweep)
    if "silent_steps" in parameters:
        parameters["silent_steps"][:, 3:9] = sweep["dead_window"]  # so that AuxK has a part
    # the samples twice, in order: what is kept of a batch of double the size is what is kept of the single one
    h, penalty = held_out(2, 256), torch.tensor([0.1, 0.5])
    one, two = (kind.losses(parameters, samples, penalty) for samples in (h, torch.cat([h, h])))
    for part in ("reconstruction", "sparsity", "total"):
        torch.testing.assert_close(getattr(two, part), getattr(one, part), rtol=1e-4, atol=1e-6)
        assert part == "sparsity" or (getattr(one, part) > 0).all()


@pytest.mark.parametrize("architecture", saes.TRAINED)
def test_a_sum_is_d_in_times_a_mean(architecture):
    sweep = block(architecture, restarts=2)
    parameters, kind = fit(sweep)[0], saes.make_architecture(sweep)
    mean, total = (
        replace(kind, reconstruction_loss=loss).losses(parameters, held_out(2, 256), torch.zeros(2)).reconstruction
        for loss in ("mean", "sum")
    )
    torch.testing.assert_close(total, len(DICTIONARY) * mean)


def test_a_jumprelus_l0_saturates_in_its_penalty():
    # L0 falls steeply with the penalty until Adam, which knows no scale, moves thresholds by the penalty alone;
    # a hundred times as much is then hardly any different
    sweep = block(
        "jumprelu",
        sweep={"sparsity_penalty": [0.0, 1e-3, 1e-1, 1.0, 10.0, 100.0]},
        tied=False,
        threshold_scale="direct",
        threshold_init=0.01,
        bandwidth=0.05,
        reconstruction_loss="sum",
        n_latents=32,
        training={"steps": 1_500, "batch_size": 256, "learning_rate": 3e-4, "gradient_clip": 1.0},
    )
    parameters, _ = fit(sweep)
    l0 = (saes.make_architecture(sweep).encode(parameters, held_out(6, 4_000)) > 0).sum(-1).float().mean(0).tolist()
    assert l0[0] > l0[1] > l0[2] > l0[3]
    assert l0[0] > 5 * l0[3]
    assert l0[4:] == pytest.approx([l0[3]] * 2, rel=0.1)
