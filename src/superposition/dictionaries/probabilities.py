"""Firing probabilities: one number for every feature, by a curve over the features."""

import numpy as np


def firing_probabilities(curve: float | dict, n_features: int, rng: np.random.Generator) -> np.ndarray:
    """(n_features,) float64: one number for all, or a curve from `first` towards `last`.

    zipf is rank^-exponent, moved and stretched to begin at `first` and to end at `last` (SynthSAEBench, Chanin 2026);
    log_uniform draws each between the two, uniform in its logarithm.
    """
    if not isinstance(curve, dict):
        return np.full(n_features, float(curve))
    first, index = curve["first"], np.arange(n_features)
    match curve["curve"]:
        case "linear":
            return np.linspace(first, curve["last"], n_features)
        case "geometric":
            return first * curve["ratio"] ** index
        case "zipf":
            ranks = (index + 1.0) ** -curve["exponent"]
            span = ranks[0] - ranks[-1]
            share = (ranks - ranks[-1]) / span if span else np.ones(n_features)
            return curve["last"] + (first - curve["last"]) * share
        case "log_uniform":
            return np.exp(rng.uniform(np.log(first), np.log(curve["last"]), n_features))
    raise ValueError(f"probability.curve is {curve['curve']!r}: allowed are the curves of the schema")


def rescale(probability: np.ndarray, mean_l0: float) -> np.ndarray:
    """The probabilities times the factor that makes their sum `mean_l0`; ValueError if one would exceed 1."""
    scaled = probability * (mean_l0 / probability.sum())
    if not scaled.max() <= 1:
        raise ValueError(
            f"mean_l0 is {mean_l0}: allowed are numbers up to {probability.sum() / probability.max():g}, "
            "at which the most frequent feature is always present"
        )
    return scaled
