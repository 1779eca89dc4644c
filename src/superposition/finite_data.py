"""Finite data sets of sparse features, and training on all of one at every step.

The setting of Henighan et al. 2023 ("Superposition, Memorization, and Double Descent"): T samples are drawn once,
scaled to unit length, and the ReLU output model is fitted to them by full-batch gradient descent. This is the
specification, dense and for any device, that the kernel is held to.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from superposition import toy_models
from superposition.features import SparseFeatures, SparseSamples
from superposition.training import Recorder, minimise

CHUNK = 2**22  # numbers drawn at once; part of what a seed means

LOSS_SCALES = ("sum", "mean")
ZERO_SAMPLES = ("keep", "redraw")


def sample_data(
    feature_probability: Tensor, n_samples: int, generators: list[torch.Generator], zero_samples: str = "keep"
) -> SparseSamples:
    """One data set of `n_samples` samples of unit length for each generator.

    Args:
        feature_probability: (n_features,)
        zero_samples: what becomes of samples without any feature, which have no direction: "keep" leaves them zero
            (ARENA 1.5.4), "redraw" draws others in their place. Henighan et al. do not say
    """
    if n_samples < 1:
        raise ValueError(f"n_samples is {n_samples}: allowed are integers >= 1")
    if zero_samples not in ZERO_SAMPLES:
        raise ValueError(f"zero_samples is {zero_samples!r}: allowed are {ZERO_SAMPLES}")
    if zero_samples == "redraw" and not feature_probability.any():
        raise ValueError("feature_probability is 0 for every feature: samples would be redrawn forever")
    distribution = SparseFeatures(feature_probability[None])
    return _join([_sample_one(distribution, n_samples, g, zero_samples == "redraw") for g in generators])


def _sample_one(
    distribution: SparseFeatures, n_samples: int, generator: torch.Generator, redraw: bool
) -> SparseSamples:
    n_features = distribution.probability.shape[1]
    at_once = max(1, CHUNK // n_features)
    values, features, counts, missing = [], [], [], n_samples
    while missing > 0:
        x = distribution.sample(at_once, generator)[:, 0]
        if redraw:
            x = x[x.any(dim=1)]
        x = x[:missing]
        length = x.norm(dim=1, keepdim=True)
        chunk = SparseSamples.from_dense((x / torch.where(length > 0, length, 1.0))[None])
        values.append(chunk.values)
        features.append(chunk.features)
        counts.append(chunk.offsets[0].diff())
        missing -= len(x)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), torch.cat(counts).cumsum(0)])
    return SparseSamples(torch.cat(values), torch.cat(features), offsets[None], n_features)


def _join(data_sets: list[SparseSamples]) -> SparseSamples:
    begins = torch.tensor([0, *(len(data.values) for data in data_sets)]).cumsum(0)
    offsets = torch.cat([data.offsets + begin for data, begin in zip(data_sets, begins, strict=False)])
    values, features = (torch.cat([getattr(data, key) for data in data_sets]) for key in ("values", "features"))
    return SparseSamples(values, features, offsets, data_sets[0].n_features)


def check_data(data: SparseSamples, parameters: dict[str, Tensor]) -> None:
    """ValueError unless there is one data set for all instances or one for each, of the model's features."""
    instances, _, n_features = parameters["W"].shape
    if data.n_points not in (1, instances):
        raise ValueError(
            f"{data.n_points} data sets for {instances} instances: allowed are one for all or one for each"
        )
    if data.n_features != n_features:
        raise ValueError(f"the data have {data.n_features} features, the model {n_features}: allowed are equal numbers")


def loss_factor(data: SparseSamples, loss_scale: str) -> float:
    """What the sum of squared errors over samples and features is multiplied with."""
    match loss_scale:
        case "sum":
            return 1 / data.n_samples
        case "mean":
            return 1 / (data.n_samples * data.n_features)
    raise ValueError(f"loss_scale is {loss_scale!r}: allowed are {LOSS_SCALES}")


def full_batch_loss(parameters: dict[str, Tensor], x: Tensor, factor: float) -> Tensor:
    """(instances,) squared error of the ReLU output model, summed over samples and features, times `factor`.

    Args:
        x: (samples, instances, n_features)
        factor: see loss_factor. The loss is the mean over samples of the sum over features in Henighan et al., of
            their mean in ARENA 1.5.4; to Adam this differs only by its epsilon
    """
    return factor * ((x - toy_models.KINDS["relu_output"].forward(parameters, x)) ** 2).sum(dim=(0, 2))


def to_dense(data: SparseSamples, n_instances: int, like: Tensor) -> Tensor:
    """(samples, instances, n_features) on the device and of the type of `like`."""
    x = torch.stack([data.to_dense(point) for point in range(data.n_points)], dim=1)
    return x.to(like).expand(-1, n_instances, -1)


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
    """Train the ReLU output model in place on all of its data at every step.

    Args:
        parameters: W, b_final of `toy_models`
        data: one data set that all instances share, or one for each
        loss_scale: "sum" or "mean" over features, see full_batch_loss
        training: the `training` block of the configuration (steps, schedule, warmup_steps, weight_decay)
        learning_rate: (instances,)
        kept, keep: where to go on from, and what keeps that, see training.minimise
    """
    check_data(data, parameters)
    x = to_dense(data, len(learning_rate), parameters["W"])
    factor = loss_factor(data, loss_scale)

    def loss_of_batch() -> Tensor:
        return full_batch_loss(parameters, x, factor)

    minimise(parameters, loss_of_batch, training, learning_rate, recorder, kept=kept, keep=keep)
