"""A page of the report: all claims in one table to search, filter and sort."""

import math

from scripts.command_line import run
from scripts.pages import write_page
from superposition.reporting import VERDICTS, count_verdicts, describe_claims
from superposition.storage import load_table


def present_claims(spec: dict, claims: str, page: str, templates: list[str]) -> None:
    table = load_table(claims, "claims")
    described = describe_claims(table)
    values = iter(table["value"])  # one a part, in the order of the parts
    for claim in described:
        for part in claim["parts"]:
            value = next(values)
            part["sorting"] = "" if math.isnan(value) else repr(float(value))
    tested = {claim["section"] for claim in described}
    sections = [section for section in spec["sections"] if section["name"] in tested]
    write_page(
        page,
        templates,
        "claims.html",
        title="Every claim",
        claims=described,
        sections=sections,
        verdicts=VERDICTS,
        counts=count_verdicts(described),
    )


if __name__ == "__main__":
    run(present_claims, files=["claims", "page"], lists=["templates"])
