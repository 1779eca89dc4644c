"""The table `models`: one row per trained model."""

import numpy as np
import pandas as pd
import torch

from superposition import basis_alignment, geometry
from superposition.expected_loss import expected_losses
from superposition.features import SparseSamples, feature_importance, feature_probability, make_distribution
from superposition.runs import parameter_of_instances
from superposition.seeding import torch_generator
from superposition.set_geometry import angle_to_set_sums
from superposition.toy_model_measurement.sets import list_correlated_sets
from superposition.toy_models import KINDS, Kind, Parameters, take_instances
from superposition.vulnerability import LARGEST, is_attackable, measure_vulnerability

MOST_ROTATED = 100  # models; of a finer sweep nobody asks how aligned its features would be by chance


def tabulate_models(
    keys: pd.DataFrame, experiment: dict, parameters: Parameters, samples: SparseSamples, losses: np.ndarray
) -> pd.DataFrame:
    model = experiment["model"]
    kind = KINDS[model["kind"]]
    W = kind.directions(parameters)
    distribution = make_distribution(experiment["features"], feature_probability(experiment))
    importance, correlated_sets = feature_importance(experiment), list_correlated_sets(experiment)
    vulnerability, loss_ratio = measure_attacks(keys, experiment, parameters, samples)
    return keys.assign(
        kind=model["kind"],
        n_features=model["n_features"],
        n_hidden=model["n_hidden"],
        learning_rate=parameter_of_instances(experiment, "learning_rate"),
        loss=losses,
        expected_loss=expected_losses(model["kind"], parameters, distribution, importance),
        n_represented=geometry.find_represented(W).sum(-1).numpy(),
        n_superposed=geometry.find_superposed(W).sum(-1).numpy(),
        n_antipodal_pairs=geometry.count_antipodal_pairs(W).numpy(),
        frobenius_norm_squared=W.double().square().sum((-2, -1)).numpy(),
        dimensions_per_feature=geometry.compute_dimensions_per_feature(W).numpy(),
        total_dimensionality=geometry.compute_dimensionality(W).sum(-1).numpy(),
        rank=geometry.compute_rank(W).numpy(),
        gap_deviation=geometry.compute_gap_deviation(W).numpy() if model["n_hidden"] == 2 else np.nan,
        angle_to_set_sums=[angle_to_set_sums(matrix, correlated_sets) for matrix in W],
        mean_bias=parameters["b_final"].double().mean(-1).numpy(),
        basis_alignment=basis_alignment.compute_alignment(W).numpy(),
        rotated_alignment=rotated_alignments(keys, W),
        near_ray_fraction=near_ray_fractions(keys, kind, parameters, samples),
        vulnerability=vulnerability,
        attacked_loss_ratio=loss_ratio,
    )


def rotated_alignments(keys: pd.DataFrame, W: torch.Tensor) -> np.ndarray:
    """(instances,) quantile 0.99 of the alignment with the hidden units over random rotations of W.

    Of the first MOST_ROTATED of the best models alone, NaN for the others and where the hidden layer is large.
    """
    quantiles = np.full(len(keys), np.nan)
    if W.shape[1] <= basis_alignment.LARGEST_HIDDEN:
        generator = torch_generator(keys["seed"].iloc[0], keys["experiment"].iloc[0], "rotations")
        rotations = basis_alignment.draw_rotations(W.shape[1], generator)
        for instance in keys.loc[keys["lowest_loss"], "instance"].head(MOST_ROTATED):
            quantiles[instance] = basis_alignment.quantile_of_rotated(W[instance], rotations)
    return quantiles


def near_ray_fractions(keys: pd.DataFrame, kind: Kind, parameters: Parameters, samples: SparseSamples) -> np.ndarray:
    """(instances,) share of the non-zero held-out hidden vectors within 5 degrees of a represented feature's ray.

    Of the best models alone, NaN for the others: it takes longer than all the rest.
    """
    fractions, W = np.full(len(keys), np.nan), kind.directions(parameters)
    for index, rows in keys[keys["lowest_loss"]].groupby("held_out"):
        x = samples.to_dense(int(index))
        for instance in rows["instance"]:
            h = encode_samples(kind, parameters, instance, x)
            fractions[instance] = geometry.fraction_near_rays(h, W[instance])
    return fractions


def measure_attacks(
    keys: pd.DataFrame, experiment: dict, parameters: Parameters, samples: SparseSamples
) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays (instances,): vulnerability, and loss under attack over loss.

    Of the best models alone; NaN for others, and for models that are too large or whose hidden units are not linear.
    """
    measured, importance = np.full((2, len(keys)), np.nan), feature_importance(experiment)
    kind, n_features = experiment["model"]["kind"], experiment["model"]["n_features"]
    if is_attackable(kind) and n_features <= LARGEST:
        for index, rows in keys[keys["lowest_loss"]].groupby("held_out"):
            x = samples.to_dense(int(index))
            for instance in rows["instance"]:
                model = take_instances(parameters, [instance])
                measured[:, instance] = measure_vulnerability(kind, model, x, importance[instance])
    return measured[0], measured[1]


def encode_samples(kind: Kind, parameters: Parameters, instance: int, x: torch.Tensor) -> torch.Tensor:
    """(samples, n_hidden) hidden vectors h of one instance, of x (samples, n_features)."""
    return kind.encode(take_instances(parameters, [instance]), x[:, None])[:, 0]
