"""Judge every claim of the paper by the measured tables."""

import pandas as pd

from scripts.command_line import provenance, run
from superposition.claims import CLAIMS
from superposition.claims.judging import judge_claims as judge
from superposition.storage import load_tables, save_table


def judge_claims(spec: dict, claims: str, **tables: list[str]) -> None:
    measured: dict[str, pd.DataFrame] = {name: load_tables(paths, name) for name, paths in tables.items() if paths}
    verdicts = judge(CLAIMS, measured, set(spec["experiments"]))
    save_table(verdicts, claims, spec["tables"]["claims"], provenance(spec))


if __name__ == "__main__":
    tables = ["models", "features", "sets", "neurons", "dynamics", "saes", "latents", "finite_models"]
    run(judge_claims, files=["claims"], lists=tables)
