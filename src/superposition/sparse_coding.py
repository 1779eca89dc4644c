"""Sparse coding with the true dictionary: what a code that knows the features, and how many there are, can reach."""

import torch
from torch import Tensor

MAX_SWEEPS = 200  # of coordinate descent each time an atom is added


@torch.no_grad()
def pursue(h: Tensor, dictionary: Tensor, n_active: Tensor) -> Tensor:
    """Non-negative orthogonal matching pursuit: codes z >= 0, (samples, n_atoms), with h ~ z D.

    One atom after another is added, the one whose direction has the largest inner product with what is left of h, until
    a sample has as many as it may; after each, all coefficients are fitted anew, by non-negative coordinate descent
    (Bruckstein, Elad and Zibulevsky 2008). A sample stops early where no atom points along what is left.

    Args:
        h: (samples, d_in)
        dictionary: (n_atoms, d_in), no row of them zero
        n_active: (samples,) int, the largest number of atoms of each sample
    """
    lengths = dictionary.norm(dim=1)
    unit = dictionary / lengths[:, None]
    n_steps = min(int(n_active.max()), len(dictionary))
    order = n_active.argsort(descending=True)  # so that the samples still going are the first ones
    h, n_active = h[order], n_active[order]
    support = torch.zeros(len(h), n_steps, dtype=torch.int64)
    values = torch.zeros(len(h), n_steps)
    used = torch.zeros(len(h), len(dictionary), dtype=torch.bool)
    left = h.clone()
    for step in range(n_steps):
        n = int((n_active > step).sum())
        fit = (left[:n] @ unit.T).masked_fill(used[:n], -torch.inf)
        support[:n, step] = fit.argmax(dim=1)
        used[:n].scatter_(1, support[:n, step : step + 1], True)
        atoms = unit[support[:n, : step + 1]]
        values[:n, : step + 1] = _fit(h[:n], atoms, values[:n, : step + 1])
        left[:n] = h[:n] - torch.einsum("st,std->sd", values[:n, : step + 1], atoms)
    codes = torch.zeros(len(h), len(dictionary))
    codes.scatter_add_(1, support, values)  # what a sample has no use for is 0 at atom 0
    return (codes / lengths)[order.argsort()]


def _fit(h: Tensor, atoms: Tensor, values: Tensor) -> Tensor:
    """Coefficients >= 0, (samples, atoms), that minimise |h - values . atoms|^2; atoms (samples, atoms, d) are unit."""
    gram = atoms @ atoms.mT
    target = torch.einsum("sd,std->st", h, atoms)
    values = values.clone()
    for _ in range(MAX_SWEEPS):
        before = values.clone()
        for i in range(values.shape[1]):
            rest = target[:, i] - (gram[:, i] * values).sum(1)
            values[:, i] = (values[:, i] + rest).clamp(min=0)
        if torch.allclose(before, values, rtol=1e-5, atol=1e-7):
            break
    return values
