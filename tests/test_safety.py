"""Nothing that is read can run code: no pickles, no unsafe YAML, no shell with texts in it."""

import ast

import pytest
import yaml
from workflow_runs import ROOT

SOURCES = sorted((ROOT / "src").rglob("*.py"))
FORBIDDEN_MODULES = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {
    "torch.load",
    "yaml.load",
    "yaml.full_load",
    "yaml.unsafe_load",
    "pd.read_pickle",
    "os.system",
    "os.popen",
}
FORBIDDEN_CALLS |= {"eval", "exec", "subprocess.getoutput"}


def list_unsafe(code):
    """What in a module could run what it reads."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Import(names=names):
                yield from {name.name.split(".")[0] for name in names} & FORBIDDEN_MODULES
            case ast.ImportFrom(module=str(module), names=names):
                yield from {module.split(".")[0]} & FORBIDDEN_MODULES
                yield from {f"{module}.{name.name}" for name in names} & FORBIDDEN_CALLS
            case ast.Call(func=function, keywords=keywords):
                yield from {ast.unparse(function)} & FORBIDDEN_CALLS
                arguments = {(word.arg, ast.unparse(word.value)) for word in keywords}
                yield from {
                    f"{key}={value}" for key, value in arguments & {("shell", "True"), ("allow_pickle", "True")}
                }


def test_no_module_can_run_what_it_reads():
    assert len(SOURCES) > 50
    assert {path.name: found for path in SOURCES if (found := list(list_unsafe(path.read_text())))} == {}


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "from os import system",
        "torch.load(path)",
        "yaml.load(text, Loader=yaml.Loader)",
        "subprocess.run(command, shell=True)",
        "os.system(command)",
    ],
)
def test_the_scan_finds(code):
    assert len(list(list_unsafe(code))) == 1


def test_a_title_is_text_for_the_shell(fresh):
    title = """$(touch x)'"{}`touch x`; touch x #{wildcards.seed}"""
    fresh.configure({"saes": {"relu_no_resampling": {"title": title}}, "toy_models": {"five_in_two": {"title": title}}})
    assert yaml.safe_load((fresh.root / "tests/config.yaml").read_text())["toy_models"]["five_in_two"]["title"] == title
    plan = fresh.snakemake("--dry-run", "--printshellcmds")
    assert plan.returncode == 0, plan.stderr
    assert "touch x" in plan.stdout  # the specification of the paper has the title
    run = fresh.snakemake("--cores", "1", "results/data/five_in_two/0.safetensors")
    assert run.returncode == 0, run.stderr
    assert list(fresh.root.rglob("x")) == []
