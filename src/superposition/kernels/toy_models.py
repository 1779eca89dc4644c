"""The training step of the toy models, fused; `superposition.toy_models` is its specification.

Every kind is h = f(W_in x + b_hidden), x' = g(W_out h + b_final); f is a ReLU or nothing, and `output_functions` has g.
W_out is kept as its transpose V, which has the shape of W_in; in tied kinds the two are the same memory.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from superposition.features import SparseFeatures
from superposition.kernels.adam import pack, resume, to_tensors, unpack, update, update_factors
from superposition.kernels.attacks import attack, attack_room, no_attack, no_room, prepare_attacks, prepare_nothing
from superposition.kernels.compilation import call, jit, specialise
from superposition.kernels.model_gradient import add_gradient
from superposition.kernels.output_functions import NUMBERS
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
from superposition.toy_models import KINDS, identity
from superposition.training import Recorder, check_finite

RECTIFIED = {identity: False, torch.relu: True}
ABSOLUTE = {identity: False, torch.abs: True}


class Form(NamedTuple):
    """What tells one model from another."""

    tied: bool
    rectified: bool  # f is a ReLU
    output: int  # the number of g, see output_functions
    absolute: bool  # the target is |x|, not x
    hidden_bias: bool  # there is a b_hidden


def form_of(kind: str, parameters: dict[str, Tensor]) -> Form:
    model = KINDS[kind]
    functions = RECTIFIED[model.hidden], NUMBERS[model.output], ABSOLUTE[model.target]
    return Form(model.tied, *functions, "b_hidden" in parameters)


empty_room, prepare, attack_tile = no_room, prepare_nothing, no_attack  # of samples as they are


@jit
def views(packed, form, n_hidden, n_features):
    """W_in, V, b_hidden (of length 0 if the model has none) and b_final in an instance's packed parameters, or in their
    gradient."""
    size = n_hidden * n_features
    begin = 0 if form.tied else size
    end = begin + size
    n_biases = n_hidden if form.hidden_bias else 0
    W_in, V = packed[:size].reshape(n_hidden, n_features), packed[begin:end].reshape(n_hidden, n_features)
    return W_in, V, packed[end : end + n_biases], packed[end + n_biases :]


@jit
def train(
    factors, batch_size, weight_decay, learning_rates, penalties, attacks, states, last, scale, gap_scale, layout,
    importance, form, n_hidden, n_trained, parameters, firsts, seconds,
):  # fmt: skip
    """Train every instance for len(factors) steps, one after another; (instances,) sums of their losses.

    Args:
        factors: see update_factors; states: see seed_lanes; last, scale, gap_scale, layout: see sampling_tables
        penalties: (instances,), of mean_batch sum_k |h_k| in the loss; importance: (instances, n_features)
        attacks: (instances,), their lengths as a share of the mean length of a batch
        n_trained: how many of an instance's parameters are trained, the first of them
        parameters, firsts, seconds: (instances, size), see pack and ordered, and Adam's moments of them
    """
    n_instances, n_features = last.shape
    x, (gaps, decisions, magnitudes, cursor) = empty_tile(n_features), empty_block()
    h, g, grad_h = empty_tile(n_hidden), empty_tile(n_features), empty_tile(n_hidden)
    room = empty_room(n_features)
    zeros, gradient = np.zeros(n_hidden, np.float32), np.empty(parameters.shape[1], np.float32)
    grad_W_in, grad_V, grad_b_hidden, grad_b_final = views(gradient, form, n_hidden, n_features)
    per_sample, losses = 1 / (batch_size * n_features), np.zeros(n_instances)
    for i in range(n_instances):
        own, first, second, state, last_i, scale_i = parameters[i], firsts[i], seconds[i], states[i], last[i], scale[i]
        W_in, V, b_hidden, b_final = views(own, form, n_hidden, n_features)
        if not form.hidden_bias:
            b_hidden = zeros
        W_out, importance_i, trained = V.T, importance[i], own[:n_trained]
        penalty = np.float32(n_features * penalties[i])
        for step in range(len(factors)):
            gradient[:] = 0
            length = attacks[i] * prepare(x, batch_size, W_in, state, last_i, scale_i, layout, cursor, room)
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
                    weight, seen = np.float32(repeats * per_sample), attack_tile(x, lanes, length, state, room)
                    losses[i] += add_gradient(
                        x, seen, lanes, weight, form, W_in, V, W_out, b_hidden, b_final, importance_i, penalty,
                        h, g, grad_h, zeros, grad_W_in, grad_V, grad_b_hidden, grad_b_final,
                    )  # fmt: skip
            update(trained, gradient, first, second, factors, step, learning_rates[i], weight_decay)
    return losses


train_on_attacks = specialise(
    train.py_func, "on_attacks", empty_room=attack_room, prepare=prepare_attacks, attack_tile=attack
)


def supports(kind: str, device: torch.device | str) -> bool:
    """Whether `minimise` can train this kind of model there: it needs a CPU."""
    model = KINDS[kind]
    known = model.hidden in RECTIFIED and model.output in NUMBERS and model.target in ABSOLUTE
    return known and torch.device(device).type == "cpu"


def ordered(kind: str, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    """The parameters as the kernel packs them: W_in, V if it is another matrix, b_hidden if there is one, b_final.
    Views of the given ones."""
    tied = {"W": parameters["W"]} if KINDS[kind].tied else {"W_1": parameters["W_1"], "V": parameters["W_2"].mT}
    return tied | {name: parameters[name] for name in ("b_hidden", "b_final") if name in parameters}


def minimise(
    kind: str,
    parameters: dict[str, Tensor],
    distribution: SparseFeatures,
    importance: Tensor,
    training: dict,
    learning_rate: Tensor,
    penalty: Tensor,
    seeds: list[int],
    recorder: Recorder,
    train_output_bias: bool = True,
    attacks: Tensor | None = None,
    after_stretch: Callable[[int], None] | None = None,
    kept: dict[str, Tensor] | None = None,
    keep: Callable[[Callable[[], dict[str, Tensor]]], None] | None = None,
) -> None:
    """Train `parameters` in place on fresh samples of `distribution`, as `training.minimise` does, from the first step
    on or from where `recorder` is.

    Args:
        kind: one of `superposition.toy_models.KINDS`; parameters: its parameters, on the CPU
        importance: (instances, n_features); learning_rate, penalty: (instances,), the latter of mean sum_k |h_k|
        training: the `training` block of the configuration
        seeds: one per instance, of its own stream of samples: an instance's result does not depend on the others
        train_output_bias: whether b_final is trained, or stays as it is
        attacks: (instances,) sizes of the attacks on the samples, see adversarial.perturb
        after_stretch: called with the step where the recorder ends a stretch; `parameters` are those of that step
        kept: the state of a training that is gone on with, whose history `recorder` has
        keep: called after that, with a function that gives the state
    """
    in_order = ordered(kind, parameters)
    packed, lanes = pack(in_order), seed_lanes(seeds)
    state = {"packed": packed, "first": np.zeros_like(packed), "second": np.zeros_like(packed), "lanes": lanes}
    done = recorder.steps[-1] if recorder.steps else 0
    if done:
        resume(state, kept)
        unpack(packed, in_order)
    n_instances, n_hidden, n_features = KINDS[kind].directions(parameters).shape
    n_trained = packed.shape[1] - (0 if train_output_bias else n_features)
    attacks = torch.zeros_like(penalty) if attacks is None else attacks
    attacked = bool(attacks.any())
    fixed = (
        training["batch_size"], float(training["weight_decay"]), learning_rate.double().numpy(),
        penalty.float().numpy(), attacks.float().numpy(), lanes, *sampling_tables(distribution, gaps=not attacked),
        importance.float().expand(n_instances, -1).contiguous().numpy(), form_of(kind, parameters), n_hidden, n_trained,
        packed, state["first"], state["second"],
    )  # fmt: skip
    for begin in range(done, training["steps"], recorder.every):
        end = min(begin + recorder.every, training["steps"])
        losses = call(train_on_attacks if attacked else train, update_factors(training, begin, end), *fixed)
        recorder.record(end, torch.from_numpy(losses).float(), learning_rate)
        unpack(packed, in_order)
        if after_stretch:
            after_stretch(end)
        if keep:
            keep(lambda: to_tensors(state))
    for name, parameter in parameters.items():
        check_finite(parameter, training["steps"], learning_rate, name)
