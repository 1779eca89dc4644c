"""The sparse autoencoders, written as they read in the papers. This is the specification that every engine is held to.

A stack of independent instances is one set of tensors whose leading axis is the instance:

    W_enc  (instances, d_in, n_latents)        b_enc  (instances, n_latents)
    W_dec  (instances, n_latents, d_in)        b_dec  (instances, d_in)
    h      (batch, instances, d_in)            z      (batch, instances, n_latents)

An architecture is one class (see architecture.py) that says which tensors it has besides these or in their place.
"""

from dataclasses import fields

from superposition.saes.architecture import EPSILON, Architecture, Losses, Parameters, normalise_decoder
from superposition.saes.gated import GatedSae
from superposition.saes.jumprelu import JumpReluSae
from superposition.saes.relu import ReluSae
from superposition.saes.resampling import resample_advanced, resample_simple

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
    "resample_advanced",
    "resample_simple",
]

ARCHITECTURES: dict[str, type[Architecture]] = {"relu": ReluSae, "gated": GatedSae, "jumprelu": JumpReluSae}


def make_architecture(sae: dict) -> Architecture:
    """The architecture of a sparse autoencoder's block of the configuration, with the settings that it alone has."""
    kind = ARCHITECTURES[sae["architecture"]]
    return kind(**{field.name: sae[field.name] for field in fields(kind)})
