"""The sources that a step's fingerprint is taken of: all it imports, in any way, or an error that names the place."""

import pytest
from sources import FILES, write_sources

from pipeline.fingerprint import FingerprintError, fingerprint, list_closure, list_texts


@pytest.fixture
def write(tmp_path_factory):
    """Writes {path: source} to a new folder each time: sources are read once per process."""
    return lambda files: write_sources(tmp_path_factory.mktemp("src"), files)


def test_the_closure_is_what_is_imported_directly_or_not(write):
    assert list_closure("steps.fit", write(FILES)) == ["library", "library.deep", "library.helper", "steps.fit"]


def test_texts_are_those_of_the_package(write):
    files = {
        "figures/bars.py": "from figures import shared\nfrom tools import other\nx = t['a'], f'{t}b', 'c d'\n",
        "figures/shared.py": "NAMES = {'e': ('f',)}\n",
        "figures/unused.py": "NAME = 'g'\n",
        "tools/other.py": "NAME = 'h'\n",
    }
    root = write(files | {"figures/__init__.py": "", "tools/__init__.py": ""})
    assert list_texts("figures.bars", root) == {"a", "b", "c d", "e", "f"}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import a", {"a"}),
        ("import a.b.c", {"a", "a.b", "a.b.c"}),
        ("import a.b as other", {"a", "a.b"}),
        ("import numpy, a, json", {"a"}),
        ("from a import b", {"a", "a.b"}),
        ("from a.b import c", {"a", "a.b", "a.b.c"}),
        ("from a import VALUE", {"a"}),
        ("from a import *", {"a", "a.b", "a.d"}),
        ("def f():\n    from a import d", {"a", "a.d"}),
        ("if True:\n    try:\n        import a\n    except ImportError:\n        import e", {"a", "e"}),
        ("class C:\n    import e", {"e"}),
        ("x = lambda: __import__('e')", {"e"}),
        ("import importlib\nimportlib.import_module('a.b')", {"a", "a.b"}),
        ("import a.missing", {"a"}),
        ("from namespace import f", {"namespace.f"}),
        ("import namespace.f", {"namespace.f"}),
        ("import circle", {"circle", "square"}),
        ("import both", {"both"}),
        ("a = 'import e'  # import e", set()),
    ],
)
def test_every_form_of_import_is_followed(write, source, found):
    root = write(
        {
            "one.py": source,
            "a/__init__.py": "VALUE = 1",
            "a/b/__init__.py": "",
            "a/b/c.py": "",
            "a/d.py": "",
            "e.py": "",
            "namespace/f.py": "",
            "circle.py": "import square",
            "square.py": "import circle",
            "both.py": "import e",  # hidden by the package of the same name, as it is from Python
            "both/__init__.py": "",
        }
    )
    assert set(list_closure("one", root)) == {"one"} | found


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("p.q.one", "from . import two", {"p", "p.q", "p.q.two"}),
        ("p.q.one", "from .two import f", {"p", "p.q", "p.q.two"}),
        ("p.q.one", "from .. import three", {"p", "p.q", "p.three"}),
        ("p.q.one", "from ..three import f", {"p", "p.q", "p.three"}),
        ("p.q", "from . import two", {"p", "p.q", "p.q.two"}),
        ("p.q", "from .. import three", {"p", "p.q", "p.three"}),
        ("p.q", "from .two import *", {"p", "p.q", "p.q.two"}),
    ],
)
def test_relative_imports(write, module, source, found):
    files = {"p/__init__.py": "", "p/q/__init__.py": "", "p/q/two.py": "", "p/three.py": ""}
    files[f"{module.replace('.', '/')}{'/__init__' if module == 'p.q' else ''}.py"] = source
    assert set(list_closure(module, write(files))) == {module} | found


def test_the_packages_above_a_module_belong_to_it(write):
    files = {"p/__init__.py": "import e", "p/q/__init__.py": "", "p/q/one.py": "", "e.py": "X = 1"}
    assert list_closure("p.q.one", write(files)) == ["e", "p", "p.q", "p.q.one"]
    assert fingerprint("p.q.one", write(files)) != fingerprint("p.q.one", write(files | {"e.py": "X = 2"}))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1\ny = (\n", ", line 2: not valid Python ('(' was never closed)"),
        ("x = 1\n\nreturn = 2", ", line 3: not valid Python (invalid syntax)"),
        (b"# -*- coding: nowhere -*-\n", ": not valid Python (unknown encoding: nowhere)"),
        ("x = 1\nfrom .. import y", ", line 2: a relative import that leaves the source root"),
        (
            "import importlib\nimportlib.import_module(f'a.{b}')",
            ", line 2: an import that cannot be followed, allowed is one full name written out as text",
        ),
        (
            "__import__('a', fromlist=[b])",
            ", line 1: an import that cannot be followed, allowed is one full name written out as text",
        ),
        (
            "import_module('.a')",
            ", line 1: an import that cannot be followed, allowed is one full name written out as text",
        ),
    ],
)
def test_a_source_that_cannot_be_followed_is_named_in_one_line(write, source, said):
    root = write({"one.py": "import package.two", "package/two.py": source})
    with pytest.raises(FingerprintError) as caught:
        fingerprint("one", root)
    assert str(caught.value) == f"{root.resolve()}/package/two.py{said}"


@pytest.mark.parametrize("source", [b"x = '\xff'", b"x = 1\x00"])
def test_a_source_that_is_no_text_is_named_in_one_line(write, source):
    root = write({"one.py": source})
    with pytest.raises(FingerprintError, match=r"^/.*/one\.py.*not valid Python|cannot be read as Python") as caught:
        fingerprint("one", root)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("module", ["nowhere", "steps.nowhere", "", "..", "steps", "json", "steps/fit", "steps.fit.x"])
def test_a_module_that_does_not_exist(write, module):
    root = write(FILES)
    with pytest.raises(FingerprintError) as caught:
        fingerprint(module, root)
    assert str(caught.value) == f"there is no module {module} under {root.resolve()}"
