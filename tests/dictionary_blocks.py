"""Blocks of synthetic dictionaries as steps get them, and samples of them."""

from pathlib import Path

import yaml
from configurations import ROOT, SCHEMA, small

from pipeline.configuration import load_configuration
from superposition.dictionaries import Dictionary, make_dictionary
from superposition.seeding import torch_generator

PUBLISHED = yaml.safe_load((Path(__file__).parent / "dictionaries.yaml").read_text())["dictionaries"]
PLAIN = {"title": "tiny dictionary", "d_in": 6, "n_features": 8, "probability": 0.2}


def with_dictionary(block: dict) -> dict:
    """A configuration with one dictionary."""
    return {"toy_models": small()["toy_models"], "dictionaries": {"tiny": block}}


def fill(block: dict) -> dict:
    """The effective block of one as it is written in config.yaml."""
    return load_configuration(with_dictionary(block), SCHEMA, ROOT)["dictionaries"]["tiny"]


def dictionary(**changes) -> dict:
    """An effective block; the changes replace whole keys of PLAIN."""
    return fill(PLAIN | changes)


def make(seed=0, **changes) -> Dictionary:
    return make_dictionary("tiny", dictionary(**changes), seed)


def sample(made: Dictionary, n_samples=20_000, seed=1):
    return made.sample(n_samples, torch_generator(seed, "test"))
