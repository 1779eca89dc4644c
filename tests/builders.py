"""Tiny configuration blocks with every default of the schema, and tables held against theirs."""

import copy
from pathlib import Path

import pandas as pd
import torch
import yaml

from superposition.storage import check_table

ROOT = Path(__file__).resolve().parents[1]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
TABLES = yaml.safe_load((ROOT / "schemas/tables.yaml").read_text())
_DEFINITIONS = yaml.safe_load((ROOT / "schemas/config.schema.yaml").read_text())["$defs"]

_ANGLES = 2 * torch.pi * torch.arange(5, dtype=torch.float64) / 5
PENTAGON = torch.stack([_ANGLES.cos(), _ANGLES.sin()]).float()  # (2, 5), a W with five features of length 1

TOY_MODEL = {
    "title": "tiny toy models",
    "model": {"kind": "relu_output", "n_features": 5, "n_hidden": 2},
    "restarts": 2,
    "training": {"steps": 20, "batch_size": 64, "log_every": 10, "engine": "torch"},
    "evaluation": {"n_samples": 500},
}
SAE = {
    "title": "tiny autoencoders",
    "toy_model": "tiny",
    "architecture": "relu",
    "n_latents": 5,
    "sparsity_penalty": 0.2,
    "restarts": 2,
    "training": {"steps": 20, "batch_size": 64, "log_every": 10, "snapshots": 3, "engine": "torch"},
}
FINITE_DATA = {
    "title": "tiny finite data",
    "model": {"n_features": 30, "n_hidden": 2},
    "features": {"feature_probability": 0.1},
    "training_set": {"n_samples": 5},
    "training": {"steps": 40, "warmup_steps": 5, "log_every": 10, "learning_rate": 0.02},
    "evaluation": {"n_samples": 50},
}


def finite_data(**changes) -> dict:
    """An experiment on finite data as steps get it; changes are laid over FINITE_DATA, deeply."""
    return fill_defaults(_overlay(FINITE_DATA, changes), _DEFINITIONS["finite_data"])


def toy_model(**changes) -> dict:
    """A toy-model experiment as steps get it; changes are laid over TOY_MODEL, deeply."""
    return fill_defaults(_overlay(TOY_MODEL, changes), _DEFINITIONS["toy_model"])


def sae(**changes) -> dict:
    """An autoencoder sweep as steps get it; changes are laid over SAE, deeply."""
    return fill_defaults(_overlay(SAE, changes), _DEFINITIONS["sae"])


def fill_defaults(block, schema: dict):
    if "$ref" in schema:
        schema = {**_DEFINITIONS[schema["$ref"].rpartition("/")[2]], **schema}
    if not isinstance(block, dict) or "properties" not in schema:
        return block
    assert set(block) <= set(schema["properties"]), "a key that the schema does not have"
    filled = {}
    for key, entry in schema["properties"].items():
        entry = {**_DEFINITIONS[entry["$ref"].rpartition("/")[2]], **entry} if "$ref" in entry else entry
        if key in block or "default" in entry:
            filled[key] = fill_defaults(copy.deepcopy(block.get(key, entry.get("default"))), entry)
    return filled


def check_schema(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """The frame as it would be read back from the file of the table; StorageError where it breaks the schema."""
    return check_table(frame, TABLES[table], where=f"{table}.parquet").to_pandas()


def _overlay(base: dict, changes: dict) -> dict:
    merged = dict(base)
    for key, value in changes.items():
        deep = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _overlay(base[key], value) if deep else value
    return merged
