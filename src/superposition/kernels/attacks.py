"""Attacks on the samples of the fused training step; `superposition.adversarial` is their specification.

An attack is as long as a share of the mean length of the batch. So the samples of a batch are drawn twice, from the
same state of the generators: once to measure them, and once to train on.
"""

import numpy as np

from superposition.kernels.compilation import jit, jit_inlined
from superposition.kernels.random_lanes import advance
from superposition.kernels.sampling import begin_batch, join_sets, sample_common, spread_signs
from superposition.kernels.tiles import ROW, ROW2, ROW3, TILE, empty_tile, start_of

TINY = np.finfo(np.float32).tiny


@jit
def attack_room(n_features):
    """Room for a tile of attacked samples, the directions of attack, the state of the generators and the targets."""
    directions = np.empty((n_features, n_features), np.float32)
    return empty_tile(n_features), directions, np.empty(4 * TILE, np.uint32), np.empty(TILE, np.int32)


@jit
def set_directions(W, directions):
    """Column i is row i of W^T W at length 1, or zero: so lanes that attack different features read from one row."""
    n_hidden, n_features = W.shape
    lengths = np.zeros(n_features, np.float32)
    for j in range(n_features):
        row = directions[j]
        row[:] = 0
        for k in range(n_hidden):
            w = W[k, j]
            for i in range(n_features):
                row[i] += w * W[k, i]
        for i in range(n_features):
            lengths[i] += row[i] * row[i]
    for i in range(n_features):
        lengths[i] = np.float32(1) / max(np.sqrt(lengths[i]), TINY)
    for j in range(n_features):
        for i in range(n_features):
            directions[j, i] *= lengths[i]


@jit
def draw_targets(n_features, lanes, state, targets):
    """targets[lane] = 2 feature + sign: a random feature of each sample and a random sign, 0 or 1."""
    for lane in range(np.uintp(lanes)):
        s0, s1, s2, s3 = state[lane], state[lane + ROW], state[lane + ROW2], state[lane + ROW3]
        draw, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        state[lane], state[lane + ROW], state[lane + ROW2], state[lane + ROW3] = s0, s1, s2, s3
        targets[lane] = (np.int64(draw) * (2 * n_features)) >> 31


@jit
def prepare_attacks(x, batch_size, W, state, last, scale, layout, cursor, room):
    """Set the directions of attack and return the mean length of the next batch, which is drawn by `sample_common`."""
    lengths, directions, before, targets = room
    set_directions(W, directions)
    before[:] = state
    begin_batch(cursor, batch_size)
    n_features, lanes, total = len(last), 1, 0.0
    while lanes > 0:
        lanes = sample_common(x, state, last, scale, cursor)
        join_sets(x, lanes, layout)
        if layout.signed:
            spread_signs(x, n_features, lanes)
        draw_targets(n_features, lanes, state, targets)
        for lane in range(lanes):
            lengths[lane] = 0
        for feature in range(n_features):
            row = start_of(feature)
            for lane in range(np.uintp(lanes)):
                lengths[lane] += x[row + lane] * x[row + lane]
        for lane in range(lanes):
            total += np.sqrt(lengths[lane])
    state[:] = before
    return total / batch_size


@jit
def attack(x, lanes, length, state, room):
    """The samples of a tile, each under an attack of that length."""
    seen, directions, _, targets = room
    n_features, length = len(directions), np.float32(length)
    draw_targets(n_features, lanes, state, targets)
    for j in range(n_features):
        row, along = start_of(j), directions[j]
        for lane in range(np.uintp(lanes)):
            target = targets[lane]
            step = length * along[np.uintp(target >> 1)]
            seen[row + lane] = x[row + lane] + (step if target & 1 else -step)
    return seen


@jit_inlined
def no_room(n_features):
    return 0


@jit_inlined
def prepare_nothing(x, batch_size, W, state, last, scale, layout, cursor, room):
    return 0.0


@jit_inlined
def no_attack(x, lanes, length, state, room):
    return x
