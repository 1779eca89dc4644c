"""One page of the report: a figure, its film, and the claims that it bears on."""

from scripts.command_line import provenance, run
from scripts.pages import describe, encode, write_page
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
        alt=describe(spec["caption"]),
        png=encode(png),
        film=encode(film[0]) if film else None,
        claims=[claim for claim in described if spec["figure"] in claim["figures"]],
        script=spec["script"],
        experiments=spec["experiments"],
        commit=provenance(spec)["commit"],
    )


if __name__ == "__main__":
    run(present_figure, files=["png", "claims", "page"], lists=["film", "templates"])
