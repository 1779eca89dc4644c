"""Whether Snakemake can tell how the results that lie in a folder were made."""

from pathlib import Path


def find_unrecorded(folder: str | Path) -> Path | None:
    """One of the results, if Snakemake has no record of any: it would take them all for those of this configuration.

    A run that was killed in its first job has noted at least that the job was not complete.
    """
    folder = Path(folder)
    for records in ("metadata", "incomplete"):
        if any(path.is_file() for path in (folder / ".snakemake" / records).rglob("*")):
            return None
    results = (path for path in (folder / "results").rglob("*") if path.is_file() and not path.name.startswith("."))
    return next((path for path in results if "logs" not in path.relative_to(folder).parts[1:2]), None)
