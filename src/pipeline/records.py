"""Whether Snakemake can tell how the results that lie in a folder were made."""

import os
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

# How the names of what no rule makes begin
MADE_OTHERWISE = ("logs", "checkpoints", "benchmark", "scaling", "report.html")


def find_unrecorded(folder: str | Path) -> Path | None:
    """One of the results that Snakemake has no record of: it would take it for that of this configuration.

    A run that was killed in a job has noted at least that the job was not complete.
    """
    folder = Path(folder)
    records = folder / ".snakemake"
    for path in _list_visible(folder / "results"):
        name = path.relative_to(folder)
        if name.parts[1].startswith(MADE_OTHERWISE) or not path.is_file():
            continue
        # in the order in which a run that is at work may remove the one: it has written the other by then
        if not any((records / kind / _encode(name, records)).is_file() for kind in ("incomplete", "metadata")):
            return path
    return None


def _list_visible(folder: Path) -> Iterator[Path]:
    """The files below a folder but hidden ones; a run that is at work may take folders away meanwhile."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(files) if not name.startswith("."))


def _encode(name: Path, folder: Path) -> Path:
    """Where Snakemake keeps the record of a file: its name in base 64, in folders where that is too long for one."""
    longest = (os.pathconf(folder, "PC_NAME_MAX") if folder.is_dir() else 255) - 1
    text = urlsafe_b64encode(str(name).encode()).decode()
    parts = [text[i : i + longest] for i in range(0, len(text), longest)]
    return Path(*(f"@{part}" for part in parts[:-1]), parts[-1])
