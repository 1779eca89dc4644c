"""The tables of an experiment on finite data at one seed (see schemas/tables.yaml).

Training points have the same geometry as features: h = W x of a sample takes the place of a column of W. Restarts are
chosen by their training loss; the held-out samples decide nothing.
"""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from superposition import geometry, toy_models
from superposition.features import SparseSamples
from superposition.finite_data import full_batch_loss, loss_factor
from superposition.finite_data_runs import DataSets, list_models
from superposition.kernels.full_batch import evaluate_loss
from superposition.seeding import torch_generator

N_FEATURES, N_POINTS = 100, 1_000  # rows kept per model: the longest features, the first samples
LARGE_DIMENSIONALITY = 0.2  # a feature that takes part in a polygon of at most ten
CLOSE_TO_ZERO = 1e-3  # of a loss whose predicting nothing costs one; the fast sum is off by up to 1e-4
N_AT_ONCE = 500  # samples of ten thousand features, in double precision
N_CHECKED = 100  # held-out samples on which a loss is compared with that of a rotated model


def measure_finite_data(
    name: str, experiment: dict, seed: int, weights: dict[str, Tensor], data_sets: DataSets
) -> dict[str, pd.DataFrame]:
    """Tables `finite_models` of all models, `finite_features` and `training_points` of the best of each point.

    Raises geometry.InvariantError if a model contradicts a theorem.
    """
    models, features, points = [], [], []
    for point, rows in list_models(experiment).groupby("point"):
        parameters = {key: weights[f"{key}.{point}"] for key in ("W", "b_final")}
        data = data_sets.training[int(rows["n_samples"].iloc[0])]
        hidden = torch.stack([encode(parameters["W"][i], data, i) for i in range(len(rows))])
        rotation = torch_generator(seed, name, "rotation")
        _check(parameters, hidden, data_sets.test, rotation, f"{name}, seed {seed}, point {point}")
        keys = rows.drop(columns="n_hidden").assign(experiment=name, seed=seed)
        measured = pd.DataFrame([measure_model(W, h) for W, h in zip(parameters["W"], hidden, strict=True)])
        measured.index = keys.index
        training_loss = measure_training_loss(parameters, data)
        best = int(np.argmin(training_loss))
        models.append(
            keys.join(measured).assign(
                n_features=experiment["model"]["n_features"],
                n_hidden=rows["n_hidden"],
                feature_probability=experiment["features"]["feature_probability"],
                train_loss=training_loss,
                test_loss=evaluate_loss(parameters, data_sets.test, "sum").numpy(),
                lowest_training_loss=np.arange(len(rows)) == best,
                bias_norm=parameters["b_final"].double().norm(dim=1).numpy(),
            )
        )
        key = keys.iloc[[best]]
        features.append(tabulate_features(key, parameters["W"][best], parameters["b_final"][best]))
        points.append(tabulate_points(key, hidden[best], data, best))
    frames = {"finite_models": models, "finite_features": features, "training_points": points}
    return {table: pd.concat(each, ignore_index=True) for table, each in frames.items()}


def measure_training_loss(parameters: dict[str, Tensor], data: SparseSamples) -> np.ndarray:
    """(instances,) mean over samples of the squared error, summed over features.

    Close to zero, where restarts are hard to tell apart, the fast sum is mostly rounding; it is made anew there, in
    double precision.
    """
    losses = evaluate_loss(parameters, data, "sum").numpy()
    for index in np.flatnonzero(losses < CLOSE_TO_ZERO):
        own = {key: tensor[index : index + 1].double() for key, tensor in parameters.items()}
        x = data.to_dense(index % data.n_points).double()
        parts = [full_batch_loss(own, part[:, None], loss_factor(data, "sum")) for part in x.split(N_AT_ONCE)]
        losses[index] = torch.stack(parts).sum()
    return losses


def encode(W: Tensor, data: SparseSamples, index: int) -> Tensor:
    """(n_hidden, samples) float64: h = W x of the samples of the data set of the `index`-th restart."""
    offsets = data.offsets[index % data.n_points]
    begin, end = int(offsets[0]), int(offsets[-1])
    sample = torch.repeat_interleave(torch.arange(data.n_samples), offsets.diff())
    terms = data.values[begin:end].double() * W.double()[:, data.features[begin:end].long()]
    return torch.zeros(len(W), data.n_samples, dtype=torch.float64).index_add_(1, sample, terms)


