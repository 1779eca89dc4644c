"""The tables of a toy-model experiment at one seed: its models, their features, and some hidden vectors to look at."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from superposition import geometry
from superposition.evaluation import held_out_losses, lowest_loss_instances
from superposition.features import SparseSamples, feature_importance
from superposition.runs import list_instances, parameter_of_instances
from superposition.seeding import torch_generator
from superposition.toy_models import KINDS, Kind, Parameters, reconstruction_loss

N_PLOTTED = 250  # hidden vectors kept per point, as in the source's scatter plots


def measure_toy_models(
    name: str, experiment: dict, seed: int, parameters: Parameters, samples: SparseSamples
) -> dict[str, pd.DataFrame]:
    """Tables `models`, `features` and `hidden_samples` (see schemas/tables.yaml) of all instances.

    The W that is measured is W_1 where there are two matrices.

    Raises geometry.InvariantError if a model or a measurement contradicts a theorem.
    """
    model = experiment["model"]
    kind = KINDS[model["kind"]]
    W = kind.directions(parameters)
    instances = list_instances(experiment)
    points = instances["point"].to_numpy()
    importance = feature_importance(**experiment["importance"], n_features=model["n_features"])
    losses = held_out_losses(model["kind"], parameters, samples, points, importance)
    best = np.zeros(len(instances), dtype=bool)
    best[list(lowest_loss_instances(losses, points))] = True
    probability = parameter_of_instances(
        experiment, "feature_probability", experiment["features"]["feature_probability"]
    )
    keys = instances[["instance", "point", "restart"]].assign(
        experiment=name, seed=seed, lowest_loss=best, feature_probability=probability
    )
    check_models(model["kind"], parameters, samples, points, importance, torch_generator(seed, name, "rotation"))
    models = keys.assign(
        kind=model["kind"],
        n_features=model["n_features"],
        n_hidden=model["n_hidden"],
        learning_rate=parameter_of_instances(experiment, "learning_rate", experiment["training"]["learning_rate"]),
        loss=losses,
        n_represented=geometry.find_represented(W).sum(-1).numpy(),
        n_superposed=geometry.find_superposed(W).sum(-1).numpy(),
        n_antipodal_pairs=geometry.count_antipodal_pairs(W).numpy(),
        frobenius_norm_squared=W.double().square().sum((-2, -1)).numpy(),
        dimensions_per_feature=geometry.compute_dimensions_per_feature(W).numpy(),
        total_dimensionality=geometry.compute_dimensionality(W).sum(-1).numpy(),
        rank=geometry.compute_rank(W).numpy(),
        gap_deviation=geometry.compute_gap_deviation(W).numpy() if model["n_hidden"] == 2 else np.nan,
        mean_bias=parameters["b_final"].double().mean(-1).numpy(),
        near_ray_fraction=near_ray_fractions(kind, parameters, samples, points),
    )
    return {
        "models": models,
        "features": tabulate_features(keys, W, parameters["b_final"], importance),
        "hidden_samples": tabulate_hidden_samples(keys[best], kind, parameters, samples),
    }


def check_models(
    kind: str,
    parameters: Parameters,
    samples: SparseSamples,
    points: np.ndarray,
    importance: Tensor,
    generator: torch.Generator,
    n_samples: int = 1_000,
) -> None:
    """Hold every model against the theorems of its kind: bounds on D_i; outputs >= 0 where they end in a ReLU; a loss
    that no rotation of W changes where nothing else tells the hidden units from other directions."""
    model = KINDS[kind]
    W = model.directions(parameters)
    geometry.check_invariants(W)
    x = {int(point): samples.to_dense(int(point))[:n_samples, None].double() for point in np.unique(points)}
    precise = {name: tensor.double() for name, tensor in parameters.items()}

    def losses_of(W: Tensor) -> Tensor:
        """(instances,) on the first held-out samples; a W of one instance stands for itself."""
        changed = precise | {"W": W}
        losses = [
            reconstruction_loss(kind, take_instance(changed, i), x[int(point)], importance)
            for i, point in enumerate(points)
        ]
        return torch.cat(losses)

    if model.output is torch.relu:
        outputs = [model.forward(take_instance(precise, i), x[int(point)])[:, 0] for i, point in enumerate(points)]
        geometry.check_outputs(torch.stack(outputs))
    if model.tied and not model.has_privileged_basis:
        geometry.check_rotation(W, losses_of, generator)


def take_instance(parameters: Parameters, instance: int) -> Parameters:
    """A stack of that instance alone."""
    return {name: tensor[instance, None] for name, tensor in parameters.items()}


def encode_samples(kind: Kind, parameters: Parameters, instance: int, x: Tensor) -> Tensor:
    """(samples, n_hidden) hidden vectors h of one instance, of x (samples, n_features)."""
    return kind.encode(take_instance(parameters, instance), x[:, None])[:, 0]


def near_ray_fractions(kind: Kind, parameters: Parameters, samples: SparseSamples, points: np.ndarray) -> np.ndarray:
    """(instances,) share of the non-zero held-out hidden vectors within 5 degrees of a represented feature's ray."""
    fractions, W = np.empty(len(points)), kind.directions(parameters)
    for point in np.unique(points):
        x = samples.to_dense(int(point))
        for instance in np.flatnonzero(points == point):
            h = encode_samples(kind, parameters, int(instance), x)
            fractions[instance] = geometry.fraction_near_rays(h, W[instance])
    return fractions


