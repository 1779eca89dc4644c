"""The recipes of the README run as they are written, but for their length."""

import ast
import re

import duckdb
import pandas as pd
import pytest
import yaml
from workflow_plans import (
    CONFIG,
    SAES,
    SEEDS,
    TOY_MODELS,
)
from workflow_runs import ROOT, Project, load_configurations

from superposition.claims import basic_results
from superposition.claims.judging import judge_claims

README = (ROOT / "README.md").read_text()
TABLES = {"toy_models": "models", "finite_data": "finite_models", "saes": "saes", "dictionaries": "dictionaries"}
SHORT = {"steps": 40, "log_every": 20}
N_SAMPLES = {"n_samples": 300}  # held out


def read_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def read_block(language: str, words: str) -> str:
    """The only block of a language that holds `words`."""
    [block] = [block for block in read_blocks(language) if words in block]
    return block


def is_addition(recipe: dict) -> bool:
    """Whether a recipe has experiments that the configuration lacks, and nothing else."""
    return all(section in TABLES and not set(blocks) & set(CONFIG[section]) for section, blocks in recipe.items())


RECIPES = [yaml.safe_load(block) for block in read_blocks("yaml")]
ADDITIONS = [recipe for recipe in RECIPES if is_addition(recipe)]


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


def shorten_all(recipe: dict) -> dict:
    return {
        section: {name: shorten(section, block) for name, block in blocks.items()} for section, blocks in recipe.items()
    }


# --- the configuration ---


@pytest.mark.parametrize(
    "recipe", ADDITIONS, ids=lambda recipe: " ".join(name for part in recipe.values() for name in part)
)
def test_an_experiment_of_the_readme_runs(recipe, fresh: Project):
    fresh.configure(shorten_all(recipe))
    targets = [
        f"results/metrics/{TABLES[section]}/{name}/0.parquet" for section, blocks in recipe.items() for name in blocks
    ]
    fresh.run("--cores", "2", *targets)
    assert all((fresh.root / target).exists() for target in targets)


def test_the_readme_adds_one_of_each_kind_and_a_bigger_toy_model():
    assert {section for recipe in ADDITIONS for section in recipe} == set(TABLES)
    largest = max(block["model"]["n_features"] for block in load_configurations()["config.yaml"]["toy_models"].values())
    added = [block for recipe in ADDITIONS for block in recipe.get("toy_models", {}).values()]
    assert max(block["model"]["n_features"] for block in added) > largest


# --- Python ---


def test_the_tables_are_read_by_pandas(tiny_run: Project, monkeypatch):
    monkeypatch.chdir(tiny_run.root)
    *statements, last = ast.parse(read_block("python", "read_parquet")).body
    names = {}
    exec(compile(ast.Module(statements, []), "README.md", "exec"), names)
    dimensionality = eval(compile(ast.Expression(last.value), "README.md", "eval"), names)
    assert dimensionality.between(0, 1.01).all()
    assert set(dimensionality.index.get_level_values("experiment")) == set(TOY_MODELS)


def test_a_claim_of_the_readme_is_judged(tiny_run: Project):
    recipe = read_block("python", "CLAIMS.append").replace("six_in_three", "five_in_two")
    names = vars(basic_results) | {"CLAIMS": []}
    exec(recipe, names)
    tables = {"models": pd.read_parquet(tiny_run.results / "metrics/models")}
    [judged] = judge_claims(names["CLAIMS"], tables, {"five_in_two"}).to_dict("records")
    models = tables["models"].query("experiment == 'five_in_two'")
    assert judged["claim"] == "mine-1"
    assert judged["n_seeds"] == len(SEEDS)
    assert judged["value"] == models.groupby("seed")["n_represented"].max().mean()


def test_a_figure_of_the_readme_is_drawn(finished: Project):
    (finished.root / "src/figures/mine.py").write_text(read_block("python", "draw_figure"))
    finished.configure({"figures": {"mine": {"toy_models": ["five_in_two"]}}})
    assert finished.plan()["draw_figure"] == {"mine"}
    finished.run("--cores", "2", "results/figures/mine.pdf")
    assert (finished.results / "figures/mine.png").stat().st_size > 1000


# --- SQL ---


def test_the_tables_are_read_by_duckdb(tiny_run: Project, monkeypatch):
    monkeypatch.chdir(tiny_run.root)
    claims, saes = read_block("sql", "claims.parquet").strip().removesuffix(";").split(";")
    assert (
        duckdb.sql(claims)
        .df()
        .equals(pd.read_parquet("results/claims.parquet")[["claim", "quantity", "value", "low", "high", "verdict"]])
    )
    assert {row[0] for row in duckdb.sql(saes).fetchall()} == set(SAES)
