"""What every metric asks of its input, and a division that says when it has no result."""

import numpy as np
from numpy.typing import ArrayLike

NAN = float("nan")


def divide(numerator: float, denominator: float) -> float:
    """NaN where there is nothing to divide by."""
    return float(numerator / denominator) if denominator != 0 else NAN


def divide_each(numerators: ArrayLike, denominators: ArrayLike) -> np.ndarray:
    """Element by element, NaN where there is nothing to divide by."""
    numerators, denominators = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominators != 0, numerators / denominators, np.nan)


def check_similarity(similarity: ArrayLike) -> np.ndarray:
    similarity = np.asarray(similarity, dtype=np.float64)
    if similarity.ndim != 2 or similarity.size == 0:
        raise ValueError(
            f"expected similarity [n_features, n_latents], neither of them 0, got shape {similarity.shape}"
        )
    return similarity


def check_samples(values: ArrayLike, name: str) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 2 or len(values) == 0:
        raise ValueError(f"expected {name} as [samples, ...] with at least one sample, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} has {np.count_nonzero(~np.isfinite(values))} NaN or infinite values")
    return values


def check_pair(x: ArrayLike, x_hat: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, x_hat = (check_samples(v, name).astype(np.float64) for v, name in ((x, "x"), (x_hat, "x_hat")))
    if x.shape != x_hat.shape:
        raise ValueError(f"x {x.shape} and x_hat {x_hat.shape} must have the same shape")
    return x, x_hat


def check_samples_alike(features: np.ndarray, latents: np.ndarray) -> None:
    if len(features) != len(latents):
        raise ValueError(f"features have {len(features)} samples and latents {len(latents)}; they must be the same")
