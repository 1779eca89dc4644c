"""Copies of the project in which tests run Snakemake as the command line does; its own results are never used."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
TINY = "tests/config.yaml"
SOURCES = (
    "Snakefile",
    "environment.yml",
    ".gitignore",
    "rules",
    "schemas",
    "src",
    "paper",
    "profiles",
    "report",
)
# What small copies of the project keep of the configuration, with the figures that need nothing else.
SMALL = {
    "toy_models": ["five_in_two", "five_in_two_sparse"],
    "saes": ["relu_no_resampling", "relu_simple_resampling", "relu_advanced_resampling"],
    "finite_data": ["arena_few_samples", "arena_many_samples"],
    "dictionaries": ["absorption", "feature_tree"],
}
LONGEST_RUN = 1500  # seconds; a run that takes longer hangs
NOTICES = ("Using workflow specific profile", "Config file ")  # what Snakemake says to standard error when all is well
AUTHOR = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "tests"), ("EMAIL", "tests@example.org"), ("DATE", "2000-01-01T00:00:00Z"))
}

Plan = dict[str, set[str]]  # rule -> its jobs: "experiment/seed", or the name of what is made


@dataclass(frozen=True)
class Project:
    """A copy of the project, run with its tests/config.yaml."""

    root: Path
    longest_run: int = LONGEST_RUN

    @property
    def results(self) -> Path:
        return self.root / "results"

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", f"--configfile={TINY}", *arguments]

    def snakemake(self, *arguments: str, variables: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run it to its end; with what it has started it is killed if the test is interrupted, or takes too long."""
        with subprocess.Popen(
            self.command(*arguments),
            cwd=self.root,
            env=make_environment() | (variables or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        ) as process:
            try:
                stdout, stderr = process.communicate(timeout=self.longest_run)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def run(self, *arguments: str, variables: dict[str, str] | None = None) -> None:
        run = self.snakemake(*arguments, variables=variables)
        assert run.returncode == 0, run.stdout + run.stderr

    def summarise(self) -> list[dict[str, str]]:
        """Every file of the workflow: which rule makes it, and what a run would do with it now."""
        run = self.snakemake("--summary")
        assert run.returncode == 0, run.stdout + run.stderr
        header, *rows = (line.split("\t") for line in run.stdout.splitlines())
        return [dict(zip(header, row, strict=True)) for row in rows]

    def plan(self) -> Plan:
        """The jobs that a run would start now."""
        plan: Plan = {}
        for file in self.summarise():
            if file["plan"] != "no update":
                plan.setdefault(file["rule"], set()).add(name_job(file["output_file"]))
        return plan

    def edit(self, path: str, change: Callable[[str], str]) -> None:
        """Rewrite a file; an edit that changes nothing is a mistake of the test."""
        before = (self.root / path).read_text(encoding="utf-8")
        after = change(before)
        assert after != before
        (self.root / path).write_text(after, encoding="utf-8")

    def append(self, path: str, text: str) -> None:
        self.edit(path, lambda before: before + text)

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace `old`, which must stand in the file once."""
        assert (self.root / path).read_text(encoding="utf-8").count(old) == 1
        self.edit(path, lambda before: before.replace(old, new))

    def configure(self, changes: dict) -> None:
        """Lay `changes` over what is laid over the configuration."""
        self.edit(TINY, lambda before: yaml.safe_dump(overlay(yaml.safe_load(before), changes), sort_keys=False))

    def files(self, pattern: str) -> Iterator[Path]:
        """The files that match, but for links, which lead to files that are listed already."""
        return (path for path in self.root.glob(pattern) if path.is_file() and not path.is_symlink())

    def list_results(self) -> list[str]:
        """All that lies under results but the logs, hidden files included, relative to it."""
        paths = [
            Path(folder, name).relative_to(self.results)
            for folder, _, names in os.walk(self.results)  # which, unlike rglob, bears folders that a run takes away
            for name in names
        ]
        return sorted(str(path) for path in paths if path.parts[0] not in ("logs", ".gitkeep"))

    def copy(self, folder: Path) -> "Project":
        """A copy with all results and Snakemake's records of them, as old as the originals."""
        shutil.copytree(self.root, folder, symlinks=True)
        return replace(self, root=folder)


def load_configurations() -> dict[str, dict]:
    """Path -> content of the paper's configuration and of the tiny twin's, which is laid over it."""
    return {path: yaml.safe_load((ROOT / path).read_text(encoding="utf-8")) for path in ("config.yaml", TINY)}


def cut_down() -> dict[str, dict]:
    """Both configurations with the experiments of SMALL alone, two seeds of each, no films: what a small copy runs.

    It stays as small as it is while the paper grows.
    """
    small = load_configurations()
    for config in small.values():
        for section, names in SMALL.items():
            config[section] = {name: config[section][name] for name in names}
    figures = small["config.yaml"]["figures"].items()
    small["config.yaml"]["figures"] = {name: block | {"film": False} for name, block in figures if needs_no_more(block)}
    small[TINY]["seeds"] = 2
    return small


def needs_no_more(figure: dict) -> bool:
    return all(set(figure.get(section, [])) <= set(names) for section, names in SMALL.items())


def make_project(folder: Path, configurations: dict[str, dict]) -> Project:
    """The project as it stands but without results, committed to a repository of its own where there is git.

    The same sources give the same commit.

    Args:
        configurations: path -> content of the configuration and of what is laid over it
    """
    for path, content in configurations.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    for source in SOURCES:
        target = folder / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy2(ROOT / source, target)
    (folder / "results").mkdir()
    if shutil.which("git"):
        for command in (
            ["init", "--quiet"],
            ["add", "."],
            ["commit", "--quiet", "--no-gpg-sign", "--message", "tests"],
        ):
            subprocess.run(["git", *command], cwd=folder, env=make_environment(), check=True, capture_output=True)
    return Project(folder)


def make_environment() -> dict[str, str]:
    """The caller's environment without what would change a run or a commit."""
    foreign = ("PYTHONPATH", "SNAKEMAKE_", "SUPERPOSITION_", "GIT_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | AUTHOR


def name_job(output: str) -> str:
    """results/models/five_in_two/0.parquet -> five_in_two/0; results/figures/sae_recovery.png -> sae_recovery"""
    path = Path(output)
    return f"{path.parent.name}/{path.stem}" if path.stem.isdecimal() else path.stem


def overlay(base: dict, changes: dict) -> dict:
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = overlay(base[key], value) if both else value
    return merged


def errors_of(run: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of standard error that are no notices."""
    return [line for line in run.stderr.splitlines() if line and not line.startswith(NOTICES)]
