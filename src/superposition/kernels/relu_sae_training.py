"""Trains a stack of ReLU autoencoders on the hidden activations of a toy model, one instance after another."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from superposition.kernels.adam import pack, unpack, update, update_factors
from superposition.kernels.compilation import jit, jit_inlined
from superposition.kernels.random_lanes import seed_lanes
from superposition.kernels.relu_sae import add_gradient, normalise_rows, pull_back
from superposition.kernels.sampling import (
    begin_batch,
    empty_block,
    sample_common,
    sample_rare,
    sampling_tables,
    take_empty,
)
from superposition.kernels.tiles import empty_tile
from superposition.training import Recorder, check_finite

ORDER = "W_enc", "W_dec", "b_enc", "b_dec"


@jit_inlined
def _views(packed, d_in, n_latents):
    size = d_in * n_latents
    W_enc, W_dec = packed[:size].reshape(d_in, n_latents), packed[size : 2 * size].reshape(n_latents, d_in)
    return W_enc, W_dec, packed[2 * size : 2 * size + n_latents], packed[2 * size + n_latents :]


@jit
def train(
    begin, factors, batch_size, weight_decay, learning_rates, penalties, states, last, scale, gap_scale, W, n_latents,
    parameters, firsts, seconds, sums, fired, last_active,
):  # fmt: skip
    """Train every instance from step `begin` on for len(factors) steps, one after another.

    Args:
        factors: see update_factors; states: see seed_lanes; last, scale, gap_scale: see sampling_tables
        W: (d_in, n_features)
        parameters, firsts, seconds: (instances, size) W_enc, W_dec, b_enc, b_dec, see pack, and Adam's moments of them
        sums: (2, instances) float64, to which the reconstruction and sparsity losses of every step are added
        fired: (instances, n_latents) int64, to which the number of samples is added on which each latent was active
        last_active: (instances, n_latents) int64, the step at which each last was
    """
    d_in, n_features = W.shape
    x, c, e, z, grad_z = (
        empty_tile(n_features), empty_tile(d_in), empty_tile(d_in), empty_tile(n_latents), empty_tile(n_latents)
    )  # fmt: skip
    zeros, minus_b_dec, slopes = np.zeros(d_in, np.float32), np.empty(d_in, np.float32), np.empty(n_latents, np.float32)
    gaps, decisions, magnitudes, cursor = empty_block()
    fired_now, D = np.empty(n_latents, np.int64), np.empty((n_latents, d_in), np.float32)
    D_T = D.T
    gradient = np.empty(parameters.shape[1], np.float32)
    grad_W_enc, grad_W_dec, grad_b_enc, grad_b_dec = _views(gradient, d_in, n_latents)
    grad_W_dec_T = grad_W_dec.T
    for i in range(len(last)):
        own, first, second, state, last_i, scale_i = parameters[i], firsts[i], seconds[i], states[i], last[i], scale[i]
        W_enc, W_dec, b_enc, b_dec = _views(own, d_in, n_latents)
        W_enc_T = W_enc.T
        for step in range(len(factors)):
            gradient[:] = 0
            fired_now[:] = 0
            normalise_rows(W_dec, D)
            for d in range(d_in):
                minus_b_dec[d] = -b_dec[d]
            begin_batch(cursor, batch_size)
            lanes = repeats = 1
            while repeats > 0:
                if gap_scale[i] == 0:
                    lanes = sample_common(x, state, last_i, scale_i, cursor)
                else:
                    lanes = sample_rare(x, batch_size, state, last_i, gap_scale[i], cursor, gaps, decisions, magnitudes)
                if lanes == 0:
                    lanes, repeats = 1, take_empty(x, n_features, cursor)
                if repeats > 0:
                    reconstruction, sparsity = add_gradient(
                        x, lanes, repeats, batch_size, penalties[i], W, W_enc_T, D, D_T, b_enc, minus_b_dec,
                        c, z, e, grad_z, zeros, slopes, grad_W_enc, grad_W_dec_T, grad_b_enc, grad_b_dec, fired_now,
                    )  # fmt: skip
                    sums[0, i] += reconstruction
                    sums[1, i] += sparsity
            pull_back(W_enc, W_dec, grad_W_dec, grad_b_enc, grad_b_dec)
            for j in range(n_latents):
                fired[i, j] += fired_now[j]
                if fired_now[j] > 0:
                    last_active[i, j] = begin + step
            update(own, gradient, first, second, factors, step, learning_rates[i], weight_decay)
            normalise_rows(W_dec, W_dec)


def supports(architecture: str, distribution: str, device: torch.device | str) -> bool:
    """Whether `minimise` can fit this architecture to activations of these features there."""
    return architecture == "relu" and distribution == "independent" and torch.device(device).type == "cpu"


def minimise(
    parameters: dict[str, Tensor],
    W: Tensor,
    probability: Tensor,
    penalty: Tensor,
    training: dict,
    resampling: dict,
    learning_rate: Tensor,
    seeds: list[int],
    recorder: Recorder,
    close_stretch: Callable[[int, Tensor, Tensor, Tensor], None],
    resample: Callable[[Tensor], None],
) -> None:
    """Train `parameters` in place on fresh activations h = W x, x of `features.IndependentFeatures`.

    Args:
        parameters: W_enc, W_dec, b_enc, b_dec of `saes`, on the CPU
        W: (d_in, n_features); probability: (n_features,); penalty, learning_rate: (instances,)
        training, resampling: those blocks of the configuration
        seeds: one per instance, of its own stream of samples: an instance's result does not depend on the others
        close_stretch: called where the recorder ends a stretch, with the step, the stretch's mean reconstruction and
            sparsity losses, both (instances,), and the fraction of its samples on which each latent fired,
            (instances, n_latents)
        resample: called before every `resampling.every`-th step, if the method is not "none", with the
            (instances, n_latents) latents that fired on no sample of the last `resampling.window` steps; may change
            `parameters` in place
    """
    steps, batch_size = training["steps"], training["batch_size"]
    ordered = {key: parameters[key] for key in ORDER}
    packed, (n_instances, n_latents) = pack(ordered), parameters["b_enc"].shape
    fixed = (
        batch_size, float(training["weight_decay"]), learning_rate.double().numpy(), penalty.numpy(),
        seed_lanes(seeds), *sampling_tables(probability.expand(n_instances, -1)), W.contiguous().numpy(),
        n_latents, packed, np.zeros_like(packed), np.zeros_like(packed),
    )  # fmt: skip
    sums, fired = np.zeros((2, n_instances)), np.zeros((n_instances, n_latents), np.int64)
    last_active, closed = np.full((n_instances, n_latents), -1, np.int64), 0

    resampled_before = range(resampling["every"], steps, resampling["every"]) if resampling["method"] != "none" else ()
    ends = sorted({*range(recorder.every, steps, recorder.every), *resampled_before, steps})
    for begin, end in zip([0, *ends], ends, strict=False):
        if begin in resampled_before:
            unpack(packed, ordered)
            resample(torch.from_numpy(last_active < max(begin - resampling["window"], 0)))
            packed[:] = pack(ordered)
        train(begin, update_factors(training, begin, end), *fixed, sums, fired, last_active)
        if recorder.ends_stretch(end):
            unpack(packed, ordered)
            reconstruction, sparsity = torch.from_numpy(sums).float()
            recorder.record(end, reconstruction + penalty * sparsity, learning_rate)
            length = end - closed
            fraction = torch.from_numpy(fired / (length * batch_size)).float()
            close_stretch(end, reconstruction / length, sparsity / length, fraction)
            sums[:], fired[:], closed = 0, 0, end
    for name, parameter in parameters.items():
        check_finite(parameter, steps, learning_rate, name)
