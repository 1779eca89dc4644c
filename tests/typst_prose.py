"""The prose of a Typst file: what is left without code, formulas, raw text, labels, citations and comments."""

import re

SKIPPED = re.compile(
    r"(?P<comment>(?<!:)//[^\n]*)|(?P<raw>`[^`]*`)|(?P<formula>\$[^$]*\$)|(?P<reference>@[\w-]+)|(?P<label><[\w-]+>)"
    r"|(?P<year>et al\.,? \(?\d{4}\)?)"
)
VALUE = re.compile(r"\$\w+ = -?[\d.]+\$")  # a formula that does nothing but give a number is prose
STATEMENT = re.compile(r"#(let|set|show|import|include|for|if|while|context)\b|else\b")
CALL = re.compile(r"#[\w-]+(\.[\w-]+)*")
CLOSING = {"(": ")", "{": "}", "[": "]"}


def prose_of(text: str) -> str:
    """The markup of a file and of the content blocks in its code."""
    return _read_markup(text, 0)[0]


def _read_markup(text: str, at: int) -> tuple[str, int]:
    """Prose from a place to the bracket that closes its block, and the place after that."""
    prose = ""
    while at < len(text) and text[at] != "]":
        if skipped := SKIPPED.match(text, at):
            prose += skipped[0] if VALUE.fullmatch(skipped[0]) else " "
            at = skipped.end()
        elif statement := STATEMENT.match(text, at) if text[at] == "#" else None:
            found, at = _read_code(text, statement.end(), ends_at_line=True)
            prose += f" {found}"
        elif text[at] == "#":
            called = CALL.match(text, at)
            at = called.end() if called else at + 1
            while at < len(text) and (text[at] in "([{" or re.match(r"\.\w+\(", text[at:])):
                at = text.index("(", at) if text[at] == "." else at
                found, at = _read_block(text, at)
                prose += f" {found}"
        elif text[at] == "[":
            found, at = _read_block(text, at)
            prose += found
        else:
            prose += text[at]
            at += 1
    return prose, at + 1


def _read_block(text: str, at: int) -> tuple[str, int]:
    if text[at] == "[":
        return _read_markup(text, at + 1)
    return _read_code(text, at + 1, closing=CLOSING[text[at]])


def _read_code(text: str, at: int, closing: str = "", ends_at_line: bool = False) -> tuple[str, int]:
    """The prose in the content blocks of code, up to its closing bracket; a statement's also up to the end of its line,
    and only to the end of its last content block where text follows it."""
    prose = ""
    while at < len(text) and text[at] != closing:
        if ends_at_line and text[at] in "\n]":
            return prose, at
        if text[at] == '"':
            at = re.compile(r'"(\\.|[^"\\])*"').match(text, at).end()
        elif skipped := re.compile(r"//[^\n]*").match(text, at):
            at = skipped.end()
        elif text[at] in CLOSING:
            is_content = text[at] == "["
            found, at = _read_block(text, at)
            prose += f" {found}"
            if ends_at_line and is_content and not re.match(r"\s*(else|\.\w|\+)", text[at:]):
                return prose, at
        else:
            at += 1
    return prose, at + 1
