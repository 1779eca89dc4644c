"""Activations of a common size: autoencoders that are trained on multiples of their activations, and given back for
the activations themselves."""

import torch
from torch import Tensor

from superposition.saes.architecture import Parameters

IN_UNITS_OF_ACTIVATIONS = ("b_enc", "b_dec", "b_gate", "b_mag", "threshold")


def scale_to_sqrt_d_in(h: Tensor) -> float:
    """sqrt(d_in) / mean |h| of activations h (samples, d_in): the factor that gives them a mean length of sqrt(d_in).

    Activations of SynthSAEBench's JumpReLU autoencoders are scaled so (Chanin & Garriga-Alonso 2026).

    Raises:
        ValueError: if all activations are 0
    """
    mean = float(h.double().norm(dim=-1).mean())
    if mean == 0:
        raise ValueError("all activations are 0: there is no scale that gives them a length")
    return h.shape[-1] ** 0.5 / mean


def rescale(parameters: Parameters, factor: float) -> Parameters:
    """The autoencoder that does to factor * h what `parameters` do to h: encode(factor h) = factor encode(h).

    Every architecture is homogeneous: weights keep their value, and what is compared with activations, or added to
    them, is multiplied by the factor. Tensors that do not change are the same, not copies.
    """
    changed = {name: factor * parameters[name] for name in IN_UNITS_OF_ACTIVATIONS if name in parameters}
    if "log_threshold" in parameters:
        changed["log_threshold"] = parameters["log_threshold"] + torch.tensor(factor).log()
    return parameters | changed
