"""One page of the report: a figure, its film, and the claims that it bears on."""

import re

from scripts.command_line import provenance, run
from scripts.pages import encode, write_page
from superposition.reporting import describe_claims
from superposition.storage import load_table


def present_figure(spec: dict, png: str, claims: str, page: str, film: list[str], templates: list[str]) -> None:
    described = describe_claims(load_table(claims, "claims"))
    write_page(
        page,
        templates,
        "figure.html",
        title=spec["title"],
        caption=spec["caption"],
        alt=first_sentence(spec["caption"]),
        png=encode(png),
        film=encode(film[0]) if film else None,
        claims=[claim for claim in described if spec["figure"] in claim["figures"]],
        script=spec["script"],
        experiments=spec["experiments"],
        commit=provenance(spec)["commit"],
    )


def first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0]


if __name__ == "__main__":
    run(present_figure, files=["png", "claims", "page"], lists=["film", "templates"])
