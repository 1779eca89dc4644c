"""The measurement that the paper shows: paper/benchmark.json, which is committed, since no two measurements agree."""

import json
from pathlib import Path

import pandas as pd

from superposition.reporting import format_number
from superposition.storage import atomic_path

MEASURED = ("textbook_steps_per_s", "ours_steps_per_s", "ratio", "ratio_low", "ratio_high", "roofline_share")
MACHINE = ("processor", "python", "torch", "numba", "commit", "date")
EXPONENT = ("exponent", "exponent_low", "exponent_high")


def publish(table: pd.DataFrame, scaling: pd.DataFrame, path: Path) -> None:
    """Texts for typesetting, and the ratios as numbers for bars.

    Args:
        table, scaling: the tables `benchmark` and `scaling`
    """
    machine = table.iloc[0]
    content = {
        "machine": {name: str(machine[name]) for name in MACHINE}
        | {name: format_number(machine[name]) for name in ("n_cores", "load", "n_pairs", "roofline_gflops")},
        "workloads": [
            {"workload": row["workload"], "shape": row["shape"], "bar": round(float(row["ratio"]), 2)}
            | {name: format_number(row[name]) for name in MEASURED}
            for _, row in table.iterrows()
        ],
        "scaling": [
            {
                "model": model,
                "size": size,
                "from": format_number(curve["value"].min()),
                "to": format_number(curve["value"].max()),
            }
            | {name: format_number(curve.iloc[0][name]) for name in EXPONENT}
            for (model, size), curve in scaling.groupby(["model", "size"], sort=False)
        ],
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
