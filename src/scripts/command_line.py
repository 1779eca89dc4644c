"""The command line that every step shares: a specification, and one option per file it reads or writes.

A step is a function `step(spec, <paths by name>)`. Snakemake prints the command it runs, so each step can be repeated
by hand from that line.
"""

import argparse
import gc
import hashlib
import json
import os
import sys
from collections.abc import Callable


def run(
    step: Callable, files: list[str], lists: list[str] | None = None, gpu: bool = False, name: str | None = None
) -> None:
    """Parse the command line, call `step`, ending with one line and exit code 1 on an error that users can mend.

    Args:
        files: names of the options that take one path; lists: those that take any number
        gpu: whether the step takes `gpus`, the number of GPU slots that it was given
        name: what the step is called in an error; the function's own name unless given
    """
    parser = argparse.ArgumentParser(description=step.__doc__)
    parser.add_argument("--spec", type=json.loads, required=True, help="what to do, as JSON")
    for option in files:
        parser.add_argument(f"--{option}", required=True)
    for option in lists or []:
        parser.add_argument(f"--{option}", nargs="*", default=[])
    if gpu:
        parser.add_argument("--gpus", type=int, default=0)
    gc.freeze()  # the modules stay: searching them for garbage, above all at exit, takes a fifth of a short job
    gc.enable()  # which the package turned off for the imports
    try:
        step(**vars(parser.parse_args()))
    except (ValueError, FloatingPointError, OSError) as error:
        sys.exit(f"{name or step.__name__}: {error}")


def provenance(spec: dict) -> dict[str, str]:
    """What a result says of its origin: the commit, and the hash of the specification (configuration, code, seed)."""
    canonical = json.dumps(spec, sort_keys=True).encode()
    return {
        "commit": os.environ.get("SUPERPOSITION_COMMIT", "unknown"),
        "config": hashlib.sha256(canonical).hexdigest()[:16],
    }
