"""The configuration as the workflow uses it: checked, complete, and the same however its values are written."""

from pathlib import Path
from typing import Any

from pipeline.architectures import OWNERS
from pipeline.cross_checks import check_all
from pipeline.declared_names import KINDS, SOURCES
from pipeline.dictionary_checks import forget_foreign_keys
from pipeline.problems import ConfigurationError, sort_problems
from pipeline.sae_checks import count_instances
from pipeline.schema_check import check_value, load_schema
from pipeline.yaml_files import find_duplicate_keys, load_yaml

__all__ = [
    "ConfigurationError",
    "count_instances",
    "find_duplicate_keys",
    "list_seeds",
    "load_configuration",
    "load_yaml",
    "source_of",
]


def source_of(sae: dict) -> str:
    """The name of the toy model or dictionary that an SAE's effective block takes its activations from."""
    [name] = [sae[key] for key in SOURCES if key in sae]
    return name


def list_seeds(config: dict) -> dict[str, list[int]]:
    """The seeds of every experiment of an effective configuration; an autoencoder sweep has those of its source."""
    own = config["toy_models"] | config["finite_data"] | config["dictionaries"]
    seeds = {name: [config["first_seed"] + i for i in range(block["seeds"])] for name, block in own.items()}
    return seeds | {name: seeds[source_of(block)] for name, block in config["saes"].items()}


def load_configuration(raw: Any, schema_path: str | Path, project_root: str | Path) -> dict:
    """The effective configuration: `raw`, as read from YAML, with all defaults and with numbers of the schema's type.

    Experiments and figures keep the order of `raw`; within them keys have the order of the schema, so that equal
    configurations give equal JSON. A key that only other architectures have gets no default.

    Args:
        project_root: the folder whose src/figures holds the figure scripts

    Raises:
        ConfigurationError: one line per problem, all at once, in the order of the file
    """
    schema, problems = load_schema(schema_path), []
    config = check_value(raw, schema, (), problems)
    if isinstance(raw, dict):
        for section in (*KINDS, "figures"):
            config[section] = config.get(section) or {}
        for name, figure in config["figures"].items():
            config["figures"][name] = figure if figure is None else {"script": name} | figure
        problems += list(check_all(raw, config, problems, Path(project_root)))
    if problems:
        raise ConfigurationError("\n".join(dict.fromkeys(map(str, sort_problems(problems, raw)))))
    for section in ("toy_models", "finite_data", "dictionaries"):
        for block in config[section].values():
            block["seeds"] = min(block.get("seeds", config["seeds"]), config["seeds"])
    for block in config["dictionaries"].values():
        forget_foreign_keys(block)
    for sae in config["saes"].values():
        for key in [key for key, owners in OWNERS.items() if sae["architecture"] not in owners]:
            sae.pop(key, None)
        if "dictionary" in sae:
            sae.pop("instance", None)  # of a toy model
    return config
