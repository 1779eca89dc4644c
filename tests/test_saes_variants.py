"""Tied weights, free and projected decoders, p-annealing, matching pursuit, thresholds and controls, by hand."""

import math

import pytest
import torch
from sae_blocks import DICTIONARY, block, fit, held_out, unexplained

from superposition import saes
from superposition.saes import GatedSae, JumpReluSae, Losses, MatchingPursuitSae, PAnnealingSae, ReluSae
from superposition.saes.architecture import fraction_active
from superposition.saes.decoder import limit_rotation
from superposition.seeding import torch_generator

H = torch.tensor([[[1.0, 1.0]], [[0.5, -1.0]]])
PENALTY = torch.tensor([0.2])


def by_hand():
    """As in test_saes: activations (2, 0) and (0, 1.25); decoder rows of lengths 5 and 2."""
    return {
        "W_enc": torch.tensor([[[1.0, 0.0], [2.0, -1.0]]]),
        "b_enc": torch.tensor([[-0.5, 0.25]]),
        "W_dec": torch.tensor([[[3.0, 4.0], [0.0, 2.0]]]),
        "b_dec": torch.tensor([[0.5, 0.0]]),
    }


# ReLU: sums, free decoders, tied weights


def test_a_summed_loss_by_hand():
    # errors (-.7, -.6) and (0, -2.25), squares .85 and 5.0625; latents 2 and 1.25
    losses = ReluSae(reconstruction_loss="sum").losses(by_hand(), H, PENALTY)
    assert losses.reconstruction.item() == pytest.approx((0.85 + 5.0625) / 2)
    assert losses.total.item() == pytest.approx((0.85 + 5.0625) / 2 + 0.2 * 1.625)


def test_a_free_decoder_by_hand():
    # h' = 2 (3, 4) + (.5, 0) = (6.5, 8) and 1.25 (0, 2) + (.5, 0) = (.5, 2.5): errors (-5.5, -7), (0, -3.5), means of
    # squares 39.625 and 6.125. The penalty weighs by length: 2 * 5 and 1.25 * 2.
    losses = ReluSae(decoder_norm="free").losses(by_hand(), H, PENALTY)
    assert losses.reconstruction.item() == pytest.approx(22.875)
    assert losses.sparsity.item() == pytest.approx(6.25)


def test_length_cannot_be_traded_between_encoder_and_free_decoder():
    parameters = by_hand()
    before = ReluSae(decoder_norm="free").losses(parameters, H, PENALTY).total
    parameters |= {"W_enc": parameters["W_enc"] / 4, "b_enc": parameters["b_enc"] / 4, "W_dec": parameters["W_dec"] * 4}
    torch.testing.assert_close(ReluSae(decoder_norm="free").losses(parameters, H, PENALTY).total, before)


def test_tied_weights_by_hand():
    # Directions (.6, .8) and (0, 1) both ways, no biases: h = (1, 1) gives (1.4, 1), h' = (.84, 2.12).
    tied = {"W_enc": by_hand()["W_dec"].mT.clone(), "b_enc": torch.zeros(1, 2), "b_dec": torch.zeros(1, 2)}
    sae = ReluSae(tied=True)
    z = sae.encode(tied, H)
    torch.testing.assert_close(z[0], torch.tensor([[1.4, 1.0]]))
    torch.testing.assert_close(sae.decode(tied, z)[0], torch.tensor([[0.84, 2.12]]))
    weights = sae.weights(tied)
    assert torch.equal(weights["W_enc"], weights["W_dec"].mT)
    sae.after_step(tied)
    torch.testing.assert_close(tied["W_enc"].norm(dim=1), torch.ones(1, 2))


def test_projected_gradients_have_no_part_along_the_rows():
    sae = ReluSae(decoder_norm="projected")
    parameters = sae.initialise(3, 5, [torch_generator(0)])
    gradients = {"W_dec": torch.randn(1, 5, 3, generator=torch_generator(1))}
    before = gradients["W_dec"].clone()
    sae.adjust_gradients(parameters, gradients)
    along = (gradients["W_dec"] * parameters["W_dec"]).sum(-1)
    torch.testing.assert_close(along, torch.zeros(1, 5), rtol=0, atol=1e-6)
    removed = before - gradients["W_dec"]
    part = (before * parameters["W_dec"]).sum(-1, keepdim=True)
    torch.testing.assert_close(removed, part * parameters["W_dec"])  # nothing else


