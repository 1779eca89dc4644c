"""Every claim that the paper tests, in the order of its sections."""

from superposition.claims import correlated_features, learning_dynamics, nonprivileged_basis, sparse_autoencoders
from superposition.claims.judging import Claim

CLAIMS: list[Claim] = [
    *nonprivileged_basis.CLAIMS,
    *correlated_features.CLAIMS,
    *learning_dynamics.CLAIMS,
    *sparse_autoencoders.CLAIMS,
]
