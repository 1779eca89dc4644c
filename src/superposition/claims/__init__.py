"""Every claim that the paper tests, in the order of its sections."""

from superposition.claims import (
    basic_results,
    correlated_features,
    demonstration,
    learning_dynamics,
    nonprivileged_basis,
    phase_change,
    sparse_autoencoders,
)
from superposition.claims.judging import Claim

CLAIMS: list[Claim] = [
    *nonprivileged_basis.CLAIMS,
    *basic_results.CLAIMS,
    *demonstration.CLAIMS,
    *phase_change.CLAIMS,
    *correlated_features.CLAIMS,
    *learning_dynamics.CLAIMS,
    *sparse_autoencoders.CLAIMS,
]
