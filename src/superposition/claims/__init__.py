"""Every claim that the paper tests, in the order of its sections."""

from superposition.claims import adversarial, geometry, nonprivileged_basis, perturbed_pentagon, sparse_autoencoders
from superposition.claims.judging import Claim

CLAIMS: list[Claim] = [
    *nonprivileged_basis.CLAIMS,
    *geometry.CLAIMS,
    *perturbed_pentagon.CLAIMS,
    *adversarial.CLAIMS,
    *sparse_autoencoders.CLAIMS,
]
