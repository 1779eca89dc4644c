"""TopK, BatchTopK, Matryoshka and AuxK against numbers worked out by hand."""

import math
from functools import partial

import pytest
import torch
from sae_blocks import block, fit, held_out

from superposition import saes
from superposition.saes import BatchTopKSae, Losses, MatryoshkaBatchTopKSae, MatryoshkaReluSae, ReluSae, TopKSae
from superposition.saes.architecture import fraction_active
from superposition.saes.selection import keep_largest
from superposition.seeding import torch_generator

PENALTY = torch.zeros(1)


def identity(n=3, **extra):
    """Latents that are the coordinates, so that pre-activations are the activations themselves."""
    eye = torch.eye(n)[None]
    zeros = torch.zeros(1, n)
    parameters = {"W_enc": eye, "W_dec": eye, "b_enc": zeros, "b_dec": zeros, "silent_steps": zeros}
    return {name: tensor.clone() for name, tensor in (parameters | extra).items()}


H = torch.tensor([[[3.0, 1.0, 2.0]], [[-4.0, 0.5, 0.25]]])  # two samples of one instance


# Keeping the largest


def test_the_largest_are_kept_exactly():
    scores = torch.tensor([[[0.0, 3.0, 1.0, 2.0]], [[5.0, 5.0, 5.0, 1.0]]])
    assert keep_largest(scores, [2, 2]).tolist() == [[[False, True, False, True]], [[True, True, False, False]]]
    assert keep_largest(scores, [1, 9]).tolist() == [[[False, True, False, False]], [[True, True, True, True]]]
    assert not keep_largest(scores, [0, 0]).any()


def test_nothing_that_is_not_positive_is_kept():
    scores = torch.tensor([[[0.0, 0.0, 1.0, -2.0]]])
    assert keep_largest(scores, [3]).tolist() == [[[False, False, True, False]]]


@pytest.mark.parametrize("rows", [5, 1])
def test_many_that_are_alike_do_not_add_up(rows):
    scores = torch.rand(3, rows, 40, generator=torch_generator(0)).mul(4).round()
    kept = keep_largest(scores, [7, 1, 30])
    for i, count in enumerate([7, 1, 30]):
        assert torch.equal(kept[i].sum(-1), (scores[i] > 0).sum(-1).clamp(max=count))
        assert (scores[i].masked_fill(~kept[i], torch.inf).amin(-1) >= scores[i].masked_fill(kept[i], 0).amax(-1)).all()


# TopK


def test_topk_by_hand():
    # (3, 1, 2) keeps 3 and 2; of (-4, .5, .25) only two are positive.
    z = TopKSae(k=2).encode(identity(), H)
    assert z.tolist() == [[[3.0, 0.0, 2.0]], [[0.0, 0.5, 0.25]]]
    assert TopKSae(k=2).decode(identity(), z).tolist() == z.tolist()


def test_topk_losses_by_hand():
    # Errors: 1 in the first sample, -4 in the second; squares over 3 dimensions (1 / 3 + 16 / 3) / 2, or their sums.
    losses = TopKSae(k=2).losses(identity(), H, PENALTY)
    assert losses.reconstruction.item() == pytest.approx(17 / 6)
    assert losses.total.item() == losses.reconstruction.item()
    summed = TopKSae(k=2, reconstruction_loss="sum").losses(identity(), H, PENALTY)
    assert summed.total.item() == pytest.approx(17 / 2)
    assert losses.fraction_active.tolist() == [[0.5, 0.5, 1.0]]


@pytest.mark.parametrize("kind", [TopKSae, BatchTopKSae])
def test_losses_do_not_depend_on_the_size_of_the_batch(kind):
    twice = kind(k=2).losses(identity(), torch.cat([H, H]), PENALTY).total
    torch.testing.assert_close(twice, kind(k=2).losses(identity(), H, PENALTY).total)


