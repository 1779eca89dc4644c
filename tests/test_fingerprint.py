"""A fingerprint changes with the code that a step runs, and with nothing else."""

import ast
import subprocess
import sys
import textwrap

import pytest
from configurations import ROOT
from sources import FILES, STEP, write_sources

from pipeline.fingerprint import fingerprint, hash_tree, list_closure


@pytest.fixture
def write(tmp_path_factory):
    """Writes {path: source} to a new folder each time: sources are read once per process."""
    return lambda files: write_sources(tmp_path_factory.mktemp("src"), files)


def of_source(write, source):
    return fingerprint("one", write({"one.py": textwrap.dedent(source)}))


# --- what does not change it ---


@pytest.mark.parametrize(
    "edited",
    [
        {"steps/fit.py": STEP + "# a comment\n"},
        {"steps/fit.py": STEP.replace('"""A step."""', '"""Another text."""')},
        {"steps/fit.py": STEP.replace('"""A step."""\n', "")},
        {"steps/fit.py": STEP.replace('    """Runs."""\n', "")},
        {"steps/fit.py": STEP.replace("SCALE = 0.001", "SCALE = 1e-3")},
        {"steps/fit.py": STEP.replace("SCALE = 0.001", 'SCALE = 0.001\n"""The scale."""')},
        {"steps/fit.py": STEP.replace("x, *, y=1", "\n    x,\n    *,\n    y=1,\n")},
        {"steps/fit.py": STEP.replace("helper.double(x) * SCALE + y", "((helper.double(x)) * SCALE) + y")},
        {"steps/fit.py": STEP.replace("\n", "\r\n")},
        {"steps/fit.py": STEP.replace("    ", "\t")},
        {"steps/fit.py": "\ufeff" + STEP},
        {"library/__init__.py": '"""The library."""\n'},
        {"library/unused.py": "VALUE = 2\n"},
        {"library/new.py": "VALUE = 2\n"},
        {"library/data.json": "{}"},
    ],
)
def test_what_does_not_bear_on_the_code_leaves_it_alone(write, edited):
    assert fingerprint("steps.fit", write(FILES | edited)) == fingerprint("steps.fit", write(FILES))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 'a'", 'x = "a"'),
        ("x = 'a' 'b'", "x = 'ab'"),
        ("x = 1_000", "x = 1000"),
        ("x = 0xff", "x = 255"),
        ("x = u'a'", "x = 'a'"),
        ("x = f'a{y}' 'b'", "x = f'a{y}b'"),
        ("x = f'a' f'{y}'", "x = f'a{y}'"),
        ("x = (1, 2)", "x = 1, 2"),
        ("x = [\n  1,\n  2,\n]", "x = [1, 2]"),
        ("if a: b()\nelif c: d()", "if a:\n    b()\nelse:\n    if c:\n        d()"),
        ("x = 1  # type: int", "x = 1"),
        ("def f():\n    pass", "def f():\n    'Documented.'"),
        ("class C:\n    'Documented.'\n    x = 1", "class C:\n    x = 1"),
        ("async def f():\n    'Documented.'\n    return 1", "async def f():\n    return 1"),
    ],
)
def test_two_spellings_of_the_same_code(write, one, other):
    assert of_source(write, one) == of_source(write, other)


def test_it_does_not_depend_on_where_the_sources_are_or_how_they_are_named(write, monkeypatch):
    root = write(FILES)
    expected = fingerprint("steps.fit", write(FILES))
    monkeypatch.chdir(root.parent)
    assert fingerprint("steps.fit", root.name) == fingerprint("steps.fit", str(root)) == expected


# --- what does change it ---


