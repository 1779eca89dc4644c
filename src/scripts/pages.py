"""How the pages of the report are written: Jinja templates, text escaped, pictures within, at once or not at all."""

import base64
import re
from itertools import accumulate
from pathlib import Path

import jinja2

from superposition.storage import atomic_path


def write_page(path: str, templates: list[str], template: str, **values) -> None:
    """Fill the template of that name among the files `templates`; a name without a value is an error."""
    loader = jinja2.DictLoader({Path(file).name: Path(file).read_text() for file in templates})
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = environment.get_template(template).render(**values)
    with atomic_path(path) as temporary:
        temporary.write_text(text)


def describe(caption: str) -> str:
    """For those who do not see a picture: the first sentences of its caption, until they have five words."""
    sentences = re.split(r"(?<=[.!?])\s", caption)
    beginnings = accumulate(sentences, lambda before, sentence: f"{before} {sentence}")
    return next((text for text in beginnings if len(text.split()) >= 5), caption)


def encode(path: str | Path) -> str:
    """The file in base64, as data URIs want it."""
    return base64.b64encode(Path(path).read_bytes()).decode()
