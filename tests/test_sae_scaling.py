"""Training on activations of the mean length sqrt(d_in): what is kept encodes the activations as they are."""

import pytest
import torch
from sae_blocks import DICTIONARY, block, fit, held_out, source

from superposition import saes

SCALED = {"normalise_activations": "sqrt_d_in"}


def test_the_scale_by_hand():
    # lengths 5 and 0, mean 2.5: sqrt 2 / 2.5
    h = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    assert saes.scale_to_sqrt_d_in(h) == pytest.approx(2**0.5 / 2.5)
    with pytest.raises(ValueError, match="all activations are 0"):
        saes.scale_to_sqrt_d_in(torch.zeros(3, 2))


@pytest.mark.parametrize("options", [{}, {"threshold_scale": "direct"}, {"decoder_norm": "free"}])
@pytest.mark.parametrize("architecture", saes.TRAINED)
def test_every_architecture_is_homogeneous(architecture, options):
    if options and architecture != ("jumprelu" if "threshold_scale" in options else "relu"):
        options = {}
    sweep = block(architecture, restarts=2, **options)
    parameters, kind = fit(sweep)[0], saes.make_architecture(sweep)
    scaled, h = saes.rescale(parameters, 4.0), held_out(2, 200)
    z = kind.encode(parameters, h)
    assert z.any()
    torch.testing.assert_close(kind.encode(scaled, 4 * h), 4 * z, rtol=1e-4, atol=1e-4)
    h_hat = kind.decode(parameters, z)
    torch.testing.assert_close(kind.decode(scaled, 4 * z), 4 * h_hat, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(kind.thresholds(scaled), 4 * kind.thresholds(parameters), equal_nan=True)


@pytest.mark.parametrize("architecture", ["jumprelu", "relu", "batchtopk"])
def test_the_scale_of_the_activations_makes_no_difference_to_scaled_training(architecture):
    # powers of two are exact: the same autoencoder, whatever the units of the activations
    sweep = block(architecture, training=SCALED, n_latents=12)
    small, large = (fit(sweep, source(factor * DICTIONARY)) for factor in (1, 8))
    for name, tensor in saes.rescale(small[0], 8.0).items():
        torch.testing.assert_close(large[0][name], tensor, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        torch.tensor(large[1]["loss"].to_numpy()), torch.tensor(small[1]["loss"].to_numpy()), equal_nan=True
    )
    plain, _ = fit(block(architecture, n_latents=12))
    assert not torch.allclose(plain["W_enc"], small[0]["W_enc"], atol=1e-3)


def test_an_instance_alone_is_scaled_as_among_others():
    alone, together = (fit(block("relu", training=SCALED, restarts=n))[0] for n in (1, 3))
    assert all(torch.equal(alone[name][0], together[name][0]) for name in alone)


def test_snapshots_are_of_what_is_kept():
    parameters, history = fit(block("relu", training=SCALED | {"snapshots": 2}))
    assert history["b_enc"].iloc[-1].tolist() == parameters["b_enc"][0].tolist()