def test_a_normalised_forward_pass_needs_no_projection():
    parameters = ReluSae().initialise(3, 5, [torch_generator(0)])
    parameters["W_dec"].requires_grad_()
    h = torch.randn(50, 1, 3, generator=torch_generator(2))
    [gradient] = torch.autograd.grad(ReluSae().losses(parameters, h, PENALTY).total.sum(), [parameters["W_dec"]])
    assert gradient.abs().max() > 1e-3
    assert (gradient * parameters["W_dec"]).sum(-1).abs().max() < 1e-6


@pytest.mark.parametrize("norm", ["unit", "projected", "free"])
@pytest.mark.parametrize("tied", [False, True])
def test_every_kind_of_decoder_learns(norm, tied):
    training = {"steps": 400, "batch_size": 128}
    sweep = block("relu", decoder_norm=norm, tied=tied, sparsity_penalty=0.005, training=training)
    parameters, _ = fit(sweep)
    assert unexplained(sweep, parameters).item() < 0.2
    lengths = saes.make_architecture(sweep).rows(parameters).norm(dim=-1)
    assert torch.allclose(lengths, torch.ones(1, 16), atol=1e-5) == (norm != "free")


# Gated


def test_the_auxiliary_loss_leaves_the_decoder_alone_unless_asked():
    h = torch.randn(50, 1, 3, generator=torch_generator(2))
    gradients = {}
    for decoder in ("frozen", "trained"):
        sae = GatedSae(auxiliary_decoder=decoder)
        parameters = sae.initialise(3, 5, [torch_generator(0)])
        parameters["b_mag"] -= 100.0  # magnitudes are zero, so that only the auxiliary loss could reach the decoder
        parameters["W_dec"].requires_grad_()
        total = sae.losses(parameters, h, PENALTY).total.sum()
        [gradients[decoder]] = torch.autograd.grad(total, [parameters["W_dec"]])
    assert not gradients["frozen"].any()
    assert gradients["trained"].any()


# JumpReLU


def jumprelu(threshold, **options):
    sae = JumpReluSae(threshold_init=0.3, bandwidth=0.2, threshold_scale="direct", **options)
    W = torch.eye(2)[None]
    return sae, {
        "W_enc": W,
        "b_enc": torch.zeros(1, 2),
        "b_dec": torch.zeros(1, 2),
        "threshold": torch.tensor([threshold]),
    }


def test_direct_thresholds_by_hand():
    # Pre-activations (.35, 1) and (.1, .25), thresholds .3: .35 and 1 fire. Within .1 of the threshold are .35 and .25;
    # there the penalty's pseudo-gradient is -1 / .2 each, weighed .4 and averaged over two samples: -1 for each latent.
    # Reconstruction: the missing .25 pulls by 2 (.25) / 2 dimensions * (-.3 / .2) / 2 samples * -1 = .1875.
    sae, parameters = jumprelu([0.3, 0.3])
    h = torch.tensor([[[0.35, 1.0]], [[0.1, 0.25]]])
    assert sae.encode(parameters, h).tolist() == h.where(h > 0.3, 0.0).tolist()
    parameters["threshold"].requires_grad_()
    total = sae.losses(parameters, h, torch.tensor([0.4])).total.sum()
    [gradient] = torch.autograd.grad(total, [parameters["threshold"]])
    torch.testing.assert_close(gradient, torch.tensor([[-1.0, -1.0 + 0.1875]]))


def test_direct_thresholds_stay_above_zero():
    sae, parameters = jumprelu([-0.2, 0.3])
    sae.after_step(parameters)
    assert parameters["threshold"][0, 0] > 0
    assert parameters["threshold"][0, 1] == pytest.approx(0.3)


def test_small_steps_move_a_threshold():
    # 200 steps of Adam at 7e-5 move a float32 threshold of 1.1 by about 200 * 7e-5; in half precision it hardly moves
    sweep = block("jumprelu", threshold_scale="direct", threshold_init=1.1, bandwidth=2.0, sparsity_penalty=1.0)
    sweep["training"] |= {"steps": 200, "learning_rate": 7e-5}
    parameters, _ = fit(sweep)
    assert parameters["threshold"].dtype == torch.float32
    assert (parameters["threshold"].mean() - 1.1).abs().item() == pytest.approx(200 * 7e-5, rel=0.3)


