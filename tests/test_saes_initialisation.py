"""Orthogonal decoders and decoders without a bias, as Sharkey et al. 2022 have them."""

import pytest
import torch
from sae_blocks import block, fit, source

from superposition import saes
from superposition.saes.initialisation import draw_orthogonal
from superposition.seeding import torch_generator

STILL = {"learning_rate": 1e-12, "steps": 1}


@pytest.mark.parametrize(("n", "d"), [(3, 8), (8, 8)])
def test_up_to_d_rows_are_orthonormal(n, d):
    rows = draw_orthogonal(n, d, torch_generator(0))
    torch.testing.assert_close(rows @ rows.T, torch.eye(n), rtol=0, atol=1e-5)


def test_more_rows_are_of_unit_length_and_cover_all_dimensions_alike():
    rows = draw_orthogonal(200, 8, torch_generator(0))
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(200))
    # 25 rows to a dimension: random rows, whose columns are not orthogonal, are further from it
    frame, drawn = rows.T @ rows / 25, torch.randn(200, 8, generator=torch_generator(1))
    unit = drawn / drawn.norm(dim=1, keepdim=True)
    assert (frame - torch.eye(8)).abs().max() < 0.6 * (unit.T @ unit / 25 - torch.eye(8)).abs().max()


def test_orthogonal_matrices_are_uniform():
    # without the sign of R's diagonal the corner of Q would always have one sign
    corners = [draw_orthogonal(2, 2, torch_generator(i))[0, 0] > 0 for i in range(100)]
    assert 30 < sum(corners) < 70


@pytest.mark.parametrize("architecture", saes.TRAINED)
def test_a_decoder_begins_orthogonal(architecture):
    sweep = block(architecture, n_latents=8, restarts=2, initialisation={"method": "orthogonal"}, training=STILL)
    W_dec = saes.make_architecture(sweep).weights(fit(sweep)[0])["W_dec"]
    torch.testing.assert_close(W_dec @ W_dec.mT, torch.eye(8).expand(2, 8, 8), rtol=0, atol=1e-4)
    assert not torch.allclose(W_dec[0], W_dec[1], atol=0.1)


def test_the_encoder_keeps_its_own_draw():
    own, orthogonal = (
        fit(block("relu", initialisation={"method": method, "norm": 0.1}, decoder_norm="free", training=STILL))[0]
        for method in ("uniform", "orthogonal")
    )
    assert torch.equal(own["W_enc"], orthogonal["W_enc"])
    torch.testing.assert_close(orthogonal["W_dec"].norm(dim=-1), torch.full((1, 16), 0.1))


@pytest.mark.parametrize("architecture", saes.TRAINED)
def test_a_decoder_without_a_bias_keeps_it_at_zero(architecture):
    with_bias, without = (fit(block(architecture, decoder_bias=bias, restarts=2))[0] for bias in (True, False))
    assert with_bias["b_dec"].abs().max() > 1e-3
    assert not without["b_dec"].any()
    moved = "W_dec" if "W_dec" in without else "W_enc"
    assert not torch.allclose(without[moved], with_bias[moved], atol=1e-4)


def test_a_decoder_without_a_bias_does_not_begin_at_the_truth():
    class Biased:
        shared, W = True, source().W
        bias = torch.ones(8)

        def sample(self, batch_size, n_instances, generator):
            return source().sample(batch_size, 1, generator) + self.bias

    truth = {"initialisation": {"method": "truth"}, "training": STILL}
    with_bias, without = (fit(block("relu", decoder_bias=bias, **truth), Biased())[0] for bias in (True, False))
    torch.testing.assert_close(with_bias["b_dec"], torch.ones(1, 8))
    assert not without["b_dec"].any()
