"""How every kernel is compiled, and where the machine code is kept."""

import atexit
import contextlib
import functools
import hashlib
import os
import shutil
import tempfile
import types
import warnings
from pathlib import Path

import numba
from filelock import FileLock
from numba.core.caching import IndexDataCacheFile, UserProvidedCacheLocator

# Sums may be reordered and fused, which vectorises them. "nnan" and "ninf" stay out: with them the compiler may assume
# that nothing ever diverges, and remove the very comparisons that carry a NaN to the loss.
FASTMATH = {"reassoc", "contract", "arcp", "nsz"}

CONSTANTS = ("optimizers.py", "saes/architecture.py")  # whose constants are compiled into kernels


def cache_folder() -> Path:
    """A folder of NUMBA_CACHE_DIR, or else of the user's cache, named after the sources of all kernels and CONSTANTS.

    Numba looks for changes only in the file of the function that it compiles, not in those of the functions that it
    calls, so without the name an edit of `sampling.py` would leave the old sampler inside a cached training step.
    Where neither can be written to, the machine code lasts as long as the process.
    """
    digest, kernels = hashlib.sha256(), Path(__file__).parent
    for source in [*sorted(kernels.glob("*.py")), *(kernels.parent / path for path in CONSTANTS)]:
        digest.update(source.read_bytes())
    try:
        parent = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(parent) / "superposition-kernels" / digest.hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except (OSError, RuntimeError):  # a read-only place, or no home
        pass
    temporary = Path(tempfile.mkdtemp(prefix="superposition-kernels-"))
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return temporary


class KernelLocator(UserProvidedCacheLocator):
    """Machine code in `cache_folder` whatever the path of the project: another copy of the same sources has it, too."""

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        return Path(py_file).parent.name


numba.config.CACHE_DIR = str(cache_folder())
numba.config.CACHE_LOCATOR_CLASSES = f"{__name__}.{KernelLocator.__name__}"

jit = functools.partial(numba.njit, cache=True, nogil=True, error_model="numpy", fastmath=FASTMATH)

# For functions of which a caller has several: a function that calls others, unless they become part of it, counts the
# references to its arrays, and that costs a small model as much as its arithmetic.
jit_inlined = functools.partial(jit, forceinline=True)


@contextlib.contextmanager
def _alone(name: str):
    """One process at a time, where there are locks."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError, NotImplementedError):
            stack.enter_context(FileLock(Path(numba.config.CACHE_DIR) / f"{name}.lock"))
        yield


def _save_alone(file, key, data, save=IndexDataCacheFile.save) -> None:
    """Numba reads an index, chooses a name that is not in it, and writes both: of two processes that did so at once,
    one would find the other's machine code under its own name."""
    with _alone("saving"):
        save(file, key, data)


IndexDataCacheFile.save = _save_alone


def call(kernel, *arguments):
    """kernel(*arguments), by machine code from the cache even where nothing is in it yet.

    The process that compiles a function has its callees in memory twice, compiled by themselves and as part of it, and
    runs the former; processes that load it from the cache run the latter, whose sums may be added up in another order.
    So another process compiles. Each kernel once: jobs that start together wait for the first that needs it.
    """
    signature = tuple(map(kernel.typeof_pyval, arguments))
    if signature not in kernel.overloads and hasattr(os, "fork") and not _is_kept(kernel, signature):
        with _alone(f"compiling {kernel.py_func.__module__}.{kernel.py_func.__qualname__}"):
            if not _is_kept(kernel, signature):
                _compile_elsewhere(kernel, signature)
    return kernel(*arguments)


def _is_kept(kernel, signature: tuple) -> bool:
    return kernel._cache.load_overload(signature, kernel.targetctx) is not None


def _compile_elsewhere(kernel, signature: tuple) -> None:
    """Compile into the cache, in a copy of this process. Should that fail, this one compiles when it calls."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which the copy does not have: it needs none
        child = os.fork()
    if child == 0:
        try:
            kernel.compile(signature)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def specialise(function, name: str, compiler=jit, **called):
    """A copy of `function`, compiled with `called` in place of the globals of these names, and cached under `name`.

    Functions that are handed over as arguments or in a closure would serve too, but Numba would compile them anew in
    every process: it finds no machine code again that depends on them.
    """
    own = types.FunctionType(function.__code__, function.__globals__ | called)
    own.__qualname__ = f"{function.__qualname__}_{name}"
    return compiler(own)
