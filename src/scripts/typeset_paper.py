"""Collect every number that the paper quotes into one JSON file, and typeset the paper from it."""

import hashlib
import json
import platform
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

import typst

from scripts.command_line import provenance, run
from superposition.reporting import count_verdicts, describe_claims, describe_configurations
from superposition.storage import atomic_path, load_table

PACKAGES = ("torch", "numpy", "pandas", "pyarrow", "scipy", "matplotlib", "seaborn", "snakemake", "typst")


def typeset_paper(spec: dict, claims: str, numbers: str, pdf: str, figures: list[str], sources: list[str]) -> None:
    quoted = json.dumps(collect_numbers(spec, claims), indent=1, ensure_ascii=False)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "figures").mkdir()
        (root / "captions").mkdir()
        for figure in figures:
            shutil.copy(figure, root / "figures")
        for source in sources:
            shutil.copy(source, root / "captions" if source.endswith(".rst") else root)
        (root / "paper.json").write_text(quoted)
        try:
            document = typst.compile(
                str(root / "paper.typ"), root=str(root), timestamp=0, font_paths=[], ignore_system_fonts=True
            )
        except typst.TypstError as error:
            raise ValueError(f"the paper does not compile: {error.message} {error.diagnostic}") from error
    for path, content in ((numbers, quoted.encode()), (pdf, document)):
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)


def collect_numbers(spec: dict, claims: str) -> dict:
    config, described = spec["config"], describe_claims(load_table(claims, "claims"))
    canonical = json.dumps(config, sort_keys=True).encode()
    return {
        "commit": provenance(spec)["commit"],
        "config_hash": hashlib.sha256(canonical).hexdigest()[:16],
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "seeds": str(config["seeds"]),
        "counts": count_verdicts(described),
        "claims": described,
        "figures": list(config["figures"]),
        **describe_configurations(config),
    }


if __name__ == "__main__":
    run(typeset_paper, files=["claims", "numbers", "pdf"], lists=["figures", "sources"])
