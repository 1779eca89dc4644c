"""Judge every claim of the paper by the measured tables."""

from scripts.command_line import provenance, run
from scripts.reads import list_reads
from superposition.claims import CLAIMS
from superposition.claims.judging import judge_claims as judge
from superposition.storage import load_tables, save_table


def judge_claims(spec: dict, claims: str) -> None:
    measured = {name: load_tables(paths, name) for name, paths in list_reads(spec).items()}
    verdicts = judge(CLAIMS, measured, set(spec["experiments"]))
    save_table(verdicts, claims, spec["tables"]["claims"], provenance(spec))


if __name__ == "__main__":
    run(judge_claims, files=["claims"])
