"""The sections of the configuration that declare names, and the check that a name is declared."""

from pipeline.problems import Findings, quote, show_value, suggest

KINDS = {
    "toy_models": "toy model",
    "saes": "SAE",
    "finite_data": "finite-data experiment",
    "dictionaries": "dictionary",
}
SOURCES = {"toy_model": "toy_models", "dictionary": "dictionaries"}  # key of an SAE's source -> its section


def check_name(path: tuple, name: str | None, section: str, raw: dict) -> Findings:
    """That `section` declares `name`; passed where the name, or the section, is already a problem."""
    names = _names_in(raw, section)
    others = [other for each in KINDS if each != section for other in _names_in(raw, each) or []]
    if name is None or names is None or name in names:
        return
    kind = KINDS[section]
    plural = f"{kind.removesuffix('y')}ies" if kind.endswith("y") else f"{kind}s"
    allowed = f"allowed are the {plural} {quote(names)}" if names else f"no {kind} is declared"
    elsewhere = f"; {name!r} is declared in another section" if name in others else suggest(name, names)
    yield path, f"is {show_value(name)}: {allowed}{elsewhere}"


def _names_in(raw: dict, section: str) -> list[str] | None:
    """The names declared in a section, sound or not; None if it is no mapping, or lacks the toy model it must have."""
    block = raw.get(section) or (None if section == "toy_models" else {})
    return [name for name in block if isinstance(name, str)] if isinstance(block, dict) else None
