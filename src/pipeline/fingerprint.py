"""A hash of the code that a step runs: of a module and of every module of the project that it imports, in any way.

Two sources have the same fingerprint if they differ in comments, documentation strings, layout, quotes or the spelling
of a number alone; any other edit changes it. It depends on the sources only: not on where they lie, nor on the version
of Python (3.11 to 3.13 give the same). It sees neither installed packages nor data files.

Imports are read from the sources, nothing is imported: `import`, `from ... import`, relative or not, at any depth,
and `import_module` of a name written out. A step is taken to run with the source root first on the path.
"""

import ast
import functools
import hashlib
import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SILENT_FIELDS = {"ctx", "kind", "type_comment"}  # of syntax nodes: they add nothing to what the code does


class FingerprintError(ValueError):
    """A source that cannot be read or followed; one line that names the file and the line."""


class Source(NamedTuple):
    """What is kept of a parsed source: the hash of its syntax tree, the dotted names that it may import, its texts."""

    digest: str
    imports: frozenset[str]
    texts: frozenset[str]


@functools.cache
def fingerprint(module: str, source_root: str | Path) -> str:
    """The hash, 32 hexadecimal digits, of `module` ("scripts.fit_saes") and all it imports from under `source_root`.

    Sources are read once per process, so a job is planned by one state of the code even if it is edited meanwhile.
    """
    sources = _closure(module, Path(source_root).resolve())
    lines = [f"{name} {source.digest}" for name, source in sorted(sources.items())]
    return hashlib.sha256("\n".join([module, *lines]).encode()).hexdigest()[:32]


def list_closure(module: str, source_root: str | Path) -> list[str]:
    """The sorted names of `module` and of all modules under `source_root` that it imports, directly or not."""
    return sorted(_closure(module, Path(source_root).resolve()))


@functools.cache
def list_texts(module: str, source_root: str | Path) -> frozenset[str]:
    """Every text written out in `module`, or in a module of the same package that it imports, directly or not."""
    package = module.rpartition(".")[0]
    sources = _closure(module, Path(source_root).resolve()).items()
    return frozenset().union(*(source.texts for name, source in sources if name.rpartition(".")[0] == package))


@functools.cache
def _closure(module: str, root: Path) -> dict[str, Source]:
    if _find_file(module, root) is None:
        raise FingerprintError(f"there is no module {module} under {root}")
    found: dict[str, Source] = {}
    pending = [module]
    while pending:
        parts = pending.pop().split(".")
        for length in range(1, len(parts) + 1):  # importing a.b.c runs a, a.b and a.b.c
            name = ".".join(parts[:length])
            file = _find_file(name, root)
            if file is not None and name not in found:
                found[name] = _read_source(name, file, root)
                pending += found[name].imports
    return found


@functools.cache
def _find_file(module: str, root: Path) -> Path | None:
    """The file of a module, or of a package's __init__; None for names that are no module under `root`."""
    if not all(part.isidentifier() for part in module.split(".")):
        return None
    path = root.joinpath(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_name(f"{path.name}.py")) if file.is_file()), None)


@functools.cache
def _read_source(module: str, file: Path, root: Path) -> Source:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a SyntaxWarning belongs to those who run the code
            tree = ast.parse(file.read_bytes(), filename=str(file))
    except SyntaxError as error:
        place = f"{file}, line {error.lineno}" if error.lineno else f"{file}"
        raise FingerprintError(f"{place}: not valid Python ({error.msg})") from error
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise FingerprintError(f"{file}: cannot be read as Python ({error})") from error
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    texts = frozenset(node.value for node in ast.walk(tree) if _is_text(node))
    return Source(hash_tree(tree), frozenset(_imported_names(tree, package, file, root)), texts)


