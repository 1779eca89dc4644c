"""The settings of a sparse-autoencoder sweep, instance by instance."""

import pandas as pd
import torch
from torch import Tensor

from superposition.optimizers import BETA1, BETA2
from superposition.runs import list_instances
from superposition.saes import Architecture, Parameters, SparseCode

IN_TRAINING = ("learning_rate",)  # swept settings that the block has under `training`


def setting_of_instances(sae: dict, name: str) -> pd.Series:
    """(instances,) float64: the swept value of a setting for each instance, or its single value where it is not swept;
    NaN where the autoencoder has no such setting."""
    instances = list_instances(sae)
    single = (sae["training"] if name in IN_TRAINING else sae).get(name)
    single = float("nan") if single is None or isinstance(single, str) else single  # "none" or "auto"
    return instances.get(name, pd.Series(single, index=instances.index)).astype("float64")


def tensor_of_instances(sae: dict, name: str, device: torch.device | str = "cpu") -> Tensor:
    return torch.tensor(setting_of_instances(sae, name).to_numpy(), dtype=torch.float32, device=device)


def swept_settings(sae: dict, architecture: SparseCode) -> Parameters:
    """The settings that differ between instances and that the architecture itself uses, each (instances,) float32."""
    return {name: tensor_of_instances(sae, name) for name in architecture.per_instance if name in sae["sweep"]}


def uses_controller(sae: dict, architecture: Architecture) -> bool:
    """Whether the sparsity penalty is steered towards target_l0, which is in the loss where l0_penalty is "target"."""
    return sae.get("target_l0", "none") != "none" and getattr(architecture, "l0_penalty", "count") == "count"


def is_plain(sae: dict, architecture: Architecture) -> bool:
    """Whether a fit is of the kind that the fused steps know: none of the wider training tools is in use."""
    training = sae["training"]
    return not (
        training["sparsity_warmup_steps"]
        or training["gradient_clip"] != "none"
        or training["normalise_activations"] != "none"
        or training["decay_steps"] != "all"
        or (training["beta1"], training["beta2"]) != (BETA1, BETA2)
        or (sae["resampling"]["method"] != "none" and sae["resampling"]["reset_moments"])
        or uses_controller(sae, architecture)
        or swept_settings(sae, architecture)
    )