def test_each_instance_has_its_own_k():
    parameters = {name: tensor.expand(3, *tensor.shape[1:]) for name, tensor in identity().items()}
    z = TopKSae(k=9).encode(parameters | {"k": torch.tensor([1.0, 2.0, 3.0])}, H.expand(-1, 3, -1))
    assert (z > 0).sum(-1).tolist() == [[1, 2, 3], [1, 2, 2]]


def test_free_rows_are_compared_by_what_they_write():
    W_dec = torch.diag(torch.tensor([1.0, 10.0, 1.0]))[None]
    z = TopKSae(k=1, decoder_norm="free").encode(identity(W_dec=W_dec), H)
    assert z.tolist() == [[[0.0, 1.0, 0.0]], [[0.0, 0.5, 0.0]]]  # 1 * 10 is more than 3


# BatchTopK


def test_batchtopk_by_hand():
    # k = 1.5 of two samples are three: 3, 2, 1, all of the first sample.
    parameters = identity(threshold=torch.tensor([torch.nan]))
    assert BatchTopKSae(k=1.5).encode(parameters, H, "batch").tolist() == [[[3.0, 1.0, 2.0]], [[0.0, 0.0, 0.0]]]


def test_the_threshold_encodes_one_by_one():
    parameters = identity(threshold=torch.tensor([0.4]))
    assert BatchTopKSae(k=1).encode(parameters, H).tolist() == [[[3.0, 1.0, 2.0]], [[0.0, 0.5, 0.0]]]
    alone = BatchTopKSae(k=1).encode(parameters, H[1:])
    assert torch.equal(alone[0], BatchTopKSae(k=1).encode(parameters, H)[1])


def test_a_mode_that_is_none():
    with pytest.raises(ValueError, match="mode is 'Batch': allowed are 'threshold', 'batch'"):
        BatchTopKSae(k=1).encode(identity(threshold=torch.zeros(1)), H, "Batch")


def test_the_threshold_is_a_running_mean_of_the_smallest():
    sae, parameters = BatchTopKSae(k=1, threshold_rate=0.25), identity(threshold=torch.tensor([torch.nan]))
    seen = []
    for z in ([3.0, 0.0, 2.0], [0.0, 6.0, 0.0], [0.0, 0.0, 0.0]):
        z = torch.tensor([[z]])
        sae.observe(parameters, Losses(PENALTY, PENALTY, PENALTY, fraction_active(z), sae.followed(parameters, z)))
        seen.append(parameters["threshold"].item())
    assert seen == [2.0, 3.0, 3.0]  # the first as it is; 2 + (6 - 2) / 4; nothing fired, nothing learned


def test_both_modes_agree_after_training():
    sweep = block("batchtopk", k=1.5, n_latents=12, training={"steps": 800, "batch_size": 256})
    parameters, _ = fit(sweep)
    architecture, h = saes.make_architecture(sweep), held_out(1, 4_000)
    l0 = {mode: (architecture.encode(parameters, h, mode) > 0).sum(-1).float() for mode in architecture.modes}
    assert l0["batch"].mean().item() == pytest.approx(1.5, abs=1e-3)
    assert l0["threshold"].mean().item() == pytest.approx(1.5, rel=0.1)
    assert l0["threshold"].std() > 0.5  # samples differ in how many they keep
    assert parameters["threshold"].isfinite().all()


# Annealing of k


@pytest.mark.parametrize("kind", [TopKSae, BatchTopKSae, partial(MatryoshkaBatchTopKSae, prefixes=[8])])
def test_k_falls_along_a_line(kind):
    sae = kind(k=2, k_start=6, k_anneal_end=0.5)
    parameters = sae.initialise(8, 8, [torch_generator(0)]) | {"b_enc": torch.full((1, 8), 100.0)}  # all would fire
    h, fired = torch.randn(32, 1, 8, generator=torch_generator(1)), []
    for done in (0.0, 0.125, 0.25, 0.5, 0.9):
        sae.begin_step(parameters, done, torch_generator(2))
        fired.append(sae.losses(parameters, h, PENALTY).fraction_active.sum(-1).mean().item())
    assert fired == [6, 5, 4, 2, 2]


