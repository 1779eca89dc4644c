"""Every claim that the paper tests, in the order of its sections."""

from superposition.claims import computation, nonprivileged_basis, privileged_basis, sparse_autoencoders
from superposition.claims.judging import Claim

CLAIMS: list[Claim] = [
    *nonprivileged_basis.CLAIMS,
    *privileged_basis.CLAIMS,
    *computation.CLAIMS,
    *sparse_autoencoders.CLAIMS,
]
