"""Do latents tell a feature's magnitude, or do they shrink it?"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from superposition.metrics.checks import NAN

MIN_LINE_POINTS = 10
ROUNDING = 1e-5  # relative, of lengths in single precision


class MagnitudeLine(NamedTuple):
    slope: float
    intercept: float


def fit_magnitude_line(magnitude: ArrayLike, activation: ArrayLike, mask: ArrayLike) -> MagnitudeLine:
    """Least-squares line activation = slope * magnitude + intercept over the samples in mask, all of shape [samples].

    magnitude is a feature's true length in the input, activation that of its latent times the decoder norm: L1
    shrinkage shows as a negative intercept. NaN with fewer than 10 points, or if they all have one magnitude, up to
    rounding.
    """
    mask = np.asarray(mask, dtype=bool)
    magnitude, activation = (np.asarray(values, dtype=np.float64)[mask] for values in (magnitude, activation))
    if len(magnitude) < MIN_LINE_POINTS or np.ptp(magnitude) <= ROUNDING * np.abs(magnitude).max():
        return MagnitudeLine(NAN, NAN)
    slope, intercept = np.polyfit(magnitude, activation, deg=1)
    return MagnitudeLine(float(slope), float(intercept))
