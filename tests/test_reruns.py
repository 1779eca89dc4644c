"""What an edit makes Snakemake run again: an edit is made beside a finished run, and the planned jobs are read."""

import ast
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
import yaml
from workflow_runs import ROOT, TINY, Plan, Project, overlay

from pipeline.configuration import load_configuration, load_yaml

CONFIG = load_configuration(
    overlay(load_yaml(ROOT / "config.yaml"), load_yaml(ROOT / TINY)), ROOT / "schemas/config.schema.yaml", ROOT
)
TOY_MODELS, SAES, FIGURES = CONFIG["toy_models"], CONFIG["saes"], CONFIG["figures"]
SEEDS = (0, 1)
TOY_MODEL, OTHER_TOY_MODEL, SAE = "five_in_two_sparse", "five_in_two", "relu_simple_resampling"
CLAIMS, PAPER = {"judge_claims": {"claims"}}, {"typeset_paper": {"paper"}}


def jobs(names, seeds=SEEDS) -> set[str]:
    return {f"{name}/{seed}" for name in names for seed in seeds}


def figures_of(*names: str) -> set[str]:
    """The figures that show an experiment."""
    return {figure for figure, block in FIGURES.items() if {*block["toy_models"], *block["saes"]} & {*names}}


def saes_of(toy_model: str) -> list[str]:
    return [sae for sae, block in SAES.items() if block["toy_model"] == toy_model]


def fitting(saes, seeds=SEEDS) -> Plan:
    return {"fit_saes": jobs(saes, seeds), "measure_saes": jobs(saes, seeds)}


def training(toy_model: str, seeds=SEEDS) -> Plan:
    trained = {"train_toy_models": jobs([toy_model], seeds), "measure_toy_models": jobs([toy_model], seeds)}
    return trained | fitting(saes_of(toy_model), seeds)


def gathering(figures: set[str]) -> Plan:
    return CLAIMS | {"draw_figure": figures} | PAPER


def nonempty(plan: Plan) -> Plan:
    return {rule: names for rule, names in plan.items() if names}


def add_code(text: str) -> str:
    return text + "\nEDITED = True\n"


# --- code ---


@pytest.mark.parametrize(
    ("module", "plan"),
    [
        (
            "scripts/sample_features",  # all but training builds on the held-out samples
            {"sample_features": jobs(TOY_MODELS), "measure_toy_models": jobs(TOY_MODELS)}
            | fitting(SAES)
            | gathering(set(FIGURES)),
        ),
        ("superposition/saes", fitting(SAES) | gathering(figures_of(*SAES))),
        ("superposition/shrinkage", {"measure_saes": jobs(SAES)} | gathering(figures_of(*SAES))),
        ("superposition/geometry", {"measure_toy_models": jobs(TOY_MODELS)} | gathering(figures_of(*TOY_MODELS))),
        ("superposition/claims/judging", CLAIMS | PAPER),
        ("superposition/plotting", {"draw_figure": set(FIGURES)} | PAPER),
        ("superposition/reporting", PAPER),
        ("figures/represented_features", {"draw_figure": {"represented_features"}} | PAPER),
        ("pipeline/schema_check", {}),
    ],
)
def test_code_reruns_the_steps_that_run_it_and_what_builds_on_them(finished, module, plan):
    finished.edit(f"src/{module}.py", add_code)
    assert finished.plan() == plan


def test_a_figure_script_redraws_every_figure_that_it_draws(finished):
    finished.edit("src/figures/features_in_2d.py", add_code)
    plan = finished.plan()
    assert plan.keys() == {"draw_figure", "typeset_paper"}
    assert {"features_in_2d", "sparse_features_in_2d"} <= plan["draw_figure"]
    assert "represented_features" not in plan["draw_figure"]


def test_comments_docstrings_and_layout_rerun_nothing(finished):
    for path in finished.files("src/**/*.py"):
        relative = str(path.relative_to(finished.root))
        finished.edit(relative, lambda text: reword_docstrings(text) + "\n# a comment\n")
    layout = ["--line-length", "60", "--config", "format.quote-style = 'single'"]
    subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--quiet", "--isolated", *layout, "src"], cwd=finished.root, check=True
    )
    assert finished.plan() == {}


