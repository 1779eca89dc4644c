"""YAML files, read strictly: a key that stands twice in one mapping is an error, where YAML readers keep the last."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from pipeline.problems import ConfigurationError, show_path

LONGEST_REASON = 200  # characters
DEEPEST_IN_C = 50  # mappings and lists within each other


def load_yaml(path: str | Path) -> Any:
    """What the file holds (None if nothing); ConfigurationError, one line per problem, if it cannot be read."""
    loader, root = _compose(path)
    duplicates = _list_duplicates(path, root)
    if duplicates:
        raise ConfigurationError("\n".join(duplicates))
    try:
        return loader.construct_document(root) if root else None
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError(_place(path, error)) from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # PyYAML leaves values that its own tags refuse, such as the date 2024-99-99, to Python's exceptions
        raise ConfigurationError(
            f"{path}: a value is not what it looks like or is tagged as ({_show(error)})"
        ) from error


def find_duplicate_keys(path: str | Path) -> list[str]:
    """One line for every key that repeats an earlier one of its mapping; ConfigurationError if the file is no YAML."""
    return _list_duplicates(path, _compose(path)[1])


def _compose(path: str | Path) -> tuple[Any, yaml.Node | None]:
    """The loader that read the file, and the nodes that it made of it (None if it holds nothing)."""
    text = _read(path)
    try:
        if _suits_c(text):
            with contextlib.suppress(yaml.YAMLError):  # the loader in Python has the clearer messages
                loader = yaml.CSafeLoader(text)
                return loader, loader.get_single_node()
        loader = yaml.SafeLoader(text)
        return loader, loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError(_place(path, error)) from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: not valid YAML ({_show(error)})") from error
    except RecursionError as error:
        raise ConfigurationError(f"{path}: nested too deeply to be a configuration") from error


def _suits_c(text: str) -> bool:
    """Whether PyYAML has its loader in C, eight times as fast, and it reads this: deep nesting overflows its stack."""
    if not hasattr(yaml, "CSafeLoader"):
        return False
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST_IN_C:
                return False
    except yaml.YAMLError:
        return False
    return True


def _list_duplicates(path: str | Path, root: yaml.Node | None) -> list[str]:
    return [f"{path}, {line}" for line in _find_duplicates(root, (), set())] if root else []


def _find_duplicates(node: yaml.Node, path: tuple, visited: set[int]) -> Iterator[str]:
    if id(node) in visited:  # an alias: its anchor was looked at, and it may contain itself
        return
    visited.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _find_duplicates(item, path, visited)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[tuple[str, str], int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        name = key.value if isinstance(key, yaml.ScalarNode) else "?"
        if (key.tag, name) in lines:
            first = lines[key.tag, name]
            yield f"line {line}: {show_path((*path, name))} is given again, first on line {first}: allowed is once"
        elif isinstance(key, yaml.ScalarNode):
            lines[key.tag, name] = line
        yield from _find_duplicates(value, (*path, name), visited)


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigurationError(f"{path}: cannot be read ({reason})") from error


def _place(path: str | Path, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"{path}{place}: not valid YAML ({_show(error.problem or error.context)})"


def _show(reason: Any) -> str:
    """What PyYAML or Python says, which may quote the file, on one line of bounded length."""
    line = " ".join(str(reason).split())[:LONGEST_REASON]
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
