"""Fitting autoencoders: unit decoders, dead latents and their resampling, snapshots, and what the history says."""

import io

import numpy as np
import pytest
import torch
from builders import PENTAGON, check_schema, sae, toy_model

from superposition import saes
from superposition.features import SparseFeatures
from superposition.progress import Progress
from superposition.sae_sources import ToyModelActivations
from superposition.sae_training import Activity, fit_saes
from superposition.seeding import torch_generator
from superposition.training import DivergenceError

BASE = 1.15 * PENTAGON
ONE_FEATURE = torch.tensor([[1.0], [0.0]])  # about half of all latents look away from it, and start dead


def fit(block, W=BASE, p=0.2, name="tiny", seed=0):
    probability = torch.full((W.shape[1],), p)
    progress = Progress(name, block["training"]["steps"], stream=io.StringIO())
    source = ToyModelActivations(W, probability, toy_model()["features"])
    parameters, history = fit_saes(name, block, seed, source, progress=progress)
    return parameters, check_schema(history, "sae_history")


def weights_of(history, name, shape):
    """(steps, instances, *shape) of a history with a snapshot at every step."""
    rows = history.sort_values(["step", "instance"])
    n_instances = rows["instance"].nunique()
    return torch.tensor(np.stack(rows[name].to_list())).view(-1, n_instances, *shape)


# Activity


def batch(*fired, reconstruction=0.0, sparsity=0.0):
    """Losses of one instance, in which each latent fired on the given number of 4 samples."""
    parts = (torch.tensor([part]) for part in (reconstruction, sparsity, 0.0))
    return saes.Losses(*parts, torch.tensor([fired]) / 4)


def test_latents_are_dead_that_were_silent_for_the_whole_window():
    activity = Activity(window=3)
    dead = []
    for fired in [(4, 1, 0), (0, 0, 0), (0, 1, 0), (1, 0, 0), (0, 0, 0), (0, 0, 1)]:
        activity.add(batch(*fired))
        dead.append(activity.dead()[0].tolist())
    assert dead == [
        [False, False, True],
        [False, False, True],
        [False, False, True],
        [False, False, True],  # latent 0 fired in the last batch of the window, latent 1 in the one before
        [False, False, True],
        [False, True, False],
    ]


def test_activity_goes_on_where_training_runs():
    activity = Activity(window=3)
    activity.resume({"recent": torch.zeros(2, 1, 3)}, "meta")  # a device that is at hand everywhere
    activity.add(saes.Losses(*(value.to("meta") for value in vars(batch(4, 1, 0)).values() if value is not None)))
    assert activity.dead().device.type == activity.to_tensors()["recent"].device.type == "meta"


def test_stretch_is_averaged_and_begun_anew():
    activity = Activity(window=1)
    for fired, reconstruction, sparsity in [((4, 0), 0.25, 1.0), ((2, 0), 0.5, 2.0), ((0, 1), 0.75, 6.0)]:
        activity.add(batch(*fired, reconstruction=reconstruction, sparsity=sparsity))
    means = [mean.flatten().tolist() for mean in activity.take_stretch()]
    assert means == [[0.5], [3.0], pytest.approx([0.5, 1 / 12])]
    activity.add(batch(1, 4, reconstruction=0.125, sparsity=5.0))
    assert [mean.flatten().tolist() for mean in activity.take_stretch()] == [[0.125], [5.0], [0.25, 1.0]]


# The fit


def test_decoder_rows_have_unit_length_after_every_step():
    block = sae(training={"steps": 30, "log_every": 1, "snapshots": 31, "learning_rate": 0.05})
    parameters, history = fit(block)
    W_dec = weights_of(history, "W_dec", (5, 2))
    assert W_dec.shape == (31, 2, 5, 2)
    torch.testing.assert_close(W_dec.norm(dim=-1), torch.ones(31, 2, 5))
    assert (W_dec[0] - W_dec[-1]).abs().max() > 0.1  # they did move
    assert torch.equal(W_dec[-1], parameters["W_dec"])