def _imported_names(tree: ast.AST, package: str, file: Path, root: Path) -> Iterator[str]:
    """Dotted names of what a source imports; of `from a import b` both a and a.b, since b may be a module."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                base = _absolute_name(node, package, file)
                yield base
                for alias in node.names:
                    yield from _submodules(base, root) if alias.name == "*" else [f"{base}.{alias.name}"]
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)):
                if called in ("import_module", "__import__"):
                    yield _written_name(node, file)


def _absolute_name(node: ast.ImportFrom, package: str, file: Path) -> str:
    if not node.level:
        return node.module
    parents = package.split(".") if package else []
    if node.level > len(parents):
        raise FingerprintError(f"{file}, line {node.lineno}: a relative import that leaves the source root")
    kept = parents[: len(parents) - node.level + 1]
    return ".".join([*kept, node.module] if node.module else kept)


def _written_name(call: ast.Call, file: Path) -> str:
    match call.args:
        case [ast.Constant(value=str(name))] if not call.keywords and not name.startswith("."):
            return name
    raise FingerprintError(
        f"{file}, line {call.lineno}: an import that cannot be followed, allowed is one full name written out as text"
    )


def _submodules(package: str, root: Path) -> list[str]:
    """Whatever may be a module directly in a package: `from package import *` may import any of them."""
    folder = root.joinpath(*package.split("."))
    return [f"{package}.{path.stem}" for path in folder.glob("*") if path.stem != "__init__"]


def hash_tree(tree: ast.AST) -> str:
    """The hash of a syntax tree, without what does not bear on behaviour.

    `ast.dump` differs between versions of Python, so nodes are written out here: type, then the fields that are set,
    by name. None is left out as a field but kept in a list, where {**a, "b": c} has it in the place of a key.
    """
    lines: list[str] = []
    pending: list = [tree]
    while pending:  # a stack, since an expression may be nested more deeply than Python recurses
        item = pending.pop()
        if isinstance(item, _Token):
            lines.append(item)
        elif isinstance(item, ast.AST):
            opening, fields = _layout(type(item))
            lines.append(opening)
            pending.append(_END_OF_NODE)
            for name, token in fields:
                value = _field(item, name)
                if value is not None and value != []:
                    pending += (value, token)
        elif isinstance(item, list):
            pending += [_END_OF_LIST, *reversed(item), _START_OF_LIST]
        else:
            lines.append(f"{type(item).__name__} {_spell(item)}")
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


class _Token(str):
    """Goes into the hash as it is, unlike a text of the source."""


_END_OF_NODE, _START_OF_LIST, _END_OF_LIST = _Token(")"), _Token("["), _Token("]")


@functools.cache
def _layout(kind: type[ast.AST]) -> tuple[str, list[tuple[str, _Token]]]:
    """How a node of a kind begins, and its fields as they go onto the stack: the last by name first."""
    names = sorted(set(kind._fields) - SILENT_FIELDS, reverse=True)
    return f"{kind.__name__}(", [(name, _Token(f"{name}=")) for name in names]


def _field(node: ast.AST, name: str) -> object:
    """A field of a node, without documentation strings, and with the texts of an f-string joined as far as they go."""
    value = getattr(node, name, None)
    if isinstance(node, ast.JoinedStr):
        return _join_texts(value)
    if not isinstance(value, list) or not value or not isinstance(value[0], ast.stmt):
        return value
    statements = [item for item in value if not (isinstance(item, ast.Expr) and _is_text(item.value))]
    return statements or ([] if isinstance(node, ast.Module) else [ast.Pass()])


def _join_texts(parts: list[ast.expr]) -> list[ast.expr]:
    joined: list[ast.expr] = []
    for is_text, group in itertools.groupby(parts, _is_text):
        neighbours = list(group)
        if is_text:
            text = "".join(part.value for part in neighbours)
            neighbours = [ast.Constant(text)] if text else []
        joined += neighbours
    return joined


def _is_text(node: object) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _spell(constant: object) -> str:
    return (
        hex(constant) if isinstance(constant, int) else ascii(constant)
    )  # Python refuses to print a very long integer
