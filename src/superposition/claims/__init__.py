"""Every claim that the paper tests, in the order of its sections."""

from superposition.claims import double_descent, nonprivileged_basis, sparse_autoencoders
from superposition.claims.judging import Claim

CLAIMS: list[Claim] = [*nonprivileged_basis.CLAIMS, *double_descent.CLAIMS, *sparse_autoencoders.CLAIMS]
