"""Every claim that the paper tests, in the order of its sections."""

from superposition.claims import (
    adversarial,
    asymmetric_motif,
    basic_results,
    computation,
    correlated_features,
    demonstration,
    double_descent,
    geometry,
    hidden_penalty,
    learning_dynamics,
    nonprivileged_basis,
    perturbed_pentagon,
    phase_change,
    privileged_basis,
    sae_architectures,
    sae_benchmark,
    sae_hierarchies,
    sparse_autoencoders,
)
from superposition.claims.judging import Claim

CLAIMS: list[Claim] = [
    *nonprivileged_basis.CLAIMS,
    *basic_results.CLAIMS,
    *demonstration.CLAIMS,
    *phase_change.CLAIMS,
    *correlated_features.CLAIMS,
    *geometry.CLAIMS,
    *perturbed_pentagon.CLAIMS,
    *learning_dynamics.CLAIMS,
    *adversarial.CLAIMS,
    *privileged_basis.CLAIMS,
    *computation.CLAIMS,
    *asymmetric_motif.CLAIMS,
    *hidden_penalty.CLAIMS,
    *double_descent.CLAIMS,
    *sparse_autoencoders.CLAIMS,
    *sae_architectures.CLAIMS,
    *sae_hierarchies.CLAIMS,
    *sae_benchmark.CLAIMS,
]
