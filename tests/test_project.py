"""What is written in two places agrees: pins, rules and scripts, figures and captions, the README and the files."""

import ast
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from workflow_runs import ROOT

from superposition.claims import CLAIMS

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
README = (ROOT / "README.md").read_text()
RULES = {
    name: path
    for path in (ROOT / "rules").glob("*.smk")
    for name in re.findall(r"^rule (\w+):", path.read_text(), re.MULTILINE)
}
# module -> the package that brings it, where the names differ
PACKAGES = {"yaml": "snakemake", "PIL": "pillow", "sklearn": "scikit-learn"}
# modules in src/scripts that no rule runs by itself
NO_STEPS = {"__init__", "command_line", "measured", "packing", "pages", "reads"}


def read_pins(lock: str = "requirements.lock") -> dict[str, str]:
    """Package -> version."""
    lines = (ROOT / lock).read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def normalise(requirement: str) -> str:
    """The package of a requirement, spelled as package indices compare names."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


# --- dependencies ---


def test_conda_has_the_pins_of_the_lock():
    [pip] = [entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict)]
    assert pip == [f"{name}=={version}" for name, version in read_pins().items()]


def test_conda_has_a_python_that_the_project_allows():
    [python] = [entry for entry in ENVIRONMENT["dependencies"] if str(entry).startswith("python=")]
    lowest, beyond = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PYPROJECT["project"]["requires-python"]).groups()
    assert int(lowest) <= int(python.removeprefix("python=3.")) < int(beyond)


def test_every_dependency_is_pinned():
    project = PYPROJECT["project"]
    extras = [name for names in project["optional-dependencies"].values() for name in names]
    named = {normalise(name) for name in [*project["dependencies"], *extras]}
    assert named <= {normalise(name) for name in read_pins() | read_pins("requirements-cluster.lock")}


def find_imports(source: str) -> set[str]:
    """The top-level names of all that a source imports absolutely."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names}


def test_every_import_is_a_dependency():
    own = {path.name for path in (ROOT / "src").iterdir()}
    imported = {name for path in (ROOT / "src").rglob("*.py") for name in find_imports(path.read_text())}
    foreign = {PACKAGES.get(name, name) for name in imported - own - sys.stdlib_module_names}
    assert foreign <= {normalise(name) for name in PYPROJECT["project"]["dependencies"]}


# --- rules, scripts, figures ---


def test_every_rule_has_a_script_of_its_name_and_every_script_a_rule():
    scripts = {path.stem for path in (ROOT / "src/scripts").glob("*.py")}
    assert scripts - NO_STEPS == set(RULES)


def test_every_rule_writes_to_logs_of_its_name():
    for path in set(RULES.values()):
        for rule, body in re.findall(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", path.read_text(), re.MULTILINE | re.DOTALL):
            assert set(re.findall(r"results/logs/(\w+)", body)) == {rule}


def test_every_figure_has_a_caption_and_every_caption_a_figure():
    assert {path.stem for path in (ROOT / "paper/captions").glob("*")} == set(CONFIG["figures"])


def test_every_drawing_module_draws_a_figure():
    drawn = {block.get("script", name) for name, block in CONFIG["figures"].items()}
    modules = {path.stem for path in (ROOT / "src/figures").glob("*.py")} - {"__init__"}
    assert drawn <= modules
    for module in modules - drawn:  # what several of them share
        assert any(f"from figures.{module} import" in (ROOT / f"src/figures/{name}.py").read_text() for name in drawn)


# --- the README ---


def read_claims() -> list[list]:
    """The rows of the table in docs/claims.md: the sentence, and of every other cell what stands in backticks."""
    lines = [line for line in (ROOT / "docs/claims.md").read_text().splitlines() if line.startswith("| `")]
    rows = [line.strip("|").split(" | ") for line in lines]
    names = [[set(re.findall(r"`([^`]+)`", cell)) for cell in row] for row in rows]
    return [[row[1].replace("&#124;", "|"), *found[:1], *found[2:]] for row, found in zip(rows, names, strict=True)]


def test_the_list_of_claims_is_that_of_the_code():
    expected = []
    for claim in CLAIMS:
        on_saes = set(claim.experiments) & set(CONFIG["saes"])
        on_finite_data = set(claim.experiments) & set(CONFIG["finite_data"])
        rules = {"fit_saes", "measure_saes"} if on_saes else {"train_toy_models", "measure_toy_models"}
        rules = {"train_on_finite_data", "measure_finite_data"} if on_finite_data else rules
        expected.append([claim.sentence, {claim.id}, set(claim.experiments), set(claim.figures), rules])
        assert rules <= set(RULES)
    assert read_claims() == expected


def read_tree() -> list[str]:
    """The paths of the README's tree: the first column of the fenced block that lists the Snakefile."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    [tree] = [block for block in blocks if block.startswith("Snakefile ")]
    return [line.split()[0] for line in tree.splitlines()]


@pytest.mark.parametrize("path", read_tree())
def test_the_readmes_tree_is_that_of_the_project(path):
    assert (ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).is_file()


def list_project() -> set[str]:
    """The paths of all files of the project: those that git tracks, or else all that are there."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode == 0:
        return set(tracked.stdout.splitlines())
    return {str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()}


def test_the_readmes_tree_leaves_nothing_out():
    """Hidden files and the README itself aside, all at the top level is named; of src, its folders."""
    words = [*README.split(), "README.md"]
    for path in list_project():
        top, *below = path.split("/")
        shown = "/".join([top, below[0]]) + "/" if top == "src" else top + "/" if below else top
        assert top.startswith(".") or shown in words, path