def reword_docstrings(source: str) -> str:
    """`source` with another text in every docstring, and one more where a function has none."""
    lines = source.splitlines(keepends=True)
    for node in sorted(find_documented(ast.parse(source)), key=lambda node: -node.body[0].lineno):
        first = node.body[0]
        if ast.get_docstring(node) is not None:
            lines[first.lineno - 1 : first.end_lineno] = [f'{" " * first.col_offset}"""Other words."""\n']
        elif isinstance(node, ast.FunctionDef) and first.lineno > node.lineno:
            lines.insert(first_line(first) - 1, f'{" " * first.col_offset}"""Words."""\n')
    return "".join(lines)


def first_line(statement: ast.stmt) -> int:
    """The line that a statement starts on, with its decorators."""
    return min([statement.lineno, *(decorator.lineno for decorator in getattr(statement, "decorator_list", []))])


def find_documented(tree: ast.Module) -> list[ast.AST]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds) and node.body]


# --- configuration ---


@pytest.mark.parametrize(
    ("changes", "plan"),
    [
        (
            {"toy_models": {TOY_MODEL: {"training": {"learning_rate": 2e-3}}}},
            training(TOY_MODEL) | gathering(figures_of(TOY_MODEL, *saes_of(TOY_MODEL))),
        ),
        (
            {"toy_models": {OTHER_TOY_MODEL: {"importance": {"base": 0.8}}}},
            training(OTHER_TOY_MODEL) | gathering(figures_of(OTHER_TOY_MODEL, *saes_of(OTHER_TOY_MODEL))),
        ),
        ({"saes": {SAE: {"sparsity_penalty": 0.3}}}, fitting([SAE]) | gathering(figures_of(SAE))),
        ({"toy_models": {TOY_MODEL: {"title": "Other words"}}}, {"draw_figure": figures_of(TOY_MODEL)} | PAPER),
        ({"saes": {SAE: {"source": "Other words"}}}, {"draw_figure": figures_of(SAE)} | PAPER),
    ],
)
def test_one_block_reruns_the_chain_of_its_experiment(finished, changes, plan):
    finished.configure(changes)
    assert finished.plan() == nonempty(plan)


def test_other_held_out_samples_retrain_no_toy_model(finished):
    finished.configure({"toy_models": {TOY_MODEL: {"evaluation": {"n_samples": 1000}}}})
    saes = saes_of(TOY_MODEL)
    sampled = {"sample_features": jobs([TOY_MODEL]), "measure_toy_models": jobs([TOY_MODEL])}
    assert finished.plan() == sampled | fitting(saes) | gathering(figures_of(TOY_MODEL, *saes))


def test_more_seeds_run_the_new_ones(finished):
    finished.configure({"seeds": 3})
    new = {"sample_features": jobs(TOY_MODELS, [2]), "train_toy_models": jobs(TOY_MODELS, [2])}
    new |= {"measure_toy_models": jobs(TOY_MODELS, [2])} | fitting(SAES, [2])
    assert finished.plan() == new | gathering(set(FIGURES))


def test_fewer_seeds_are_gathered_again(finished):
    finished.configure({"seeds": 1})
    assert finished.plan() == gathering(set(FIGURES))


def test_a_new_sweep_on_a_trained_experiment_runs_its_own_chain(finished):
    new = {key: SAES[SAE][key] for key in ("toy_model", "architecture", "n_latents", "training")}
    finished.configure({"saes": {"new": new | {"title": "A new sweep", "sparsity_penalty": 0.1}}})
    assert finished.plan() == fitting(["new"]) | CLAIMS | PAPER


def test_a_new_figure_is_drawn(finished):
    finished.configure({"figures": {"new": {"script": "represented_features", "toy_models": [TOY_MODEL]}}})
    assert finished.plan() == {"draw_figure": {"new"}} | PAPER


