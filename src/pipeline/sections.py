"""The sections of the paper, read from its sources: their order, their headings, the figures that they show."""

import re
from pathlib import Path


def list_sections(paper: Path) -> list[dict]:
    """The sections in the order of the paper, each as {name, title, figures}; those without a file are left out.

    Args:
        paper: the folder with paper.typ, which lists the names, and sections/<name>.typ
    """
    listed = re.search(r"#let sections = \((.*?)\)", (paper / "paper.typ").read_text(), re.DOTALL)
    if listed is None:
        raise ValueError(f"{paper / 'paper.typ'}: no list of sections, expected `#let sections = (...)`")
    sections = []
    for name in re.findall(r'"(\w+)"', listed[1]):
        path = paper / "sections" / f"{name}.typ"
        if path.exists():
            text = path.read_text()
            title = re.search(r"^= (.+)$", text, re.MULTILINE)
            figures = re.findall(r'#?drawn\("(\w+)"\)', text)
            sections.append({"name": name, "title": title[1].strip() if title else name, "figures": figures})
    return sections
