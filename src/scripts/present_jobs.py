"""A page of the report: time and memory of every job."""

from pathlib import Path

import numpy as np
import pandas as pd

from scripts.command_line import run
from scripts.measured import read_cost
from scripts.pages import write_page

LOGS = Path("results/logs")


def present_jobs(spec: dict, paper: str, page: str, templates: list[str]) -> None:
    jobs = of_configuration(read_benchmarks(LOGS), spec["seeds"], spec["figures"])
    rules = jobs.groupby("rule").agg(
        jobs=("s", "size"), cpu_time=("cpu_time", "sum"), s=("s", "max"), max_rss=("max_rss", "max")
    )
    write_page(
        page,
        templates,
        "jobs.html",
        title="Time and memory",
        rules=[{"name": name, "numbers": [show(value) for value in row]} for name, row in rules.iterrows()],
        jobs=[
            {"rule": row["rule"], "experiment": row["experiment"], "numbers": [show(row[name]) for name in NUMBERS]}
            for _, row in jobs.sort_values("cpu_time", ascending=False).iterrows()
        ],
    )


NUMBERS = ("seed", "cpu_time", "s", "max_rss")


def read_benchmarks(logs: Path) -> pd.DataFrame:
    """One row per <rule>.tsv, <rule>/<figure>.tsv or <rule>/<experiment>/<seed>.tsv, with Snakemake's columns.

    Its CPU time and memory are those of its last look; where the job's log says what it took, these are put in their
    place. Snakemake writes "NA" or "-" for what ended before it looked: NaN here. The last row counts, if a job ran
    twice; a file without rows is one of a job that was killed.
    """
    rows = []
    for path in sorted(logs.rglob("*.tsv")):
        rule, experiment, seed = [*path.relative_to(logs).with_suffix("").parts, "", ""][:3]
        measured = pd.read_csv(path, sep="\t", na_values=["NA", "-"])
        if len(measured):
            seen = {name: float(measured[name].iloc[-1]) for name in ("s", "cpu_time", "max_rss")}
            if cost := read_cost(path.with_suffix(".log")):
                seen |= {"cpu_time": cost["cpu_s"], "max_rss": cost["peak_mib"]}
            rows.append({"rule": rule, "experiment": experiment, "seed": int(seed) if seed else float("nan")} | seen)
    return pd.DataFrame(rows, columns=["rule", "experiment", "seed", "s", "cpu_time", "max_rss"])


def of_configuration(jobs: pd.DataFrame, seeds: dict[str, list[int]], figures: list[str]) -> pd.DataFrame:
    """The rows of experiments, seeds and figures that there are: the logs of others stay where they were.

    Args:
        seeds: those of each experiment
    """
    there = {(name, seed) for name, own in seeds.items() for seed in own}
    of_seed = [key in there for key in zip(jobs["experiment"], jobs["seed"], strict=True)]
    of_others = jobs["seed"].isna() & jobs["experiment"].isin([*figures, ""])
    return jobs[of_others | np.array(of_seed, dtype=bool)]


def show(value: float) -> dict[str, str]:
    """A number as text, and as its column is sorted by; both empty where it was not measured."""
    if pd.isna(value):
        return {"text": "", "sorting": ""}
    text = f"{value:,.0f}" if float(value).is_integer() or value >= 100 else f"{value:.1f}"
    return {"text": text, "sorting": repr(float(value))}


if __name__ == "__main__":
    run(present_jobs, files=["paper", "page"], lists=["templates"])
