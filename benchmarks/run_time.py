"""What a finished run took, from the logs and benchmarks of its jobs: paper/run.json, committed, as no two runs agree.

`python -m benchmarks.run_time`, in the folder that the workflow ran in, on the machine that it ran on.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import ROOT, read_processor
from pipeline.configuration import list_seeds, load_configuration, load_yaml
from scripts.present_jobs import LOGS, of_configuration, read_benchmarks
from superposition.reporting import format_number
from superposition.storage import atomic_path

STAGES = {
    "toy models": ("sample_features", "train_toy_models", "measure_toy_models"),
    "finite data": ("sample_training_sets", "train_on_finite_data", "measure_finite_data"),
    "autoencoders": ("sample_dictionary", "measure_dictionary", "fit_saes", "measure_saes"),
}


def publish_run(logs: Path, numbers: Path, path: Path, config: dict) -> None:
    """Texts for typesetting; times are sums over jobs; what a job that does not say was not seen to take is left out.

    Args:
        logs: results/logs of the run
        numbers: its results/paper.json, which names its commit
        config: the configuration in effect
    """
    jobs = of_configuration(read_benchmarks(logs), list_seeds(config), [*config["figures"]])
    if jobs.empty:
        raise SystemExit(f"{logs}: there are no benchmarks of jobs, allowed is the folder of a finished run")
    last = max(file.stat().st_mtime for file in logs.glob("*/*/*.tsv"))
    stages = [(stage, jobs[jobs["rule"].isin(rules)]) for stage, rules in STAGES.items()]
    content = {
        "processor": read_processor(),
        "n_cores": format_number(os.cpu_count()),
        "memory_gib": format_number(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        "commit": json.loads(numbers.read_text())["commit"],
        "date": datetime.fromtimestamp(last, UTC).date().isoformat(),
        "n_jobs": format_number(len(jobs)),
        "peak_memory_mib": format_number(jobs["max_rss"].max()),
        "stages": [
            {
                "stage": stage,
                "n_jobs": format_number(len(rows)),
                "cpu_s": format_number(rows["cpu_time"].sum()),
                "wall_s": format_number(rows["s"].sum()),
            }
            for stage, rows in stages
            if len(rows)
        ],
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    configured = load_configuration(load_yaml(ROOT / "config.yaml"), ROOT / "schemas/config.schema.yaml", ROOT)
    publish_run(LOGS, Path("results/paper.json"), ROOT / "paper/run.json", configured)
