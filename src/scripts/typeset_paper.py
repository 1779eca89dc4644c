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
from scripts.packing import unpack
from superposition.dictionary_methods import describe_dictionaries
from superposition.finite_data_methods import describe_finite_data
from superposition.methods import describe_configurations
from superposition.reporting import count_verdicts, describe_claims, describe_values
from superposition.storage import atomic_path, load_table

PARTS = ("captions", "sections")  # folders of the paper's sources
PACKAGES = (
    "torch",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "matplotlib",
    "scikit-learn",
    "seaborn",
    "numba",
    "snakemake",
    "typst",
)


def typeset_paper(spec: dict, claims: str, numbers: str, pdf: str, figures: list[str], sources: list[str]) -> None:
    quoted = json.dumps(collect_numbers(spec, claims) | list_parts(sources), indent=1, ensure_ascii=False)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for kind in (*PARTS, "figures"):
            (root / kind).mkdir()
        for figure in figures:
            shutil.copy(figure, root / "figures")
        for source in sources:
            kind = Path(source).parent.name
            shutil.copy(source, root / kind if kind in PARTS else root)
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


def list_parts(sources: list[str]) -> dict[str, list[str]]:
    """The captions, sections and published measurements that there are, by name: Typst cannot look for files."""
    paths = [Path(source) for source in sources]
    parts = {part: sorted(path.stem for path in paths if path.parent.name == part) for part in PARTS}
    return parts | {"published": sorted(path.stem for path in paths if path.suffix == ".json")}


def collect_numbers(spec: dict, claims: str) -> dict:
    config, described = unpack(spec["packed_config"]), describe_claims(load_table(claims, "claims"))
    canonical = json.dumps(config, sort_keys=True).encode()
    return {
        "commit": provenance(spec)["commit"],
        "config_hash": hashlib.sha256(canonical).hexdigest()[:16],
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "seeds": describe_values(config["seeds"]),
        "counts": count_verdicts(described),
        "claims": described,
        "figures": list(config["figures"]),
        **describe_configurations(config),
        **describe_finite_data(config),
        **describe_dictionaries(config),
    }


if __name__ == "__main__":
    run(typeset_paper, files=["claims", "numbers", "pdf"], lists=["figures", "sources"])
