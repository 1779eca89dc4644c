"""Trains a stack of autoencoders on the hidden activations of a toy model, one instance after another.

There is one training loop. It is compiled for every architecture with the functions of its own module, its kernel:

    ORDER              the names of its parameters, in the order in which they are packed
    lay_out            views of an instance's parameters and gradient, and room for a step's intermediate results
    begin_step         what depends on the parameters alone
    add_gradient       a tile of samples' part of the losses, of sums from which the gradient is made, and of activity
    complete_gradient  those sums, taken over a batch, turned into the gradient
    end_step           what the architecture does to its parameters after every update
"""

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor

from superposition.features import SparseFeatures
from superposition.kernels import gated_sae, jumprelu_sae, relu_sae
from superposition.kernels.adam import pack, resume, to_tensors, unpack, update, update_factors
from superposition.kernels.compilation import call, specialise
from superposition.kernels.random_lanes import seed_lanes
from superposition.kernels.sampling import (
    begin_batch,
    empty_block,
    join_sets,
    sample_common,
    sample_rare,
    sampling_tables,
    spread_signs,
    take_empty,
)
from superposition.kernels.tiles import empty_tile
from superposition.saes import Architecture, GatedSae, JumpReluSae, ReluSae
from superposition.training import Recorder, check_finite

KERNELS = {ReluSae: relu_sae, GatedSae: gated_sae, JumpReluSae: jumprelu_sae}
SETTINGS = {JumpReluSae: ("threshold_init", "bandwidth")}  # fields that a kernel takes; others keep their defaults
kernel = relu_sae  # in the loop below it stands for any of them


def train(
    begin, factors, batch_size, weight_decay, learning_rates, penalties, settings, states, last, scale, gap_scale,
    layout, W, n_latents, parameters, firsts, seconds, sums, fired, last_active,
):  # fmt: skip
    """Train every instance from step `begin` on for len(factors) steps, one after another.

    Args:
        factors: see update_factors; states: see seed_lanes; last, scale, gap_scale, layout: see sampling_tables
        settings: float32, see kernel_settings
        W: (d_in, n_features)
        parameters, firsts, seconds: (instances, size) the kernel's ORDER, see pack, and Adam's moments of them
        sums: (3, instances) float64, to which the reconstruction, sparsity and other losses of every step are added
        fired: (instances, n_latents) int64, to which the number of samples is added on which each latent was active
        last_active: (instances, n_latents) int64, the step at which each last was
    """
    d_in, n_features = W.shape
    x = empty_tile(n_features)
    gaps, decisions, magnitudes, cursor = empty_block()
    fired_now, gradient = np.empty(n_latents, np.int64), np.empty(parameters.shape[1], np.float32)
    for i in range(len(last)):
        own, first, second, state, last_i, scale_i = parameters[i], firsts[i], seconds[i], states[i], last[i], scale[i]
        room = kernel.lay_out(own, gradient, d_in, n_latents)
        for step in range(len(factors)):
            gradient[:] = 0
            fired_now[:] = 0
            kernel.begin_step(room)
            begin_batch(cursor, batch_size)
            lanes = repeats = 1
            while repeats > 0:
                if gap_scale[i] == 0:
                    lanes = sample_common(x, state, last_i, scale_i, cursor)
                    join_sets(x, lanes, layout)
                else:
                    lanes = sample_rare(
                        x, batch_size, state, last_i, gap_scale[i], layout, cursor, gaps, decisions, magnitudes
                    )
                if lanes == 0:
                    lanes, repeats = 1, take_empty(x, n_features, cursor)
                elif layout.signed:
                    spread_signs(x, n_features, lanes)
                if repeats > 0:
                    reconstruction, sparsity, other = kernel.add_gradient(
                        x, lanes, repeats, batch_size, penalties[i], settings, W, room, fired_now
                    )
                    sums[0, i] += reconstruction
                    sums[1, i] += sparsity
                    sums[2, i] += other
            kernel.complete_gradient(room)
            for j in range(n_latents):
                fired[i, j] += fired_now[j]
                if fired_now[j] > 0:
                    last_active[i, j] = begin + step
            update(own, gradient, first, second, factors, step, learning_rates[i], weight_decay)
            kernel.end_step(room)


TRAIN = {kind: specialise(train, kind.__name__, kernel=module) for kind, module in KERNELS.items()}


