"""Decoders that are kept near where they began: the control that tells learning from a good encoder."""

import torch
from torch import Tensor

from superposition.saes.architecture import Architecture, Parameters, normalise


def remember_decoder(architecture: Architecture, parameters: Parameters) -> None:
    """Keep the initial directions of a soft-frozen decoder among the parameters, as W_dec_initial."""
    if architecture.decoder == "soft_frozen":
        parameters["W_dec_initial"] = normalise(parameters["W_dec"])


def restrain_decoder(architecture: Architecture, parameters: Parameters) -> None:
    """Turn every row of a soft-frozen decoder, in place, back to the nearest direction that it may have."""
    if architecture.decoder == "soft_frozen":
        W_dec = parameters["W_dec"]
        W_dec.copy_(limit_rotation(W_dec, parameters["W_dec_initial"], architecture.decoder_cosine))


def limit_rotation(rows: Tensor, initial: Tensor, cosine: float) -> Tensor:
    """Rows (..., d) whose cosine with the unit vectors `initial` is at least `cosine`, of the same length and plane.

    A row that has turned further is put on the edge of the cone around its initial direction.
    """
    length, unit = rows.norm(dim=-1, keepdim=True), normalise(rows)
    along = (unit * initial).sum(-1, keepdim=True)
    across = normalise(unit - along * initial)
    edge = length * (cosine * initial + (1 - cosine**2) ** 0.5 * across)
    return torch.where(along < cosine, edge, rows)