def test_encoding_knows_no_annealing():
    annealed = block("topk", sweep={"k": [2, 3]}, k_start=8, k_anneal_end=1.0, training={"steps": 3})
    parameters, _ = fit(annealed)
    parameters["b_enc"] += 100.0
    z = saes.make_architecture(annealed).encode(parameters, held_out(2))
    assert ((z > 0).sum(-1) == torch.tensor([2, 3])).all()
    plain, _ = fit(block("topk", sweep={"k": [2, 3]}, training={"steps": 3}))
    assert not torch.equal(plain["W_enc"], parameters["W_enc"])


# Matryoshka


def test_matryoshka_by_hand():
    # Prefixes 1 and 3 of three latents, all kept but the negative: errors (0, 1, 2), (-4, .5, .25) and (0, 0, 0),
    # (-4, 0, 0). Sums of squares 5, 16.3125, 0, 16; the mean over samples and prefixes is 9.328125.
    sae = MatryoshkaBatchTopKSae(k=3, prefixes=[1, 3], reconstruction_loss="sum")
    losses = sae.losses(identity(threshold=torch.zeros(1)), H, PENALTY)
    assert losses.total.item() == pytest.approx(9.328125)


def test_one_prefix_of_all_latents_is_batchtopk():
    parameters, h = fit(block("batchtopk"))[0], held_out(1, 64)
    outer = MatryoshkaBatchTopKSae(k=2, prefixes=[16], dead_window=10).losses(parameters, h, PENALTY)
    plain = BatchTopKSae(k=2, dead_window=10).losses(parameters, h, PENALTY)
    torch.testing.assert_close(outer.total, plain.total)


def test_matryoshka_with_a_penalty_by_hand():
    # H gives (3, 1, 2) and (0, .5, .25), of which prefixes 1 and 3 sum up 3 and 6, 0 and .75: 4.875 / 2 on average. The
    # reconstruction is as above.
    sae = MatryoshkaReluSae(prefixes=[1, 3], reconstruction_loss="sum")
    losses = sae.losses(identity(), H, torch.tensor([0.5]))
    assert losses.reconstruction.item() == pytest.approx(9.328125)
    assert losses.sparsity.item() == pytest.approx(9.75 / 4)
    assert losses.total.item() == pytest.approx(9.328125 + 0.5 * 9.75 / 4)


def test_one_prefix_of_all_latents_is_relu():
    for norm in ("unit", "free"):
        parameters, h = fit(block("relu", decoder_norm=norm))[0], held_out(1, 64)
        outer = MatryoshkaReluSae(prefixes=[16], decoder_norm=norm).losses(parameters, h, PENALTY)
        plain = ReluSae(decoder_norm=norm).losses(parameters, h, PENALTY)
        torch.testing.assert_close(outer.sparsity, plain.sparsity)
        torch.testing.assert_close(outer.total, plain.total)


@pytest.mark.parametrize("kind", [partial(MatryoshkaBatchTopKSae, k=2), MatryoshkaReluSae])
def test_prefixes_are_drawn_short_ones_more_often(kind):
    sae = kind(prefixes=3, prefix_power=0.5)
    parameters = sae.initialise(4, 20, [torch_generator(0), torch_generator(1)])
    generator, drawn = torch_generator(0, "schedule"), []
    for _ in range(2_000):
        sae.begin_step(parameters, 0.0, generator)
        assert torch.equal(parameters["widths"][0], parameters["widths"][1])
        drawn.append(parameters["widths"][0].clone())
    widths = torch.stack(drawn)
    assert (widths[:, -1] == 20).all()
    assert (widths.diff(dim=1) > 0).all()
    # of two draws without replacement with weights w ~ n^-1.5, the first is 1 with probability w_1, or is second
    w = torch.arange(1, 20).double() ** -1.5
    w /= w.sum()
    expected = w[0] + (w[1:] * w[0] / (1 - w[1:])).sum()
    share = (widths[:, 0] == 1).double().mean()
    assert share.item() == pytest.approx(expected.item(), abs=4 * math.sqrt(0.25 / 2_000))


