"""Configurations that the tests start from, and ways to change them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.configuration import ConfigurationError, load_configuration, load_yaml

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = ROOT / "schemas" / "config.schema.yaml"
REAL = load_yaml(ROOT / "config.yaml")
LEFT_OUT = object()

SMALL = """
seeds: 2
toy_models:
  dense:
    title: Dense features
    model: {kind: relu_output, n_features: 5, n_hidden: 2}
    sweep: {feature_probability: {spacing: geometric, start: 1.0, stop: 0.25, points: 3}}
    restarts: 4
  sparse:
    title: Sparse features
    model: {kind: linear, n_features: 5, n_hidden: 2}
saes:
  relu:
    title: A ReLU autoencoder
    toy_model: dense
    architecture: relu
    n_latents: 5
    sparsity_penalty: 0.2
figures:
  drawing: {toy_models: [dense], saes: [relu]}
"""


def small() -> dict:
    return yaml.safe_load(SMALL)


def edit(config: dict, path: str | list, value: Any) -> dict:
    """`config` with `value` at `path` (dotted, or a list of keys), or without it if the value is LEFT_OUT."""
    *parents, last = path.split(".") if isinstance(path, str) else path
    block = config
    for key in parents:
        block = block.setdefault(key, {})
    if value is LEFT_OUT:
        del block[last]
    else:
        block[last] = value
    return config


DRAW = "\ndef draw(tables, experiments): ...\n"


def make_project(root: Path) -> Path:
    """A project root with a script for every figure of SMALL and of REAL, with the film that it has, and a helper."""
    folder = root / "src" / "figures"
    folder.mkdir(parents=True)
    (folder / "drawing.py").write_text(DRAW)
    (folder / "helper.py").touch()
    for name, figure in REAL["figures"].items():
        film = "\ndef film(tables, experiments): ...\n" if figure.get("film") else ""
        (folder / f"{figure.get('script', name)}.py").write_text(DRAW + film)
    return root


def effective(raw: Any, project: Path) -> dict:
    return load_configuration(raw, SCHEMA, project)


def problems_of(raw: Any, project: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        effective(raw, project)
    return str(caught.value).split("\n")