def measure_model(W: Tensor, hidden: Tensor) -> dict[str, float]:
    """What the geometry of one model's features W (n_hidden, n_features) and points (n_hidden, samples) is."""
    of_features, of_points = geometry.compute_dimensionality(W), geometry.compute_dimensionality(hidden)
    radii, plane = geometry.compute_norms(hidden), len(W) == 2
    ranked = of_features.sort(descending=True)
    return {
        "frobenius_norm": float(W.double().norm()),
        "median_point_dimensionality": float(np.median(of_points.numpy())),
        "variation_of_point_dimensionality": variation(of_points.numpy()),
        "radius_ratio": float(radii.max() / radii.min()) if radii.min() > geometry.MIN_NORM else np.nan,
        "point_gap_deviation": deviation(hidden) if plane else np.nan,
        "n_large_dimensionality": int((of_features >= LARGE_DIMENSIONALITY).sum()),
        "largest_dimensionality": float(ranked.values[0]),
        "fifth_dimensionality": float(ranked.values[4]) if len(ranked.values) > 4 else np.nan,
        "sixth_dimensionality": float(ranked.values[5]) if len(ranked.values) > 5 else np.nan,
        "gap_deviation_of_five": deviation(W[:, ranked.indices[:5]]) if plane and len(ranked.indices) > 4 else np.nan,
    }


def variation(values: np.ndarray) -> float:
    """Standard deviation over the mean; NaN where the mean is 0."""
    return float(values.std() / values.mean()) if values.mean() > 0 else float("nan")


def deviation(vectors: Tensor) -> float:
    """How far the non-zero ones of vectors (2, k) are from a regular polygon, in degrees; NaN for fewer than two."""
    return float(geometry.compute_gap_deviation(vectors, threshold=geometry.MIN_NORM))


def tabulate_features(key: pd.DataFrame, W: Tensor, bias: Tensor) -> pd.DataFrame:
    """The features of one model with the largest norms, longest first."""
    norms = geometry.compute_norms(W)
    longest = norms.argsort(descending=True, stable=True)[:N_FEATURES]
    return _repeat(key, len(longest)).assign(
        feature=longest.numpy(),
        norm=norms[longest].numpy(),
        dimensionality=geometry.compute_dimensionality(W)[longest].numpy(),
        bias=bias.double()[longest].numpy(),
        direction=list(W.mT[longest].float().numpy()),
    )


def tabulate_points(key: pd.DataFrame, hidden: Tensor, data: SparseSamples, index: int) -> pd.DataFrame:
    """The first training points of one model."""
    count = min(N_POINTS, hidden.shape[1])
    present = data.offsets[index % data.n_points].diff()[:count]
    return _repeat(key, count).assign(
        sample=range(count),
        n_present=present.numpy(),
        norm=geometry.compute_norms(hidden)[:count].numpy(),
        dimensionality=geometry.compute_dimensionality(hidden)[:count].numpy(),
        hidden=list(hidden.mT[:count].float().numpy()),
    )


def _repeat(key: pd.DataFrame, count: int) -> pd.DataFrame:
    return key.loc[key.index.repeat(count)].reset_index(drop=True)


def _check(
    parameters: dict[str, Tensor], hidden: Tensor, test: SparseSamples, rotation: torch.Generator, where: str
) -> None:
    """The theorems on the dimensionality of features and of training points; outputs >= 0; no rotation of W changes the
    loss. Errors begin with `where` and number the instances of the point from 0.

    Args:
        hidden: (instances, n_hidden, samples), whose columns are points in the place of features
    """
    W, bias = parameters["W"], parameters["b_final"].double()
    x = _first_samples(test, N_CHECKED).expand(-1, len(W), -1)
    try:
        geometry.check_invariants(W)
        outputs = toy_models.KINDS["relu_output"].forward({"W": W.double(), "b_final": bias}, x)
        geometry.check_outputs(outputs.transpose(0, 1))
        geometry.check_rotation(W, lambda W: full_batch_loss({"W": W, "b_final": bias}, x, 1.0), rotation)
        where = f"{where}, training points as features"
        geometry.check_invariants(hidden)
    except geometry.InvariantError as error:
        raise geometry.InvariantError(f"{where}: {error}") from error


def _first_samples(data: SparseSamples, count: int) -> Tensor:
    """(samples, 1, n_features) float64."""
    offsets = data.offsets[:1, : count + 1]
    return SparseSamples(data.values, data.features, offsets, data.n_features).to_dense(0)[:, None].double()
