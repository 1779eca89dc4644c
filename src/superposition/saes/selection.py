"""Keeping the largest of many numbers, as exactly many as asked for, and the same ones in any company."""

import numpy as np
import torch
from torch import Tensor


@torch.no_grad()
def keep_largest(scores: Tensor, counts: list[int]) -> Tensor:
    """A bool mask of the shape of `scores`, True on the largest counts[i] positive numbers of each row of instance i.

    Fewer are kept where fewer are positive. Of equal numbers the first are kept, so that activations that are exactly
    alike, as data of few values have them, neither add to the count nor make it depend on the other instances.

    Args:
        scores: (instances, rows, n)
        counts: one per instance
    """
    n = scores.shape[-1]
    cutoffs = torch.stack([_nth_largest(own, min(count, n)) for own, count in zip(scores, counts, strict=True)])
    cutoffs = cutoffs[..., None].clamp(min=0)
    above = scores > cutoffs
    wanted = torch.tensor(counts, device=scores.device)[:, None, None]
    tied = (scores == cutoffs) & (cutoffs > 0)
    missing = wanted - above.sum(-1, keepdim=True)
    if not (tied.sum(-1, keepdim=True) > missing).any():
        return above | tied
    return above | (tied & (tied.cumsum(-1) <= missing))


def _nth_largest(scores: Tensor, count: int) -> Tensor:
    """(rows,) the count-th largest of each row of (rows, n), or 0 or less where fewer are positive; infinity if none is
    wanted."""
    if count == 0:
        return torch.full(scores.shape[:1], torch.inf, device=scores.device)
    if scores.device.type == "cpu" and len(scores) == 1:  # of a whole batch: most are 0, and equal ones take long
        positive = scores.numpy()[scores.numpy() > 0]
        if len(positive) < count:
            return torch.zeros(1)
        return torch.from_numpy(np.partition(positive, len(positive) - count)[None, len(positive) - count])
    place = scores.shape[-1] - count
    if scores.device.type == "cpu":  # NumPy selects several times faster than torch
        return torch.from_numpy(np.partition(scores.numpy(), place, axis=-1)[:, place].copy())
    return torch.kthvalue(scores, place + 1, dim=-1).values
