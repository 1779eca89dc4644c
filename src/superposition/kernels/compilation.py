"""How every kernel is compiled, and where the machine code is kept."""

import functools
import hashlib
import os
import tempfile
import types
from pathlib import Path

import numba

# Sums may be reordered and fused, which vectorises them. "nnan" and "ninf" stay out: with them the compiler may assume
# that nothing ever diverges, and remove the very comparisons that carry a NaN to the loss.
FASTMATH = {"reassoc", "contract", "arcp", "nsz"}


def cache_folder() -> Path:
    """A folder of NUMBA_CACHE_DIR, or else of the user's cache, named after the sources of all kernels.

    Numba looks for changes only in the file of the function that it compiles, not in those of the functions that it
    calls, so without the name an edit of `sampling.py` would leave the old sampler inside a cached training step.
    """
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    parent = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(parent) / "superposition-kernels" / digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # no home, or a read-only one
        return Path(tempfile.gettempdir()) / f"superposition-kernels-{os.getuid()}" / digest.hexdigest()[:16]
    return folder


numba.config.CACHE_DIR = str(cache_folder())

jit = functools.partial(numba.njit, cache=True, nogil=True, error_model="numpy", fastmath=FASTMATH)

# For functions that a small model spends little time in: calls between compiled functions count array references, which
# costs as much as a short row's arithmetic.
jit_inlined = functools.partial(jit, forceinline=True)


def specialise(function, name: str, **called):
    """A copy of `function`, compiled with `called` in place of the globals of these names, and cached under `name`.

    Functions that are handed over as arguments or in a closure would serve too, but Numba would compile them anew in
    every process: it finds no machine code again that depends on them.
    """
    own = types.FunctionType(function.__code__, function.__globals__ | called)
    own.__qualname__ = f"{function.__qualname__}_{name}"
    return jit(own)
