"""Training with the autoencoders' fused steps: it repeats, records, resamples, and ends as the specification does."""

import io
import math

import numpy as np
import pytest
import torch
from autoencoders import GATED, PENTAGON, RELU, TRAINING, every_architecture, order
from builders import check_schema, sae, toy_model
from scipy import stats

from superposition import saes
from superposition.features import SparseFeatures
from superposition.kernels.sae_training import minimise
from superposition.progress import Progress
from superposition.sae_sources import ToyModelActivations
from superposition.sae_training import fit_saes
from superposition.training import DivergenceError, Recorder
from superposition.training import minimise as minimise_by_autograd

NEVER = {"method": "none", "every": 10, "window": 5, "scale": 0.5}


def fit(
    architecture=RELU, seeds=(0, 1), p=0.2, rates=(1e-2, 1e-3), penalties=(0.2, 0.1), resampling=NEVER, every=10,
    **training,
):  # fmt: skip
    """Parameters, recorder, and what close_stretch and resample were called with."""
    training = {**TRAINING, **training}
    parameters = architecture.initialise(2, 5, [torch.Generator().manual_seed(seed) for seed in seeds])
    recorder = Recorder(every, Progress("test", training["steps"], stream=io.StringIO()))
    features = SparseFeatures(torch.full((len(seeds), 5), p))
    stretches, deaths = [], []
    minimise(
        architecture, parameters, PENTAGON, features, torch.tensor(penalties), training, resampling,
        torch.tensor(rates), list(seeds), recorder, lambda *stretch: stretches.append(stretch),
        lambda dead: deaths.append(dead.clone()),
    )  # fmt: skip
    return parameters, recorder, stretches, deaths


@every_architecture
def test_training_is_repeatable(architecture):
    first, second = fit(architecture), fit(architecture)
    assert all(torch.equal(first[0][key], second[0][key]) for key in order(architecture))
    assert torch.equal(torch.stack(first[1].losses), torch.stack(second[1].losses))


@every_architecture
def test_an_instance_alone_is_the_same_as_among_others(architecture):
    together = fit(architecture)[0]
    alone = fit(architecture, seeds=(1,), rates=(1e-3,), penalties=(0.1,))[0]
    assert all(torch.equal(together[key][1:], alone[key]) for key in order(architecture))


@every_architecture
def test_stretches_are_means_of_their_steps(architecture):
    fine, coarse = fit(architecture, every=1)[1:3], fit(architecture, every=8)[1:3]
    assert coarse[0].steps == [8, 16, 20]
    for i, (begin, end) in enumerate([(0, 8), (8, 16), (16, 20)]):
        torch.testing.assert_close(coarse[0].losses[i], torch.stack(fine[0].losses[begin:end]).mean(0))
        for part in (1, 2, 3):  # reconstruction, sparsity, fraction active
            means = torch.stack([stretch[part] for stretch in fine[1][begin:end]]).mean(0)
            torch.testing.assert_close(coarse[1][i][part], means)


@pytest.mark.parametrize("architecture", [RELU, GATED])
def test_decoder_rows_end_at_unit_length(architecture):
    torch.testing.assert_close(fit(architecture)[0]["W_dec"].norm(dim=-1), torch.ones(2, 5))


def test_dead_are_the_latents_silent_for_the_whole_window():
    # with a stretch per step the activity of every step is known; batches of 2 sparse samples often leave one silent
    resampling = {**NEVER, "method": "simple", "every": 6, "window": 4}
    _, _, stretches, deaths = fit(p=0.1, every=1, resampling=resampling, batch_size=2, steps=100)
    active = torch.stack([fraction for *_, fraction in stretches])
    steps = range(6, 100, 6)
    assert len(deaths) == len(steps)
    silent = {window: [active[step - window : step].sum(0) == 0 for step in steps] for window in (3, 4, 5)}
    assert torch.equal(torch.stack(deaths), torch.stack(silent[4]))
    assert not torch.equal(torch.stack(deaths), torch.stack(silent[3]))  # the window's length does show
    assert not torch.equal(torch.stack(deaths), torch.stack(silent[5]))


def test_a_window_longer_than_the_past_is_the_whole_past():
    resampling = {**NEVER, "method": "simple", "every": 6, "window": 100}
    _, _, stretches, deaths = fit(p=0.02, every=1, rates=(0.1, 0.1), resampling=resampling)
    active = torch.stack([fraction for *_, fraction in stretches])
    assert torch.equal(deaths[0], active[:6].sum(0) == 0)
    assert torch.equal(deaths[2], active[:18].sum(0) == 0)