def test_the_penalty_on_missing_the_target_by_hand():
    # two samples with one latent active each are L0 = 1, target 2: (1 / 2 - 1)^2 = .25; its gradient by L0 is -1 / 2,
    # and L0's by the thresholds, of which .25 alone is near, -(1 / .2) / 2 samples.
    sae, parameters = jumprelu([0.3, 0.3], l0_penalty="target", target_l0=2.0)
    h = torch.tensor([[[0.0, 1.0]], [[0.5, 0.25]]])
    parameters["threshold"].requires_grad_()
    losses = sae.losses(parameters, h, torch.tensor([1.0]))
    assert losses.sparsity.item() == pytest.approx(0.25)
    [gradient] = torch.autograd.grad(losses.sparsity.sum(), [parameters["threshold"]])
    torch.testing.assert_close(gradient, torch.tensor([[0.0, 1.25]]))


def test_the_target_of_a_jumprelu_is_met():
    sweep = block("jumprelu", l0_penalty="target", target_l0=1.5, bandwidth=0.2, sparsity_penalty=0.3, tied=False)
    sweep["training"] |= {"steps": 800, "batch_size": 256}
    parameters, _ = fit(sweep | {"decoder_norm": "unit"})
    z = saes.make_architecture(sweep | {"decoder_norm": "unit"}).encode(parameters, held_out(1))
    assert (z > 0).sum(-1).float().mean().item() == pytest.approx(1.5, abs=0.2)


# p-annealing


def test_the_power_falls_along_a_line():
    sae = PAnnealingSae(final_power=0.5, anneal_start=0.2)
    parameters = sae.initialise(2, 3, [torch_generator(0)])
    powers = []
    for done in (0.0, 0.2, 0.6, 1.0):
        sae.begin_step(parameters, done, torch_generator(0))
        powers.append(parameters["power"].item())
    assert powers == pytest.approx([1.0, 1.0, 0.75, 0.5])


def test_the_power_penalty_by_hand():
    # activations (2, 0) and (0, 1.25), p = .5 and c = 3: 3 (sqrt 2 + sqrt 1.25) / 2
    parameters = by_hand() | {"power": torch.tensor([0.5]), "penalty_factor": torch.tensor([3.0])}
    losses = PAnnealingSae().losses(parameters, H, PENALTY)
    assert losses.sparsity.item() == pytest.approx(3 * (math.sqrt(2) + math.sqrt(1.25)) / 2, rel=2e-3)
    plain = PAnnealingSae().losses(parameters | {"power": torch.ones(1), "penalty_factor": torch.ones(1)}, H, PENALTY)
    torch.testing.assert_close(plain.total, ReluSae().losses(by_hand(), H, PENALTY).total)


def test_the_factor_keeps_the_penalty_as_large_as_it_was():
    sae = PAnnealingSae(final_power=0.3)
    parameters = sae.initialise(2, 3, [torch_generator(0)])
    z = torch.rand(500, 1, 3, generator=torch_generator(1))
    for step in range(400):
        sae.begin_step(parameters, step / 400, torch_generator(0))
        sae.observe(parameters, Losses(PENALTY, PENALTY, PENALTY, fraction_active(z), sae.slope(parameters, z)))
    size = parameters["penalty_factor"] * (z ** parameters["power"]).sum(-1).mean()
    assert size.item() == pytest.approx(z.sum(-1).mean().item(), rel=0.01)
    assert parameters["penalty_factor"].item() < 0.9  # it did have to


# Matching pursuit


def pursuit():
    """Directions (1, 0) and (.6, .8)."""
    return {"W_dec": torch.tensor([[[2.0, 0.0], [0.6, 0.8]]]), "b_dec": torch.tensor([[0.5, 0.0]])}


def test_matching_pursuit_by_hand():
    # h - b_dec = (1, 1): along the rows 1 and 1.4, so 1.4 (.6, .8) is taken off, which leaves (.16, -.12), along the
    # rows .16 and 0; then .16 (1, 0), which leaves (0, -.12): nothing points there.
    h = torch.tensor([[[1.5, 1.0]]])
    for k, expected in ((1, [0.0, 1.4]), (2, [0.16, 1.4]), (3, [0.16, 1.4])):
        z = MatchingPursuitSae(k=k).encode(pursuit(), h)
        torch.testing.assert_close(z, torch.tensor([[expected]]))
    losses = MatchingPursuitSae(k=2).losses(pursuit(), h, PENALTY)
    assert losses.total.item() == pytest.approx(0.12**2 / 2, rel=1e-5)
    torch.testing.assert_close(MatchingPursuitSae(k=2).decode(pursuit(), z), torch.tensor([[[1.5, 1.12]]]))