@pytest.mark.parametrize(
    "edited",
    [
        {"steps/fit.py": STEP.replace("0.001", "0.002")},
        {"steps/fit.py": STEP.replace("0.001", "1")},
        {"steps/fit.py": STEP.replace("y=1", "y=1.0")},
        {"steps/fit.py": STEP.replace("y=1", "y=True")},
        {"steps/fit.py": STEP.replace("y=1", "y: int = 1")},
        {"steps/fit.py": STEP.replace("import numpy as np\n", "")},
        {"steps/fit.py": STEP + "raise SystemExit\n"},
        {"library/__init__.py": "VALUE = 1\n"},
        {"library/helper.py": FILES["library/helper.py"].replace("2", "3")},
        {"library/deep.py": "def same(x):\n    return -x\n"},
        {"numpy.py": "a_module_of_our_own_that_hides_the_installed = 1"},
    ],
)
def test_every_change_of_code_is_seen(write, edited):
    assert fingerprint("steps.fit", write(FILES | edited)) != fingerprint("steps.fit", write(FILES))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = ['a', 'b']", "x = ['ab']"),
        ("x = ['a', 'b']", "x = ['a,b']"),
        ("x = 'a'", "x = b'a'"),
        ("x = 'str 1'", "x = 1"),
        ("x = 1", "x = True"),
        ("x = 1", "x = 1.0"),
        ("x = 1.0", "x = 1j"),
        ("x = None", "x = ..."),
        ("x = None", "x = 'None'"),
        ("x = {**a, 'b': c}", "x = {'b': a, **c}"),  # None stands for a key
        ("def f(*, a, b=1): 0", "def f(*, a=1, b): 0"),  # None stands for a default
        ("x = y[1:]", "x = y[:1]"),
        ("x = y[1]", "x = y[1:]"),
        ("f(a, *b)", "f(*a, b)"),
        ("f(a=1)", "f(1)"),
        ("x = f'{y}'", "x = f'{y!r}'"),
        ("x = f'{y:.2f}'", "x = f'{y:.3f}'"),
        ("x = f'a{y}'", "x = f'{y}a'"),
        ("x = f'{y}'", "x = '{y}'"),
        ("x = 'a\\nb'", "x = 'a\\n\\nb'"),
        ("x = 'Y(\\n'", "x = 'Y('"),
        ("if a:\n    b()\nc()", "if a:\n    b()\n    c()"),
        ("try:\n    a()\nexcept E:\n    pass", "try:\n    a()\nexcept* E:\n    pass"),
        ("for x in y:\n    a()\nelse:\n    pass", "for x in y:\n    a()"),
        ("def f(): return 1", "async def f(): return 1"),
        ("def f(): return 1", "def f() -> int: return 1"),
        ("@a\n@b\ndef f(): 0", "@b\n@a\ndef f(): 0"),
        ("import a, b", "import b, a"),
        ("x = (yield)", "x = None"),
        ("x = a if b else c", "x = c if b else a"),
        ("x: int = 1", "x = 1"),
        ("x: int", "(x): int"),
        ("match x:\n    case None: pass", "match x:\n    case True: pass"),
        ("match x:\n    case [a, *_]: pass", "match x:\n    case [a, _]: pass"),
        ("x = b'doc'\nb'doc'", "x = b'doc'"),  # only texts are documentation
    ],
)
def test_two_codes_that_look_alike(write, one, other):
    assert of_source(write, one) != of_source(write, other)


def test_the_name_of_a_module_counts(write):
    one = write({"one.py": "import two", "two.py": "", "three.py": ""})
    other = write({"one.py": "import three", "two.py": "", "three.py": ""})
    assert fingerprint("one", one) != fingerprint("one", other)
    assert fingerprint("two", one) != fingerprint("three", one)


def test_modules_that_import_each_other_differ(write):
    root = write({"one.py": "import two", "two.py": "import one"})
    assert list_closure("one", root) == list_closure("two", root) == ["one", "two"]
    assert fingerprint("one", root) != fingerprint("two", root)


# --- across versions and processes ---

SAMPLE = '''
from __future__ import annotations
"""Documented."""
import os.path as p

@decorated(1, *a, k=None, **b)
class C(B, metaclass=M):
    x: int = 1_000

    async def f(self, /, y, *z, w: float = 1e-3, **v) -> None:
        """Documented."""
        async with y as (q, r), z:
            yield [i async for i in y if i if not i]
        return

def g(x, lengthy={**{}, "k": ...}):
    match x:
        case {"a": [1, *rest], **others} | C(x=0, y=None) if rest: return f"a{x!r:>{x}}" f"{x=}" "é" rb"\\x00"[::2]
        case _: del x[1:, ...]
    try: x = (y := -1.5e300j) @ +2 // ~3 if 1 < x <= 2 is not None else lambda *, k=0: (yield from k)
    except* E as e: raise X from e
    while True: break
    else: global z; nonlocal_ = not x
    return f"{x:}" f"" f"{f'{x}'}{{}}"
'''.replace('"é" rb', '"é", rb')


def test_it_is_the_same_for_every_version_of_python(write):
    # computed alike with Python 3.11.7, 3.12.1 and 3.13.0
    assert of_source(write, SAMPLE) == "c64f428c678fdbdab6f9935f52e2d34a"


def test_texts_of_an_f_string_count_as_one():
    # Python 3.12.1 parses f"{x:}" and f"a{x:}b" with empty and with separate texts where others do not
    one, other, empty = (ast.Constant(text) for text in ("a", "b", ""))
    assert hash_tree(ast.JoinedStr([one, empty, other])) == hash_tree(ast.JoinedStr([ast.Constant("ab")]))
    assert hash_tree(ast.JoinedStr([empty])) == hash_tree(ast.JoinedStr([]))
    assert hash_tree(ast.List([one, other])) != hash_tree(ast.List([ast.Constant("ab")]))


def test_another_process_agrees(write):
    root = write(FILES)
    code = f"from pipeline.fingerprint import fingerprint; print(fingerprint('steps.fit', {str(root)!r}))"
    environment = {"PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": "7"}
    printed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == fingerprint("steps.fit", root)


def test_sources_are_read_once_per_process(write):
    root = write(FILES)
    before = fingerprint("steps.fit", root)
    (root / "library" / "deep.py").write_text("def same(x): return 0\n")
    assert fingerprint("steps.fit", root) == before


def test_an_expression_that_is_deeply_nested(write):
    source = "x = " + " + ".join(["1"] * 900)  # more levels than two calls each could follow
    assert of_source(write, source) != of_source(write, source + " + 1")


def test_the_projects_own_steps_have_fingerprints():
    steps = sorted(path.stem for path in (ROOT / "src" / "scripts").glob("[!_]*.py"))
    prints = {fingerprint(f"scripts.{step}", ROOT / "src") for step in steps}
    assert len(prints) == len(steps) > 0
