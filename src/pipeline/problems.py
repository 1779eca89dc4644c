"""What is wrong with a configuration, one line per problem: where, what was found, what is allowed."""

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

LONGEST_TEXT = 60  # characters of a value that are shown
Findings = Iterator[tuple[tuple, str]]  # path below the part or block that is checked, text


class ConfigurationError(ValueError):
    """A configuration that cannot be used; its text is one line per problem, in the order of the file."""


class Index(int):
    """A place in a list, as distinct from an integer used as a key."""


class Problem(NamedTuple):
    """One line of a ConfigurationError: the keys and Indices that lead to the place, and what is said of it."""

    path: tuple
    text: str

    def __str__(self) -> str:
        return f"{show_path(self.path)} {self.text}"


def sort_problems(problems: Iterable[Problem], raw: Any) -> list[Problem]:
    """`problems` in the order of their places in `raw`; a key that is not there counts as the last of its parent."""

    def position(problem: Problem) -> tuple:
        indices, value = [], raw
        for step in problem.path:
            if isinstance(value, dict) and step in value:
                indices.append(list(value).index(step))
                value = value[step]
            elif isinstance(value, list) and isinstance(step, Index):
                indices.append(step)
                value = value[step]
            else:
                indices.append(len(value) if isinstance(value, dict) else 0)
                value = None
        return (*indices, -1), problem.text

    return sorted(problems, key=position)


def show_path(path: tuple) -> str:
    """toy_models.five_in_two.sweep.learning_rate[2]"""
    shown = ""
    for step in path:
        if isinstance(step, str):
            shown += "." + (step if re.fullmatch(r"[\w-]{1,64}", step, re.ASCII) else show_value(step))
        elif isinstance(step, Index):
            shown += f"[{step}]"
        else:
            shown += "." + show_value(step)
    return shown.removeprefix(".") or "the configuration"


def show_value(value: Any) -> str:
    """`value` in a few words on one line, however large it is."""
    match value:
        case None:
            return "empty (null)"
        case bool():
            return str(value).lower()
        case int():
            return str(int(value)) if value.bit_length() < 128 else f"an integer of {value.bit_length()} bits"
        case float():
            return repr(float(value))
        case str():
            return repr(value[:LONGEST_TEXT]) + ("..." if len(value) > LONGEST_TEXT else "")
        case dict():
            return "a mapping" if value else "an empty mapping"
        case list():
            return "a list" if value else "an empty list"
        case _:
            return f"a {type(value).__name__}"


def suggest(word: Any, options: Iterable) -> str:
    """ "; did you mean 'steps'?" if `word` is close to one of `options`, else nothing."""
    if not isinstance(word, str):
        return ""
    texts = [option for option in options if isinstance(option, str)]
    close = difflib.get_close_matches(word[:LONGEST_TEXT].lower(), texts, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def quote(options: Iterable[str]) -> str:
    """'adam', 'adamw'"""
    return ", ".join(map(repr, options))
