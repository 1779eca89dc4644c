"""Every architecture through the whole fit: it learns, is resampled on schedule, and fills the same tables."""

import numpy as np
import pytest
import torch
from builders import sae
from test_sae_training import EVERY_STEP, ONE_FEATURE, fit, flags, weights_of

from superposition import saes
from superposition.seeding import torch_generator


@pytest.mark.parametrize("architecture", saes.ARCHITECTURES)
@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_every_architecture_learns(architecture, engine):
    training = {"steps": 600, "batch_size": 128, "log_every": 50, "learning_rate": 0.01, "engine": engine}
    block = sae(architecture=architecture, sparsity_penalty=0.01, training=training)
    parameters, history = fit(block)
    losses = history.dropna(subset="loss").pivot(index="step", columns="instance", values="reconstruction_loss")
    assert (losses.iloc[-1] < 0.3 * losses.iloc[0]).all()
    weights = saes.make_architecture(block).weights(parameters)
    final = history[history["step"] == 600]
    weights["threshold"] = saes.make_architecture(block).thresholds(parameters)
    for name, tensor in weights.items():  # the snapshots are of what the tables call encoder and decoder
        assert torch.equal(torch.tensor(np.stack(final[name].to_list())), tensor.flatten(1))


@pytest.mark.parametrize("architecture", saes.ARCHITECTURES)
def test_every_architecture_is_resampled(architecture):
    resampling = {"method": "simple", "every": 20, "window": 5, "scale": 0.5}
    block = sae(resampling=resampling, training=EVERY_STEP, restarts=4, architecture=architecture)
    _, history = fit(block, W=ONE_FEATURE)
    active = weights_of(history, "fraction_active", (5,))
    dead = active[16:21].sum(0) == 0
    assert 0 < dead.sum() < dead.numel()
    assert torch.equal(flags(history)[21], dead)
    W_enc = weights_of(history, "W_enc", (2, 5)).mT
    change = (W_enc[21] - W_enc[20]).norm(dim=-1)
    assert (change[dead] > 0.05).all()
    assert (change[~dead] < 0.01).all()


@pytest.mark.parametrize("architecture", saes.ARCHITECTURES)
def test_latents_fire_beyond_their_thresholds(architecture):
    block = sae(architecture=architecture, training={"steps": 600, "batch_size": 128, "learning_rate": 0.01})
    parameters, _ = fit(block)
    kind = saes.make_architecture(block)
    h = torch.randn(500, 2, 2, generator=torch_generator(0, "h"))
    weights = kind.weights(parameters)
    pre = torch.einsum("bid,idl->bil", h - weights["b_dec"], weights["W_enc"]) + weights["b_enc"]
    fires = kind.encode(parameters, h) > 0
    assert 0.1 < fires.float().mean() < 0.9
    gated_off = ~fires & (pre > kind.thresholds(parameters))  # a gate may open on a magnitude of zero
    assert not (fires & (pre <= kind.thresholds(parameters) - 1e-5)).any()
    assert gated_off.float().mean() < (0.1 if architecture == "gated" else 1e-3)
