"""The sparse autoencoders, written as they read in the papers. This is the specification that every engine is held to.

A stack of independent instances is one set of tensors whose leading axis is the instance:

    W_enc  (instances, d_in, n_latents)        b_enc  (instances, n_latents)
    W_dec  (instances, n_latents, d_in)        b_dec  (instances, d_in)
    h      (batch, instances, d_in)            z      (batch, instances, n_latents)

An architecture is one class (see architecture.py) that says which tensors it has besides these or in their place.
"""

from dataclasses import fields

import torch
from torch import Tensor

from superposition.saes.architecture import EPSILON, Architecture, Losses, Parameters, normalise_decoder
from superposition.saes.gated import GatedSae
from superposition.saes.jumprelu import JumpReluSae
from superposition.saes.relu import ReluSae

__all__ = [
    "ARCHITECTURES",
    "EPSILON",
    "Architecture",
    "GatedSae",
    "JumpReluSae",
    "Losses",
    "Parameters",
    "ReluSae",
    "make_architecture",
    "normalise_decoder",
    "resample_simple",
]

ARCHITECTURES: dict[str, type[Architecture]] = {"relu": ReluSae, "gated": GatedSae, "jumprelu": JumpReluSae}


def make_architecture(sae: dict) -> Architecture:
    """The architecture of a sparse autoencoder's block of the configuration, with the settings that it alone has."""
    kind = ARCHITECTURES[sae["architecture"]]
    return kind(**{field.name: sae[field.name] for field in fields(kind)})


@torch.no_grad()
def resample_simple(
    architecture: Architecture,
    parameters: Parameters,
    dead: Tensor,
    scale: float,
    generators: list[torch.Generator],
) -> None:
    """Restart every dead latent in a new random direction (ARENA 1.5.4, section 5), see `restart_latent`.

    Args:
        dead: (instances, n_latents) bool; the others are left as they are
        generators: one per instance, so that an instance's draws do not depend on the other instances' dead
    """
    b_dec = parameters["b_dec"]
    for instance, latent in dead.cpu().nonzero().tolist():
        direction = torch.randn(b_dec.shape[-1], generator=generators[instance])
        direction = (direction / direction.norm()).to(b_dec.device)
        architecture.restart_latent(parameters, instance, latent, direction, scale)