def tabulate_features(keys: pd.DataFrame, W: Tensor, b_final: Tensor, importance: Tensor) -> pd.DataFrame:
    """One row per (instance, feature)."""
    n_instances, n_hidden, n_features = W.shape
    represented = geometry.find_represented(W)
    among_represented = (represented.unsqueeze(-2) & ~torch.eye(n_features, dtype=torch.bool)).expand(
        -1, n_features, -1
    )
    cosines = geometry.compute_cosines(W)
    largest = cosines.masked_fill(~among_represented, -torch.inf).amax(-1)
    smallest = cosines.masked_fill(~among_represented, torch.inf).amin(-1)
    rows = keys.loc[keys.index.repeat(n_features)].reset_index(drop=True)
    return rows.assign(
        feature=np.tile(np.arange(n_features), n_instances),
        importance=importance.double().repeat(n_instances).numpy(),
        norm=geometry.compute_norms(W).flatten().numpy(),
        represented=represented.flatten().numpy(),
        superposed=geometry.find_superposed(W).flatten().numpy(),
        interference=geometry.compute_interference(W).flatten().numpy(),
        dimensionality=geometry.compute_dimensionality(W).flatten().numpy(),
        bias=b_final.double().flatten().numpy(),
        max_cosine=largest.flatten().where(largest.flatten().isfinite(), torch.nan).numpy(),
        min_cosine=smallest.flatten().where(smallest.flatten().isfinite(), torch.nan).numpy(),
        direction=list(W.mT.reshape(-1, n_hidden).numpy()),
    )


def tabulate_hidden_samples(
    keys: pd.DataFrame, kind: Kind, parameters: Parameters, samples: SparseSamples
) -> pd.DataFrame:
    """The first held-out samples with a feature present, seen in the hidden space of the models in `keys`."""
    frames = []
    for row in keys.itertuples():
        x = samples.to_dense(row.point)
        x = x[(x != 0).any(-1)][:N_PLOTTED]
        frames.append(
            pd.DataFrame(
                {
                    "experiment": row.experiment,
                    "seed": row.seed,
                    "instance": row.instance,
                    "point": row.point,
                    "feature_probability": row.feature_probability,
                    "sample": range(len(x)),
                    "n_present": (x != 0).sum(-1).numpy(),
                    "hidden": list(encode_samples(kind, parameters, row.instance, x).numpy()),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
