"""What of a measurement the paper shows: numbers and figures in paper/, committed, since no two measurements agree."""

import json
import shutil
from pathlib import Path

import pandas as pd

from superposition.reporting import format_number
from superposition.storage import atomic_path

MEASURED = ("textbook_steps_per_s", "ours_steps_per_s", "ratio", "ratio_low", "ratio_high", "roofline_share")
MACHINE = ("processor", "python", "torch", "numba", "commit", "date")


def publish(table: pd.DataFrame, drawn: list[Path], folder: Path) -> None:
    """Texts for typesetting, and copies of the figures.

    Args:
        table: the table `benchmark`
        drawn: figures of the same measurement
    """
    machine = table.iloc[0]
    content = {
        "machine": {name: str(machine[name]) for name in MACHINE}
        | {name: format_number(machine[name]) for name in ("n_cores", "load", "n_pairs", "roofline_gflops")},
        "workloads": [
            {"workload": row["workload"], "shape": row["shape"]} | {name: format_number(row[name]) for name in MEASURED}
            for _, row in table.iterrows()
        ],
    }
    for figure in drawn:
        with atomic_path(folder / figure.name) as temporary:
            shutil.copy(figure, temporary)
    with atomic_path(folder / "benchmark.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
