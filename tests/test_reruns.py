"""What an edit of anything but the configuration makes Snakemake run again, read beside a finished run."""

import ast
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
import yaml
from workflow_plans import (
    CLAIMS,
    FIGURES,
    FINITE_DATA,
    PAPER,
    SAES,
    TOY_MODELS,
    figures_of,
    fitting,
    fitting_finite_data,
    gathering,
    jobs,
)
from workflow_runs import Project


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
            | gathering(figures_of(*TOY_MODELS, *SAES)),
        ),
        (
            "superposition/checkpoints",
            {"train_toy_models": jobs(TOY_MODELS), "measure_toy_models": jobs(TOY_MODELS)}
            | fitting_finite_data(FINITE_DATA)
            | fitting(SAES)
            | gathering(figures_of(*TOY_MODELS, *FINITE_DATA, *SAES)),
        ),
        (
            "superposition/finite_data_measurement",
            {"measure_finite_data": jobs(FINITE_DATA)} | gathering(figures_of(*FINITE_DATA)),
        ),
        ("superposition/saes/relu", fitting(SAES) | gathering(figures_of(*SAES))),
        ("superposition/shrinkage", {"measure_saes": jobs(SAES)} | gathering(figures_of(*SAES))),
        (
            "superposition/geometry",
            {"measure_toy_models": jobs(TOY_MODELS), "measure_finite_data": jobs(FINITE_DATA)}
            | gathering(figures_of(*TOY_MODELS, *FINITE_DATA)),
        ),
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


def test_a_figure_depends_on_the_tables_that_its_module_names_alone(finished):
    table = finished.results / "metrics/hidden_samples/five_in_two/0.parquet"
    table.write_bytes(table.read_bytes() + b"edited")
    assert finished.plan() == {"draw_figure": {"hidden_samples_in_2d"}} | PAPER


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
        finished.edit(schema, lambda text: re.sub(r"description: (?=[a-zA-Z])", "description: In other words - ", text))
    assert finished.plan() == {}


@pytest.mark.parametrize(
    ("source", "comment"),
    [
        ("paper.typ", "\n// words"),
        ("sections/sparse_autoencoders.typ", "\n// words"),
        ("references.bib", "\n% words"),
        ("captions/represented_features.rst", "\nMore."),
    ],
)
def test_a_text_typesets_the_paper(finished, source, comment):
    finished.append(f"paper/{source}", comment)
    assert finished.plan() == PAPER


def test_resources_comments_and_profiles_rerun_nothing(finished):
    asked = "        gpu=GPUS,\n        mem_mb=mem_mb,\n        runtime=minutes_of_saes,\n"
    finished.replace("rules/saes.smk", asked, "        gpu=2,\n        mem_mb=4000,\n    threads: 2\n")
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
    finished.edit("src/superposition/saes/relu.py", add_code)
    counts = re.findall(r"^(\w+) +(\d+)$", finished.snakemake("--dry-run").stdout, re.MULTILINE)
    planned = {rule: int(count) for rule, count in counts if rule not in ("all", "total")}
    assert planned == {rule: len(names) for rule, names in finished.plan().items()}
