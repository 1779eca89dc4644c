"""Small source trees to take fingerprints of."""

from pathlib import Path

STEP = '''
"""A step."""
import numpy as np
from library import helper

SCALE = 0.001


def run(x, *, y=1):
    """Runs."""
    return helper.double(x) * SCALE + y
'''
FILES = {
    "steps/fit.py": STEP,
    "library/__init__.py": "",
    "library/helper.py": "from . import deep\n\ndef double(x):\n    return 2 * deep.same(x)\n",
    "library/deep.py": "def same(x):\n    return x\n",
    "library/unused.py": "VALUE = 1\n",
}


def write_sources(root: Path, files: dict[str, str | bytes]) -> Path:
    """Write {path below root: source}; returns `root`."""
    for path, source in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(source if isinstance(source, bytes) else source.encode())
    return root
