"""The table of runs of an experiment on finite data, and the data sets that it needs."""

from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from superposition.features import SparseSamples
from superposition.finite_data import sample_data
from superposition.runs import list_points
from superposition.seeding import torch_generator

# Parameters that can be swept, and where an experiment has their single value.
PARAMETERS = {
    "n_samples": ("training_set", "n_samples"),
    "n_hidden": ("model", "n_hidden"),
    "weight_decay": ("training", "weight_decay"),
    "steps": ("training", "steps"),
}
INTEGERS = ("n_samples", "n_hidden", "steps")


def list_settings(experiment: dict) -> pd.DataFrame:
    """One row per combination of swept values: point (0, 1, ...) and a column for each of PARAMETERS."""
    settings = list_points(experiment)
    for name, (block, key) in PARAMETERS.items():
        if name not in settings:
            settings[name] = experiment[block][key]
    return settings[["point", *PARAMETERS]].astype(dict.fromkeys(INTEGERS, "int64") | {"weight_decay": "float64"})


def list_models(experiment: dict) -> pd.DataFrame:
    """One row per model: instance (0, 1, ...), point, restart, and a column for each of PARAMETERS."""
    settings = list_settings(experiment)
    models = settings.loc[settings.index.repeat(experiment["restarts"])].reset_index(drop=True)
    models.insert(1, "restart", models.groupby("point").cumcount())
    return models.rename_axis("instance").reset_index()


@dataclass(frozen=True)
class DataSets:
    """The samples of one experiment at one seed, all of unit length.

    Attributes:
        training: number of samples T -> the training set of that size: one that all restarts share, or one for each
        test: one held-out set, of the same distribution
    """

    training: dict[int, SparseSamples]
    test: SparseSamples

    def to_tensors(self) -> dict[str, Tensor]:
        named = {str(size): data for size, data in self.training.items()} | {"test": self.test}
        return {f"{name}.{key}": each for name, data in named.items() for key, each in data.to_tensors().items()}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "DataSets":
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            data_set, _, key = name.partition(".")
            parts.setdefault(data_set, {})[key] = tensor
        sets = {name: SparseSamples.from_tensors(part) for name, part in parts.items()}
        test = sets.pop("test")
        return cls({int(size): sets[size] for size in sorted(sets, key=int)}, test)


def sample_data_sets(name: str, experiment: dict, seed: int) -> DataSets:
    """The frozen data sets of an experiment. Sets of different sizes have no sample in common."""
    probability = torch.full((experiment["model"]["n_features"],), experiment["features"]["feature_probability"])
    rules, n_sets = experiment["training_set"], 1 if experiment["training_set"]["shared"] else experiment["restarts"]
    training = {}
    for n_samples in sorted(experiment["sweep"].get("n_samples", [rules["n_samples"]])):
        generators = [torch_generator(seed, name, "training_set", n_samples, index) for index in range(n_sets)]
        training[n_samples] = sample_data(probability, n_samples, generators, rules["zero_samples"])
    generators = [torch_generator(seed, name, "held_out")]
    test = sample_data(probability, experiment["evaluation"]["n_samples"], generators, rules["zero_samples"])
    return DataSets(training, test)
