"""The best symmetric autoencoder: what it must be by hand, and that nothing near it is better."""

import numpy as np
import pytest
import torch
from builders import PENTAGON

from superposition import saes
from superposition.shrinkage import optimal_symmetric_encoder

PENALTY = 0.2


def sample(n_features: int, probability: float, n_samples: int = 20_000) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.random((n_samples, n_features)) * (rng.random((n_samples, n_features)) < probability)


def loss(W: np.ndarray, x: np.ndarray, slope: float, intercept: float) -> float:
    """The loss of the specification for the autoencoder whose latents are the features."""
    directions = torch.tensor(W / np.linalg.norm(W, axis=0))
    parameters = {
        "W_enc": slope * directions[None],
        "W_dec": directions.T[None],
        "b_enc": torch.full((1, W.shape[1]), intercept, dtype=torch.float64),
        "b_dec": torch.zeros(1, len(W), dtype=torch.float64),
    }
    h = torch.tensor(x @ W.T)[:, None]
    return float(saes.ReluSae().losses(parameters, h, torch.tensor([PENALTY])).total)


def test_features_on_their_own_read_the_derived_line():
    # Orthogonal features do not meet: min over f of (c - f)^2 / d + penalty f is at f = c - penalty d / 2 = c - 0.2.
    x = sample(2, 0.02)
    x = x[(x != 0).sum(axis=1) <= 1]
    assert optimal_symmetric_encoder(np.eye(2), x, PENALTY) == pytest.approx((1.0, -0.2), abs=1e-3)


def test_features_in_superposition_read_a_steeper_line_that_starts_later():
    slope, intercept = optimal_symmetric_encoder(PENTAGON, sample(5, 0.025), PENALTY)
    assert slope > 1.1
    assert intercept < -0.3


def test_no_neighbour_is_better():
    W, x = np.asarray(PENTAGON, dtype=float), sample(5, 0.025)
    slope, intercept = optimal_symmetric_encoder(W, x, PENALTY)
    best = loss(W, x, slope, intercept)
    for around in np.linspace(0, 2 * np.pi, 12, endpoint=False):
        assert loss(W, x, slope + 0.01 * np.cos(around), intercept + 0.01 * np.sin(around)) > best
