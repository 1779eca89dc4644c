"""Every trained model is held against the theorems of its kind; a breach stops the build."""

import numpy as np
import torch
from torch import Tensor

from superposition import geometry
from superposition.features import SparseSamples, feature_importance
from superposition.seeding import torch_generator
from superposition.toy_models import KINDS, Parameters, reconstruction_loss, take_instances

N_SAMPLES = 1_000


def check_models(
    experiment: dict, parameters: Parameters, samples: SparseSamples, held_out: np.ndarray, name: str, seed: int
) -> None:
    """Bounds on D_i; outputs >= 0 where they end in a ReLU; a loss that no rotation of W changes where nothing else
    tells the hidden units from other directions.

    Raises geometry.InvariantError, which names experiment, instance, feature and value.
    """
    kind = experiment["model"]["kind"]
    model, importance = KINDS[kind], feature_importance(experiment).double()
    W = model.directions(parameters)
    precise = {key: tensor.double() for key, tensor in parameters.items()}
    groups = [(int(index), np.flatnonzero(held_out == index)) for index in np.unique(held_out)]
    x = {index: samples.to_dense(index, N_SAMPLES)[:, None].double() for index, _ in groups}

    def losses_of(W: Tensor) -> Tensor:
        """(instances,) on the first held-out samples."""
        changed, losses = precise | {"W": W}, torch.empty(len(held_out), dtype=torch.float64)
        for index, instances in groups:
            stack = take_instances(changed, instances)
            losses[instances] = reconstruction_loss(kind, stack, x[index], importance[instances])
        return losses

    try:
        geometry.check_invariants(W)
        if model.output is torch.relu:
            for index, instances in groups:
                outputs = model.forward(take_instances(precise, instances), x[index]).transpose(0, 1)
                geometry.check_outputs(outputs, instances)
        if model.tied and not model.has_privileged_basis and "b_hidden" not in parameters:
            geometry.check_rotation(W, losses_of, torch_generator(seed, name, "rotation"))
    except geometry.InvariantError as error:
        raise geometry.InvariantError(f"{name}, seed {seed}: {error}") from error