def supports(architecture: Architecture) -> bool:
    """Whether `minimise` can fit this architecture, on a CPU."""
    kind = type(architecture)
    if kind not in KERNELS:
        return False
    others = [field for field in fields(kind) if field.name not in SETTINGS.get(kind, ())]
    return all(getattr(architecture, field.name) == field.default for field in others)


def kernel_settings(architecture: Architecture) -> np.ndarray:
    """(SETTINGS,) float32"""
    return np.array([getattr(architecture, name) for name in SETTINGS.get(type(architecture), ())], np.float32)


def minimise(
    architecture: Architecture,
    parameters: dict[str, Tensor],
    W: Tensor,
    distribution: SparseFeatures,
    penalty: Tensor,
    training: dict,
    resampling: dict,
    learning_rate: Tensor,
    seeds: list[int],
    recorder: Recorder,
    close_stretch: Callable[[int, Tensor, Tensor, Tensor], None],
    resample: Callable[[Tensor], None],
    kept: dict[str, Tensor] | None = None,
    keep: Callable[[Callable[[], dict[str, Tensor]]], None] | None = None,
) -> None:
    """Train `parameters` in place on fresh activations h = W x of samples x of `distribution`, from the first step on
    or from where `recorder` is.

    Args:
        parameters: those of the architecture, see `saes`, on the CPU
        W: (d_in, n_features); distribution: of as many instances; penalty, learning_rate: (instances,)
        training, resampling: those blocks of the configuration
        seeds: one per instance, of its own stream of samples: an instance's result does not depend on the others
        close_stretch: called where the recorder ends a stretch, with the step, the stretch's mean reconstruction and
            sparsity losses, both (instances,), and the fraction of its samples on which each latent fired,
            (instances, n_latents)
        resample: called before every `resampling.every`-th step, if the method is not "none", with the
            (instances, n_latents) latents that fired on no sample of the last `resampling.window` steps; may change
            `parameters` in place
        kept: the state of a training that is gone on with, whose history `recorder` has
        keep: called where a stretch has ended, with a function that gives the state
    """
    steps, batch_size = training["steps"], training["batch_size"]
    ordered = {key: parameters[key] for key in KERNELS[type(architecture)].ORDER}
    packed, (n_instances, n_latents) = pack(ordered), architecture.weights(parameters)["b_enc"].shape
    state = {
        "packed": packed,
        "first": np.zeros_like(packed),
        "second": np.zeros_like(packed),
        "lanes": seed_lanes(seeds),
        "last_active": np.full((n_instances, n_latents), -1, np.int64),
    }
    done = recorder.steps[-1] if recorder.steps else 0
    if done:
        resume(state, kept)
        unpack(packed, ordered)
    fixed = (
        batch_size, float(training["weight_decay"]), learning_rate.double().numpy(), penalty.numpy(),
        kernel_settings(architecture), state["lanes"],
        *sampling_tables(distribution), W.contiguous().numpy(), n_latents,
        packed, state["first"], state["second"],
    )  # fmt: skip
    sums, fired = np.zeros((3, n_instances)), np.zeros((n_instances, n_latents), np.int64)
    last_active, closed = state["last_active"], done

    resampled_before = range(resampling["every"], steps, resampling["every"]) if resampling["method"] != "none" else ()
    ends = sorted({*range(recorder.every, steps, recorder.every), *resampled_before, steps})
    ends = [end for end in ends if end > done]
    for begin, end in zip([done, *ends], ends, strict=False):
        if begin in resampled_before:
            unpack(packed, ordered)
            resample(torch.from_numpy(last_active < max(begin - resampling["window"], 0)))
            packed[:] = pack(ordered)
        step = (begin, update_factors(training, begin, end), *fixed, sums, fired, last_active)
        call(TRAIN[type(architecture)], *step)
        if recorder.ends_stretch(end):
            unpack(packed, ordered)
            reconstruction, sparsity, other = torch.from_numpy(sums).float()
            recorder.record(end, reconstruction + penalty * sparsity + other, learning_rate)
            length = end - closed
            fraction = torch.from_numpy(fired / (length * batch_size)).float()
            close_stretch(end, reconstruction / length, sparsity / length, fraction)
            sums[:], fired[:], closed = 0, 0, end
            if keep:
                keep(lambda: to_tensors(state))
    for name, parameter in parameters.items():
        check_finite(parameter, steps, learning_rate, name)
