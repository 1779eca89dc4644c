"""The frozen held-out samples of a synthetic dictionary, and what they say of it."""

import pandas as pd
import torch
from torch import Tensor

from superposition.dictionaries.dictionary import Dictionary, make_dictionary
from superposition.dictionaries.directions import mean_cosine, mean_max_cosine
from superposition.features import SparseSamples
from superposition.seeding import torch_generator

CHUNK = 2**24  # numbers drawn at once; part of what a seed means


def sample_dictionary(name: str, block: dict, seed: int) -> dict[str, Tensor]:
    """All of a dictionary at a seed: see `Dictionary.to_tensors`, and the non-zeros of its held-out samples."""
    dictionary = make_dictionary(name, block, seed)
    samples = sample_held_out(dictionary, block["evaluation"]["n_samples"], torch_generator(seed, name, "held_out"))
    return dictionary.to_tensors() | samples.to_tensors()


def sample_held_out(dictionary: Dictionary, n_samples: int, generator: torch.Generator) -> SparseSamples:
    """(1, n_samples, n_features), drawn a chunk at a time."""
    at_once, chunks = max(1, CHUNK // dictionary.n_features), []
    for begin in range(0, n_samples, at_once):
        x = dictionary.sample(min(at_once, n_samples - begin), generator)
        chunks.append(SparseSamples.from_dense(x[None]))
    counts = torch.cat([chunk.offsets[0].diff() for chunk in chunks])
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
    values, features = (torch.cat([getattr(chunk, key) for chunk in chunks]) for key in ("values", "features"))
    return SparseSamples(values, features, offsets[None], dictionary.n_features)


def measure_dictionary(name: str, block: dict, seed: int, tensors: dict[str, Tensor]) -> pd.DataFrame:
    """Table `dictionaries` (see schemas/tables.yaml), one row."""
    dictionary, samples = Dictionary.from_tensors(block, tensors), SparseSamples.from_tensors(tensors)
    counts = samples.offsets[0].diff().double()
    n_free = sum(group.size * group.count for group in dictionary.groups if group.is_free)
    independent = 0.0 if n_free > 1 else float("nan")
    row = {
        "dictionary": name,
        "seed": seed,
        "n_features": dictionary.n_features,
        "d_in": dictionary.d_in,
        "n_eval": samples.n_samples,
        "true_l0": float(counts.mean()),
        "expected_l0": float(dictionary.marginal.double().sum()),
        "zero_share": float((counts == 0).double().mean()),
        "mean_max_cosine": mean_max_cosine(dictionary.W),
        "mean_cosine": mean_cosine(dictionary.W),
        "rms_correlation": dictionary.correlation.rms if dictionary.correlation else independent,
        "mean_magnitude": float(samples.values.double().mean()) if len(samples.values) else float("nan"),
    }
    return pd.DataFrame([row])