@every_architecture
def test_what_resampling_changes_is_trained_on(architecture):
    bias = "b_mag" if isinstance(architecture, saes.GatedSae) else "b_enc"
    training = {**TRAINING, "steps": 11}
    seen = {}
    for change in (0.0, 5.0):
        parameters = architecture.initialise(2, 5, [torch.Generator().manual_seed(0)])
        recorder = Recorder(11, Progress("test", 11, stream=io.StringIO()))

        def resample(dead, parameters=parameters, change=change):
            parameters[bias][0, 3] += change

        minimise(
            architecture, parameters, PENTAGON, SparseFeatures(torch.full((1, 5), 0.2)), torch.tensor([0.2]), training,
            {**NEVER, "method": "simple"}, torch.tensor([1e-3]), [0], recorder, lambda *stretch: None, resample,
        )  # fmt: skip
        seen[change] = parameters[bias][0]
    moved = seen[5.0] - seen[0.0]
    assert moved[3] == pytest.approx(5, abs=0.01)
    assert moved[[0, 1, 2, 4]].abs().max() < 0.01


@every_architecture
def test_divergence_is_an_error(architecture):
    with pytest.raises(DivergenceError, match=r"instance 1 is not finite by step 10 \(learning rate 1e\+30, 1 of 2"):
        fit(architecture, rates=(1e-3, 1e30))


@every_architecture
def test_a_weight_that_breaks_at_the_last_step_is_found(architecture):
    # the loss of the only step is that of the first weights
    with pytest.raises(
        DivergenceError, match=r"training diverged: \w+ of instance 1 is not finite by step 1 "
    ) as caught:
        fit(architecture, rates=(1e-3, math.inf), steps=1, every=1)
    assert "loss of" not in str(caught.value)


@every_architecture
@pytest.mark.parametrize("p", [0.3, 0.05])
def test_final_losses_are_distributed_as_the_specifications(architecture, p):
    # 48 autoencoders each, judged on the same held-out samples
    n, training = 48, {**TRAINING, "batch_size": 128, "steps": 300}
    penalty, rates, W = torch.full((n,), 0.2), torch.full((n,), 1e-2), PENTAGON
    held_out = SparseFeatures(torch.full((1, 5), p)).sample(20_000, torch.Generator().manual_seed(99)) @ W.T
    features, losses = SparseFeatures(torch.full((n, 5), p)), []
    for fused in (True, False):
        generators = [torch.Generator().manual_seed(s + (0 if fused else 1000)) for s in range(n)]
        parameters = architecture.initialise(2, 5, generators)
        recorder = Recorder(300, Progress("test", 300, stream=io.StringIO()))
        if fused:
            minimise(
                architecture, parameters, W, features, penalty, training, NEVER, rates, list(range(n)),
                recorder, lambda *stretch: None, lambda dead: None,
            )  # fmt: skip
        else:
            batches = torch.Generator().manual_seed(5)

            def loss_of_batch(parameters=parameters, batches=batches):
                h = features.sample(training["batch_size"], batches) @ W.T
                return architecture.losses(parameters, h, penalty).total

            def after_step(step, parameters=parameters):
                architecture.after_step(parameters)

            minimise_by_autograd(parameters, loss_of_batch, training, rates, recorder, after_step=after_step)
        losses.append(architecture.losses(parameters, held_out.expand(-1, n, -1), penalty).total.numpy())
    assert stats.ks_2samp(*losses).pvalue > 0.01
    assert stats.mannwhitneyu(*losses).pvalue > 0.01


@pytest.mark.parametrize("architecture", ["relu", "gated", "jumprelu"])
def test_both_engines_fill_the_same_history(architecture):
    resampling = {"method": "simple", "every": 8, "window": 4}
    tables = {}
    for engine in ("auto", "torch"):
        training = {"steps": 25, "batch_size": 4, "log_every": 10, "snapshots": 3, "engine": engine}
        block = sae(training=training, resampling=resampling, restarts=3, architecture=architecture)
        progress = Progress("test", 25, stream=io.StringIO())
        source = ToyModelActivations(PENTAGON, torch.full((5,), 0.02), toy_model()["features"])
        _, history = fit_saes("tiny", block, 0, source, progress=progress)
        tables[engine] = check_schema(history, "sae_history")
    ours, theirs = tables["auto"], tables["torch"]
    assert ours[["step", "instance"]].equals(theirs[["step", "instance"]])
    for column in ours.columns:
        assert ours[column].isna().equals(theirs[column].isna()), column
    first = ours["step"] == 0  # the same initial weights, and nothing else
    for column in ("W_enc", "W_dec", "b_enc", "b_dec"):
        np.testing.assert_array_equal(np.stack(ours.loc[first, column]), np.stack(theirs.loc[first, column]))
    assert np.stack(ours["resampled"]).any()
    last = ours["step"] == 25
    assert not np.array_equal(ours.loc[last, "loss"], theirs.loc[last, "loss"])  # other samples: two engines did run
