"""What the L1 penalty should do to magnitudes: the best autoencoder among those as symmetric as the features."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize


def optimal_symmetric_encoder(W: ArrayLike, x: ArrayLike, sparsity_penalty: float) -> tuple[float, float]:
    """Slope a and intercept b of the best autoencoder whose latents are the features: z_i = ReLU(a unit(W_i) . h + b).

    Its decoder rows are the unit W_i and its decoder bias is zero; a and b minimise the loss of saes.ReluSae on the
    samples x. On an input of length c along one feature, latent i reads a c + b. For orthogonal features the optimum
    is a = 1, b = -sparsity_penalty d_in / 2; features in superposition also set off each other's latents, and the
    optimum is steeper and starts later.

    Args:
        W: (d_in, n_features)
        x: (samples, n_features); samples with no feature present change nothing as long as b <= 0
    """
    W, x = np.asarray(W, dtype=np.float64), np.asarray(x, dtype=np.float64)
    directions = W / np.linalg.norm(W, axis=0)
    h = x[(x != 0).any(axis=1)] @ W.T
    projections = h @ directions

    def loss(line: np.ndarray) -> float:
        z = np.maximum(line[0] * projections + line[1], 0)
        return float(np.square(h - z @ directions.T).mean() + sparsity_penalty * z.sum(axis=1).mean())

    start = (1.0, -sparsity_penalty * len(W) / 2)
    found = minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-9})
    if not found.success:
        raise ValueError(f"no optimal symmetric encoder was found: {found.message}")
    return float(found.x[0]), float(found.x[1])
