"""The recipes of the README run as they are written, but for their length."""

import re

import pytest
import yaml
from workflow_runs import ROOT, Project

README = (ROOT / "README.md").read_text()
RECIPES = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]
TABLES = {"toy_models": "models", "finite_data": "finite_models", "saes": "saes", "dictionaries": "dictionaries"}
SHORT = {"steps": 40, "log_every": 20}
N_SAMPLES = {"n_samples": 300}  # held out


def shorten(section: str, block: dict) -> dict:
    """The block with a training of a few steps, sweeps over their first two values, and two restarts at most."""
    sweep = {key: values[:2] if isinstance(values, list) else values for key, values in block.get("sweep", {}).items()}
    short = block | ({"sweep": sweep} if sweep else {})
    if "restarts" in block:
        short["restarts"] = min(block["restarts"], 2)
    if section in ("toy_models", "saes"):
        short["training"] = block.get("training", {}) | SHORT | {"batch_size": 32}
    if section == "finite_data":
        short["training"] = block.get("training", {}) | SHORT | {"warmup_steps": 4}
    if section in ("toy_models", "finite_data", "dictionaries"):
        short["evaluation"] = block.get("evaluation", {}) | N_SAMPLES
    return short


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: next(iter(recipe)))
def test_a_recipe_of_the_readme_runs(recipe, fresh: Project):
    path = fresh.root / "config.yaml"
    config = yaml.safe_load(path.read_text())
    targets = []
    for section, blocks in recipe.items():
        for name, block in blocks.items():
            assert name not in config.get(section, {}), "a recipe adds to what there is"
            config.setdefault(section, {})[name] = shorten(section, block)
            targets.append(f"results/metrics/{TABLES[section]}/{name}/0.parquet")
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    fresh.run("--cores", "2", *targets)
    assert all((fresh.root / target).exists() for target in targets)


def test_there_are_recipes():
    assert {section for recipe in RECIPES for section in recipe} >= {"toy_models", "finite_data", "saes"}