# AuxK


def auxiliary(silent, h, **options):
    sae = TopKSae(k=1, reconstruction_loss="sum", dead_window=5, aux_coefficient=0.5, **options)
    parameters = identity(silent_steps=torch.tensor([silent]))
    losses = sae.losses(parameters, h, PENALTY)
    return losses.total.item() - losses.reconstruction.item()


def test_the_dead_are_asked_for_what_is_left():
    # Only 3 is kept of (3, 1, 2). The dead latent 2 could add 2, which leaves 1: .5 * 1. Of two dead the larger is
    # taken if there is room for one, both if for two.
    h = H[:1]
    assert auxiliary([0.0, 0.0, 5.0], h) == pytest.approx(0.5)
    assert auxiliary([0.0, 5.0, 5.0], h, aux_k=1) == pytest.approx(0.5)
    assert auxiliary([0.0, 5.0, 5.0], h, aux_k=2) == pytest.approx(0)
    assert auxiliary([0.0, 5.0, 0.0], h) == pytest.approx(0.5 * 4)
    assert auxiliary([0.0, 4.0, 4.0], h) == 0  # none is dead yet


def test_the_residual_is_held_constant_and_the_dead_are_trained():
    parameters = identity(silent_steps=torch.tensor([[0.0, 0.0, 5.0]]))
    parameters["W_enc"][0, 2, 2] = 0.5  # latent 2 offers 1 of the missing 2
    for name in ("W_enc", "W_dec"):
        parameters[name].requires_grad_()
    sae = TopKSae(k=1, dead_window=5)
    h = H[:1]
    pre = sae.pre_activation(parameters, h)
    z = torch.relu(pre) * torch.tensor([True, False, False])
    loss = sae.auxiliary_loss(parameters, h, sae.decode(parameters, z), pre).sum()
    W_enc, W_dec = torch.autograd.grad(loss, [parameters["W_enc"], parameters["W_dec"]])
    assert W_enc[0, :, 2].any()
    assert W_dec[0, 2].any()
    assert not W_enc[0, :, :2].any()
    assert not W_dec[0, :2].any()


def test_silence_is_counted_in_steps():
    sae, parameters = TopKSae(k=1, dead_window=2), identity()
    for fired in ([1, 0, 0], [0, 0, 1], [1, 0, 0]):
        sae.observe(parameters, Losses(PENALTY, PENALTY, PENALTY, torch.tensor([fired], dtype=torch.float32)))
    assert parameters["silent_steps"].tolist() == [[0.0, 3.0, 1.0]]
    assert sae.dead(parameters).tolist() == [[False, True, False]]
    sae.restart_latent(parameters, 0, 1, torch.tensor([1.0, 0.0, 0.0]), 0.5)
    assert not sae.dead(parameters).any()


def test_auxk_revives():
    # 32 latents for 12 features, begun uniformly: without help most of them never fire
    dead = {}
    for coefficient in (0.0, 1.0):
        training = {"steps": 600, "batch_size": 128}
        sweep = block("topk", k=3, n_latents=32, aux_coefficient=coefficient, dead_window=20, training=training)
        parameters, _ = fit(sweep)
        z = saes.make_architecture(sweep).encode(parameters, held_out(1))
        dead[coefficient] = int((z == 0).all(0).sum())
    assert dead[0.0] > 10
    assert dead[1.0] <= dead[0.0] - 3
