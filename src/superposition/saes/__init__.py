"""The sparse autoencoders, written as they read in the papers. This is the specification that every engine is held to.

A stack of independent instances is one set of tensors whose leading axis is the instance:

    W_enc  (instances, d_in, n_latents)        b_enc  (instances, n_latents)
    W_dec  (instances, n_latents, d_in)        b_dec  (instances, d_in)
    h      (batch, instances, d_in)            z      (batch, instances, n_latents)

Where all instances see the same samples, h is (batch, 1, d_in). An architecture is one class (see architecture.py) that
says which tensors it has besides these or in their place. Those of fitted.py are not trained, but fitted to a sample.
"""

from dataclasses import fields

from superposition.saes.architecture import (
    EPSILON,
    Architecture,
    Losses,
    Parameters,
    SparseCode,
    normalise_decoder,
)
from superposition.saes.auxiliary import AuxiliarySae
from superposition.saes.decoder import remember_decoder, restrain_decoder
from superposition.saes.fitted import FittedDictionary, IcaDictionary, NmfDictionary, PcaDictionary, RandomDictionary
from superposition.saes.gated import GatedSae
from superposition.saes.initialisation import place_latents
from superposition.saes.jumprelu import JumpReluSae
from superposition.saes.linear import LinearSae
from superposition.saes.matching_pursuit import MatchingPursuitSae
from superposition.saes.matryoshka import MatryoshkaBatchTopKSae, MatryoshkaReluSae, MatryoshkaSae
from superposition.saes.p_annealing import PAnnealingSae
from superposition.saes.relu import ReluSae
from superposition.saes.resampling import resample_advanced, resample_simple
from superposition.saes.scaling import rescale, scale_to_sqrt_d_in
from superposition.saes.topk import BatchTopKSae, TopKSae

__all__ = [
    "ARCHITECTURES",
    "EPSILON",
    "TRAINED",
    "Architecture",
    "AuxiliarySae",
    "BatchTopKSae",
    "FittedDictionary",
    "GatedSae",
    "JumpReluSae",
    "LinearSae",
    "Losses",
    "MatchingPursuitSae",
    "MatryoshkaBatchTopKSae",
    "MatryoshkaReluSae",
    "MatryoshkaSae",
    "PAnnealingSae",
    "Parameters",
    "ReluSae",
    "SparseCode",
    "TopKSae",
    "make_architecture",
    "normalise_decoder",
    "place_latents",
    "remember_decoder",
    "resample_advanced",
    "resample_simple",
    "rescale",
    "restrain_decoder",
    "scale_to_sqrt_d_in",
]

TRAINED: dict[str, type[Architecture]] = {
    "relu": ReluSae,
    "gated": GatedSae,
    "jumprelu": JumpReluSae,
    "topk": TopKSae,
    "batchtopk": BatchTopKSae,
    "matryoshka_batchtopk": MatryoshkaBatchTopKSae,
    "matryoshka_relu": MatryoshkaReluSae,
    "p_annealing": PAnnealingSae,
    "matching_pursuit": MatchingPursuitSae,
}
ARCHITECTURES: dict[str, type[SparseCode]] = TRAINED | {
    "pca": PcaDictionary,
    "ica": IcaDictionary,
    "nmf": NmfDictionary,
    "random": RandomDictionary,
}


def make_architecture(sae: dict) -> SparseCode:
    """The architecture of a sparse autoencoder's block of the configuration, with the settings that it has.

    A setting that is "auto", or that the block leaves out, is the architecture's own default.
    """
    kind = ARCHITECTURES[sae["architecture"]]
    names = [field.name for field in fields(kind) if sae.get(field.name, "auto") != "auto"]
    return kind(**{name: sae[name] for name in names})