def test_the_order_of_a_figures_experiments_redraws_it(finished):
    finished.configure({"figures": {"sae_recovery": {"saes": FIGURES["sae_recovery"]["saes"][::-1]}}})
    assert finished.plan() == {"draw_figure": {"sae_recovery"}} | PAPER


def test_the_order_of_keys_comments_and_the_spelling_of_numbers_rerun_nothing(finished):
    def rewrite(text: str) -> str:
        return "# A comment\n" + yaml.safe_dump(reverse_keys(yaml.safe_load(text)), sort_keys=False) + "# Another\n"

    finished.configure({"toy_models": {TOY_MODEL: {"training": {"learning_rate": 0.001}}}})  # the default, spelled out
    finished.edit("config.yaml", rewrite)
    finished.edit(TINY, rewrite)
    finished.replace(TINY, "learning_rate: 0.001", "learning_rate: 1.0e-3")
    finished.edit(TINY, lambda text: text.replace("steps: 300", "steps: 3.0e+2"))
    assert finished.plan() == {}


def reverse_keys(value):
    if isinstance(value, dict):
        return {key: reverse_keys(value[key]) for key in reversed(value)}
    return value


# --- schemas, texts, rules ---


def test_a_column_reruns_the_jobs_that_write_it(finished):
    finished.edit("schemas/tables.yaml", lambda text: change_column(text, "latents", "fraction_active", nullable=True))
    assert finished.plan() == {"measure_saes": jobs(SAES)} | gathering(figures_of(*SAES))


def change_column(text: str, table: str, column: str, **changes) -> str:
    tables = yaml.safe_load(text)
    tables[table]["columns"][column] |= changes
    return yaml.safe_dump(tables, sort_keys=False)


def test_descriptions_in_schemas_rerun_nothing(finished):
    for schema in ("schemas/tables.yaml", "schemas/config.schema.yaml"):
        finished.edit(schema, lambda text: re.sub(r"description: (?=[a-zA-Z])", "description: In other words, ", text))
    assert finished.plan() == {}


@pytest.mark.parametrize(
    ("source", "comment"),
    [("paper.typ", "\n// words"), ("references.bib", "\n% words"), ("captions/represented_features.rst", "\nMore.")],
)
def test_a_text_typesets_the_paper(finished, source, comment):
    finished.append(f"paper/{source}", comment)
    assert finished.plan() == PAPER


def test_resources_comments_and_profiles_rerun_nothing(finished):
    finished.replace("rules/models.smk", "        gpu=1,\n", "        gpu=2,\n        mem_mb=4000,\n    threads: 2\n")
    finished.replace("profiles/default/config.yaml", "keep-going: true", "keep-going: false")
    for path in finished.files("rules/*.smk"):
        finished.append(str(path.relative_to(finished.root)), "\n# a comment\n")
    assert finished.plan() == {}


# --- times and places ---


def touch_sources(project: Project) -> None:
    for path in project.files("**/*"):
        if not path.is_relative_to(project.results):
            path.touch()


def scramble_times(project: Project) -> None:
    """As after `git clone`, or after unpacking an archive that keeps no times."""
    times = random.Random(0)
    for path in project.files("**/*"):
        age = times.uniform(0, 1e8)
        os.utime(path, (path.stat().st_mtime - age,) * 2)


@pytest.mark.parametrize("change", [touch_sources, scramble_times])
def test_times_and_places_rerun_nothing(finished, change: Callable[[Project], None]):
    change(finished)
    assert finished.plan() == {}


def test_the_plan_is_that_of_a_dry_run(finished):
    finished.edit("src/superposition/saes.py", add_code)
    counts = re.findall(r"^(\w+) +(\d+)$", finished.snakemake("--dry-run").stdout, re.MULTILINE)
    planned = {rule: int(count) for rule, count in counts if rule not in ("all", "total")}
    assert planned == {rule: len(names) for rule, names in finished.plan().items()}