def test_pursuit_of_orthogonal_features_is_exact():
    W = torch.linalg.qr(torch.randn(6, 6, generator=torch_generator(0)))[0]
    x = torch.rand(200, 6, generator=torch_generator(1)) * (torch.rand(200, 6, generator=torch_generator(2)) < 0.3)
    parameters = {"W_dec": W.T[None], "b_dec": torch.zeros(1, 6)}
    z = MatchingPursuitSae(k=6).encode(parameters, (x @ W.T)[:, None])
    torch.testing.assert_close(z[:, 0], x, rtol=0, atol=1e-5)


# Controls


@pytest.mark.parametrize("architecture", ["relu", "gated", "topk", "batchtopk", "matching_pursuit"])
def test_a_frozen_decoder_stays(architecture):
    training = {"steps": 40, "snapshots": 2}
    frozen, history = fit(block(architecture, decoder="frozen", training=training))
    first = torch.tensor(history["W_dec"].iloc[0]).view(1, 16, 8)
    torch.testing.assert_close(frozen["W_dec"], first, rtol=0, atol=1e-6)
    trained, _ = fit(block(architecture, training=training))
    assert not torch.allclose(trained["W_dec"], frozen["W_dec"], atol=1e-2)
    moved = "b_dec" if architecture == "matching_pursuit" else "W_gate" if architecture == "gated" else "W_enc"
    assert not torch.allclose(
        frozen[moved], fit(block(architecture, decoder="frozen", training={"steps": 1}))[0][moved]
    )


def test_rows_are_turned_back_to_the_edge_of_their_cone():
    # (0, 2) has turned by 90 degrees from (1, 0): back to cosine .8 on its side, of the same length
    rows, initial = torch.tensor([[0.0, 2.0], [3.0, 1.0], [-1.0, -1e-3]]), torch.tensor([[1.0, 0.0]]).expand(3, 2)
    limited = limit_rotation(rows, initial, 0.8)
    torch.testing.assert_close(limited[0], torch.tensor([1.6, 1.2]))
    assert torch.equal(limited[1], rows[1])  # cosine .95 may stay
    torch.testing.assert_close(limited[2], torch.tensor([0.8, -0.6]), rtol=0, atol=1e-3)


def test_a_soft_frozen_decoder_moves_within_its_cone():
    sweep = block("relu", decoder="soft_frozen", decoder_cosine=0.9, training={"steps": 300})
    parameters, history = fit(sweep)
    initial = saes.normalise_decoder({"W_dec": torch.tensor(history["W_dec"].iloc[0]).view(1, 16, 8)})
    cosine = (saes.normalise_decoder(parameters) * initial).sum(-1)
    assert cosine.min() > 0.9 - 1e-5
    assert (cosine < 0.9 + 1e-5).any()  # some would have gone on
    torch.testing.assert_close(parameters["W_dec_initial"], initial)


# Initialisation


@pytest.mark.parametrize("architecture", saes.TRAINED)
def test_encoders_along_their_decoders(architecture):
    initialisation = {"method": "transposed", "norm": 0.5}
    sweep = block(architecture, initialisation=initialisation, training={"learning_rate": 1e-12, "steps": 1})
    weights = saes.make_architecture(sweep).weights(fit(sweep)[0])
    cosines = torch.nn.functional.cosine_similarity(weights["W_enc"].mT, weights["W_dec"], dim=-1)
    torch.testing.assert_close(cosines, torch.ones(1, 16))
    own_length = 1.0 if architecture == "matching_pursuit" else 0.5
    torch.testing.assert_close(weights["W_enc"].norm(dim=1), torch.full((1, 16), own_length), rtol=1e-4, atol=0)
    assert not weights["b_enc"].any() or weights["b_enc"].abs().max() < 1e-6


def test_the_truth_and_noise_about_it():
    still = {"learning_rate": 1e-12, "steps": 1}
    for noise, least, most in ((0.0, 0.99999, 1.00001), (1.0, 0.5, 0.9)):
        sweep = block("relu", initialisation={"method": "truth", "noise": noise}, training=still)
        W_dec = fit(sweep)[0]["W_dec"][0, :12]
        mean = (W_dec * DICTIONARY.T).sum(-1).mean().item()
        assert least <= mean <= most


def test_a_free_decoder_begins_at_the_length_asked_for():
    sweep = block("relu", decoder_norm="free", initialisation={"method": "transposed", "norm": 0.1})
    sweep["training"] |= {"learning_rate": 1e-12, "steps": 1}
    parameters, _ = fit(sweep)
    for lengths in (parameters["W_dec"].norm(dim=-1), parameters["W_enc"].norm(dim=1)):
        torch.testing.assert_close(lengths, torch.full((1, 16), 0.1), rtol=1e-4, atol=0)
