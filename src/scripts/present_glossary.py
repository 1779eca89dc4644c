"""A page of the report: the questions of readers new to the field, each beside the figure that answers it."""

from pathlib import Path

from scripts.command_line import run
from scripts.pages import describe, encode, write_page


def present_glossary(spec: dict, page: str, pngs: list[str], templates: list[str]) -> None:
    pictures = {Path(png).stem: encode(png) for png in pngs}
    entries = [
        entry | {"png": pictures.get(entry["figure"]), "alt": describe(entry["caption"])} for entry in spec["entries"]
    ]
    write_page(page, templates, "glossary.html", title="Questions and answers", entries=entries)


if __name__ == "__main__":
    run(present_glossary, files=["page"], lists=["pngs", "templates"])