def textbook(block, W, p, name, seed):
    """The same fit as anybody would write it, all instances on the samples that ours draws; no resampling."""
    training, n = block["training"], block["restarts"]
    parameters = saes.ReluSae().initialise(
        2, block["n_latents"], [torch_generator(seed, name, "init", i) for i in range(n)]
    )
    parameters = {key: tensor.clone().requires_grad_() for key, tensor in parameters.items()}
    optimizer = torch.optim.Adam(parameters.values(), lr=training["learning_rate"])
    features = SparseFeatures(torch.full((1, W.shape[1]), p))
    streams = [torch_generator(seed, name, "train", i) for i in range(n)]
    for _ in range(training["steps"]):
        h = torch.cat([features.sample(training["batch_size"], stream) for stream in streams], dim=1) @ W.T
        z = torch.relu(torch.einsum("bid,idk->bik", h - parameters["b_dec"], parameters["W_enc"]) + parameters["b_enc"])
        directions = parameters["W_dec"] / parameters["W_dec"].norm(dim=-1, keepdim=True)
        h_hat = torch.einsum("bik,ikd->bid", z, directions) + parameters["b_dec"]
        loss = (((h - h_hat) ** 2).mean((0, 2)) + block["sparsity_penalty"] * z.sum(-1).mean(0)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            parameters["W_dec"].div_(parameters["W_dec"].norm(dim=-1, keepdim=True))
    return parameters


def test_fit_is_the_textbook_loop():
    block = sae(training={"steps": 40, "learning_rate": 0.01})
    parameters, _ = fit(block)
    for name, tensor in textbook(block, BASE, 0.2, "tiny", 0).items():
        torch.testing.assert_close(parameters[name], tensor.detach(), rtol=1e-3, atol=1e-4)


def test_fit_lowers_the_loss_and_repeats_to_the_last_bit():
    block = sae(training={"steps": 300, "log_every": 20, "learning_rate": 0.01})
    (parameters, history), (again, other_history) = fit(block), fit(block)
    for name, tensor in parameters.items():
        assert torch.equal(tensor, again[name])
    assert history["loss"].equals(other_history["loss"])
    losses = history.dropna(subset="loss").pivot(index="step", columns="instance", values="loss")
    assert (losses.iloc[-1] < 0.8 * losses.iloc[0]).all()


@pytest.mark.parametrize("changes", [{"seed": 1}, {"name": "other"}])
def test_seed_and_name_give_other_autoencoders(changes):
    first, other = fit(sae()), fit(sae(), **changes)
    assert not torch.isclose(first[0]["W_enc"], other[0]["W_enc"]).any()


def test_penalty_of_each_instance():
    block = sae(sweep={"sparsity_penalty": [0.0, 1.0]}, restarts=1, training={"steps": 200, "learning_rate": 0.01})
    _, history = fit(block)
    last = history[history["step"] == 200].set_index("instance")
    assert last.loc[1, "sparsity_loss"] < 0.5 * last.loc[0, "sparsity_loss"]
    assert last.loc[1, "reconstruction_loss"] > last.loc[0, "reconstruction_loss"]


def test_divergence_is_named():
    block = sae(sweep={"learning_rate": [1e-3, 1e30]}, restarts=1)
    with pytest.raises(DivergenceError, match=r"instance 1 is not finite by step 10 \(learning rate 1e\+30, 1 of 2"):
        fit(block)


# The history


@pytest.mark.parametrize(
    ("steps", "log_every", "snapshots", "logged", "kept"),
    [
        (12, 4, 10, [0, 4, 8, 12], [0, 4, 8, 12]),  # no more than there are steps to keep
        (12, 4, 2, [0, 4, 8, 12], [0, 12]),
        (16, 4, 3, [0, 4, 8, 12, 16], [0, 8, 16]),
        (10, 4, 3, [0, 4, 8, 10], [0, 8, 10]),  # the last stretch is shorter; 1.5 rounds to 2
        (12, 4, 1, [0, 4, 8, 12], [0]),
        (12, 4, 0, [0, 4, 8, 12], []),
    ],
)
def test_snapshots_are_evenly_spread(steps, log_every, snapshots, logged, kept):
    training = {"steps": steps, "log_every": log_every, "snapshots": snapshots}
    parameters, history = fit(sae(training=training, restarts=3))
    assert history["step"].tolist() == [step for step in logged for _ in range(3)]
    assert history["instance"].tolist() == [0, 1, 2] * len(logged)
    for name in ("W_enc", "b_enc", "W_dec", "b_dec"):
        assert history.loc[history[name].notna(), "step"].unique().tolist() == kept
    if kept[-1:] == [steps]:
        final = history[history["step"] == steps]
        for name, tensor in parameters.items():
            assert torch.equal(torch.tensor(np.stack(final[name].to_list())), tensor.flatten(1))


def test_first_snapshot_is_of_the_start():
    _, history = fit(sae())
    first = history[history["step"] == 0]
    started = saes.ReluSae().initialise(2, 5, [torch_generator(0, "tiny", "init", i) for i in range(2)])
    assert torch.equal(torch.tensor(np.stack(first["W_enc"].to_list())), started["W_enc"].flatten(1))
    assert first[["loss", "reconstruction_loss", "sparsity_loss"]].isna().all(axis=None)
    assert np.isnan(np.stack(first["fraction_active"].to_list())).all()
    assert not np.stack(first["resampled"].to_list()).any()


def test_losses_are_means_of_their_stretch():
    fine, coarse = (
        fit(sae(training={"steps": 10, "log_every": every, "snapshots": 0}))[1].set_index(["step", "instance"])
        for every in (1, 4)
    )
    for begin, end in [(0, 4), (4, 8), (8, 10)]:
        for instance in range(2):
            rows = fine.loc[[(step, instance) for step in range(begin + 1, end + 1)]]
            for column in ("loss", "reconstruction_loss", "sparsity_loss"):
                assert coarse.loc[(end, instance), column] == pytest.approx(rows[column].mean(), rel=1e-5)
            active = np.stack(rows["fraction_active"].to_list()).mean(0)
            np.testing.assert_allclose(coarse.loc[(end, instance), "fraction_active"], active, rtol=1e-5)
    total = coarse["reconstruction_loss"] + 0.2 * coarse["sparsity_loss"]
    np.testing.assert_allclose(coarse["loss"], total, rtol=1e-5)


# Resampling within the fit

EVERY_STEP = {"steps": 40, "log_every": 1, "snapshots": 41}


@pytest.fixture(scope="module")
def resampled():
    resampling = {"method": "simple", "every": 20, "window": 5, "scale": 0.5}
    return fit(sae(resampling=resampling, training=EVERY_STEP, restarts=4), W=ONE_FEATURE)[1]


@pytest.fixture(scope="module")
def untouched():
    resampling = {"method": "none", "every": 20, "window": 5}
    return fit(sae(resampling=resampling, training=EVERY_STEP, restarts=4), W=ONE_FEATURE)[1]


def flags(history):
    """(steps, instances, latents)"""
    return weights_of(history, "resampled", (5,))


def test_dead_latents_are_resampled_on_schedule(resampled):
    # Batches 15 to 19 are the window of the resampling before the 21st step, which step 21 tells; it comes once, since
    # at step 40 training is over.
    active = weights_of(resampled, "fraction_active", (5,))
    dead = active[16:21].sum(0) == 0
    assert 0 < dead.sum() < dead.numel()
    assert torch.equal(flags(resampled)[21], dead)
    assert not flags(resampled)[torch.arange(41) != 21].any()


def test_resampling_leaves_the_rest_alone(resampled, untouched):
    dead = flags(resampled)[21]
    for name, shape, to_latents in (("W_dec", (5, 2), lambda W: W), ("W_enc", (2, 5), lambda W: W.mT)):
        with_it, without = (to_latents(weights_of(history, name, shape)) for history in (resampled, untouched))
        assert torch.equal(with_it[:21], without[:21])
        change = (with_it[21] - without[21]).norm(dim=-1)
        assert (change[dead] > 0.05).all()
        assert (change[~dead] < 0.01).all()  # one step's worth: new latents already share in the reconstruction
    assert not flags(untouched).any()


def test_resampling_is_told_in_the_stretch_that_follows():
    resampling = {"method": "simple", "every": 20, "window": 5}
    training = {"steps": 40, "log_every": 10, "snapshots": 0}
    _, history = fit(sae(resampling=resampling, training=training, restarts=4), W=ONE_FEATURE)
    told = [flags(history)[i].any().item() for i in range(5)]  # at steps 0, 10, 20, 30, 40
    assert told == [False, False, False, True, False]


def test_resampling_within_the_first_stretch_is_not_told_of_the_start():
    resampling = {"method": "simple", "every": 10, "window": 5}
    training = {"steps": 20, "log_every": 20, "snapshots": 2}
    _, history = fit(sae(resampling=resampling, training=training, restarts=4), W=ONE_FEATURE)
    assert [told.any().item() for told in flags(history)] == [False, True]  # at steps 0 and 20
