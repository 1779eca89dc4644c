"""Training on all of a finite data set at every step, without the matrix of all reconstructions.

`finite_data.full_batch_loss` is the specification. Of the squared error of a feature,

    (x - relu(z))^2 = relu(z)^2 - 2 x relu(z) + x^2,

the first term does not contain the data: `linear_regions` sums it. The others are met at the non-zeros of x alone. What
they leave of a loss close to 0 is what rounding leaves of large terms that cancel, up to 1e-4 of sum x^2 where W is
long, and a negative rest is taken as 0.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from superposition.features import SparseSamples
from superposition.finite_data import check_data, loss_factor
from superposition.kernels.adam import pack, unpack, update, update_factors
from superposition.kernels.compilation import call, jit
from superposition.kernels.linear_regions import add_dense_part, workspace
from superposition.kernels.plane import add_data_terms_in_plane, encode_in_plane
from superposition.kernels.point_tiles import points_of_tile, sort_into_tiles
from superposition.kernels.sparse_data import add_data_terms, arrange, empty_points, encode
from superposition.training import Recorder, check_finite

ARRAYS = ("parameters", "first", "second", "order")  # of a TrainingState
SORT_EVERY = 64  # steps; points move slowly, and where they are decides only how fast a step is


@jit
def encode_points(theta, arranged, u):
    """u[t] = (W x_t, 1)"""
    if len(theta) == 3:
        encode_in_plane(theta, *arranged, u)
    else:
        encode(theta, *arranged, u)


@jit
def add_gradient(theta, data, arranged, order, sort, gradient, grad_h, u, active, room):
    """Add half the gradient of sum_ti (x_ti - x'_ti)^2 to `gradient`, which is zero; returns the sum.

    Args:
        theta, gradient: (n_hidden + 1, n_features), W above b_final
        data: values, features and offsets of the non-zeros, see SparseSamples
        arranged: the same in `order`, see TrainingState and sparse_data.arrange
        sort: whether to renew the order
        grad_h, u: room for (points, n_hidden) and (points, n_hidden + 1)
        active: see add_data_terms; room: see workspace
    """
    encode_points(theta, arranged, u)
    if sort and len(order) > points_of_tile(len(theta)):
        sort_into_tiles(u, order)
        arrange(*data, order, arranged)
        encode_points(theta, arranged, u)
    grad_h[:] = 0
    loss = add_dense_part(theta, u, gradient, grad_h, room)
    if len(theta) == 3:
        return loss + add_data_terms_in_plane(theta, *arranged, u, gradient, grad_h, active)
    return loss + add_data_terms(theta, *arranged, u, gradient, grad_h, active)


@jit
def train(
    factors, first_step, weight_decay, learning_rates, loss_factor, values, features, offsets,
    parameters, firsts, seconds, orders,
):  # fmt: skip
    """Train every instance for len(factors) steps, one after another; (instances,) sums of their losses.

    Args:
        factors: see update_factors; first_step: the number of its first row
        values, features, offsets: see SparseSamples; offsets (instances or 1, points + 1)
        parameters, firsts, seconds, orders: see TrainingState
    """
    n_instances, size, n_features = parameters.shape
    n_points = orders.shape[1]
    gradient = np.empty((size, n_features), np.float32)
    u, grad_h = np.empty((n_points, size), np.float32), np.empty((n_points, size - 1), np.float32)
    active, room = np.empty(n_features, np.float32), workspace(size - 1, n_features)
    arranged = empty_points(len(values), n_points)
    losses = np.zeros(n_instances)
    for i in range(n_instances):
        theta, first, second, order = parameters[i], firsts[i].ravel(), seconds[i].ravel(), orders[i]
        data = values, features, offsets[i % len(offsets)]
        arrange(*data, order, arranged)
        for step in range(len(factors)):
            sort = (first_step + step) % SORT_EVERY == 0
            gradient[:] = 0
            loss = add_gradient(theta, data, arranged, order, sort, gradient, grad_h, u, active, room)
            losses[i] += 0 if loss < 0 else loss_factor * loss
            gradient *= np.float32(2 * loss_factor)
            update(theta.ravel(), gradient.ravel(), first, second, factors, step, learning_rates[i], weight_decay)
    return losses


@dataclass
class TrainingState:
    """All that training goes on from, as plain arrays: saved and restored, it continues to the same result.

    Attributes:
        parameters, first, second: (instances, n_hidden + 1, n_features) W above b_final, and Adam's moments of them
        order: (instances, points) int64, the points in the order in which they are met
        steps: updates done
    """

    parameters: np.ndarray
    first: np.ndarray
    second: np.ndarray
    order: np.ndarray
    steps: int = 0

    @classmethod
    def begin(cls, parameters: dict[str, Tensor], n_points: int) -> "TrainingState":
        instances, n_hidden, n_features = parameters["W"].shape
        packed = pack(parameters).reshape(instances, n_hidden + 1, n_features)
        order = np.tile(np.arange(n_points), (instances, 1))
        return cls(packed, np.zeros_like(packed), np.zeros_like(packed), order)

    def to_tensors(self) -> dict[str, Tensor]:
        return {key: torch.from_numpy(getattr(self, key)) for key in ARRAYS} | {"steps": torch.tensor(self.steps)}

    @classmethod
    def from_tensors(cls, kept: dict[str, Tensor]) -> "TrainingState":
        return cls(**{key: kept[key].numpy() for key in ARRAYS}, steps=int(kept["steps"]))


def advance(
    state: TrainingState, data: SparseSamples, loss_scale: str, training: dict, learning_rate: Tensor, steps: int
) -> np.ndarray:
    """Take the next `steps` of the training['steps'] updates; (instances,) sums of the losses before each of them."""
    losses = call(
        train, update_factors(training, state.steps, state.steps + steps), state.steps, float(training["weight_decay"]),
        learning_rate.double().numpy(), loss_factor(data, loss_scale),
        data.values.numpy(), data.features.numpy(), data.offsets.numpy(),
        state.parameters, state.first, state.second, state.order,
    )  # fmt: skip
    state.steps += steps
    return losses


def evaluate_loss(parameters: dict[str, Tensor], data: SparseSamples, loss_scale: str) -> Tensor:
    """(instances,) float64 loss on any data, for instance on fresh samples: that of a step of length 0."""
    check_data(data, parameters)
    state = TrainingState.begin(parameters, data.n_samples)
    still = {"steps": 1, "schedule": "constant", "warmup_steps": 0, "weight_decay": 0.0}
    return torch.from_numpy(advance(state, data, loss_scale, still, torch.zeros(len(state.parameters)), 1))


def minimise_full_batch(
    parameters: dict[str, Tensor],
    data: SparseSamples,
    loss_scale: str,
    training: dict,
    learning_rate: Tensor,
    recorder: Recorder,
    kept: dict[str, Tensor] | None = None,
    keep: Callable[[Callable[[], dict[str, Tensor]]], None] | None = None,
) -> None:
    """Train `parameters` in place, as `finite_data.minimise_full_batch` does; all on the CPU."""
    check_data(data, parameters)
    state = TrainingState.from_tensors(kept) if recorder.steps else TrainingState.begin(parameters, data.n_samples)
    while state.steps < training["steps"]:
        losses = advance(
            state, data, loss_scale, training, learning_rate, min(recorder.every, training["steps"] - state.steps)
        )
        recorder.record(state.steps, torch.from_numpy(losses).float(), learning_rate)
        if keep:
            keep(state.to_tensors)
    unpack(state.parameters.reshape(len(learning_rate), -1), parameters)
    for name, parameter in parameters.items():
        check_finite(parameter, training["steps"], learning_rate, name)
