"""Logistic probes: how well a feature's presence can be read off the activations, by who knows the features."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from superposition import metrics

RIDGE = 1e-3  # on the weights, inputs having unit mean square: keeps the fit finite where features can be told apart
MAX_ITERATIONS = 30
TOLERANCE = 1e-6


class ProbeScores(NamedTuple):
    f1: float
    auroc: float
    average_precision: float


def fit_logistic(h: np.ndarray, present: np.ndarray) -> np.ndarray:
    """(d + 1,) weights and bias of P(present) = expit(h . w + b), by Newton's method with a backtracking line search.

    Minimises the mean log loss plus RIDGE |w|^2 / 2.

    Args:
        h: (samples, d) float64; present: (samples,) bool, both values in it
    """
    inputs = np.column_stack([h, np.ones(len(h))])
    penalty = np.append(np.full(h.shape[1], RIDGE), 0.0)
    sign = np.where(present, 1.0, -1.0)
    weights = np.zeros(inputs.shape[1])
    weights[-1] = np.log(present.sum() / (~present).sum())

    def loss(weights: np.ndarray) -> float:
        return float(np.logaddexp(0, -sign * (inputs @ weights)).mean() + penalty @ weights**2 / 2)

    value = loss(weights)
    for _ in range(MAX_ITERATIONS):
        p = expit(inputs @ weights)
        gradient = inputs.T @ (p - present) / len(h) + penalty * weights
        curvature = (inputs * (p * (1 - p))[:, None]).T @ inputs / len(h) + np.diag(penalty + 1e-12)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while (new := loss(weights - size * step)) > value and size > TOLERANCE:
            size /= 2
        if value - new < TOLERANCE * value:
            break
        weights, value = weights - size * step, new
    return weights


def best_threshold(score: np.ndarray, present: np.ndarray) -> float:
    """The score at and above which to say "present" for the largest F1."""
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.diff(score[order]) != 0, True)  # samples of equal score are taken together
    hits, predicted = present[order].cumsum(), np.arange(1, len(score) + 1)
    f1 = np.where(ends, 2 * hits / (predicted + present.sum()), -1.0)
    return float(score[order][f1.argmax()])


def probe(h: np.ndarray, present: np.ndarray) -> ProbeScores:
    """Scores on the second half of the samples of a probe fitted, with its threshold, to the first half.

    Args:
        h: (samples, d); present: (samples,) bool, both values in both halves
    """
    h = np.asarray(h, dtype=np.float64)
    h = h / np.sqrt(np.square(h).mean())
    half = len(h) // 2
    weights = fit_logistic(h[:half], present[:half])
    score = h @ weights[:-1] + weights[-1]
    predicted = score[half:] >= best_threshold(score[:half], present[:half])
    gates = metrics.gate_scores(present[half:, None], predicted[:, None], np.array([0]), np.array([0]))
    return ProbeScores(float(gates.f1[0]), *metrics.rank(score[half:], present[half:]))
