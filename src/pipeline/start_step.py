"""Start a step where it costs least: `python -I -S start_step.py -m module options`, in the folder of a run.

A fork of the run's server does what `python -m module options` would do, see `pipeline.warm_steps`. Where there is no
server, or one that is not what this process would be, Python starts anew. Nothing is imported here that is not needed:
this, too, is a start of Python.
"""

import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Mapping

# Variables that the shell of a step sets, or Snakemake for what steps read when they need it or not at all.
INCIDENTAL = {"_", "OLDPWD", "PWD", "SHLVL", "TEMP", "TEMPDIR", "TMP", "TMPDIR"}
INCIDENTAL |= {"GOTO_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"}
ACCEPTED = b"+"
RUN = "SUPERPOSITION_RUN"  # a variable: which of the runs in a folder, each with its own state of the code


def address() -> str:
    """The name, in no file system, at which the server of this run in this folder listens."""
    folder = os.stat(".")
    return f"\0superposition {folder.st_dev} {folder.st_ino} {os.environ.get(RUN)}"


def what_matters(environment: Mapping[str, str]) -> dict[str, str]:
    """What makes one Python unlike another: threads, memory, modules, and a cluster's or container's variables."""
    return {name: value for name, value in environment.items() if name not in INCIDENTAL}


def is_ours(connection: socket.socket) -> bool:
    """Whether the other end belongs to this user; anyone may listen, or call, at a name in no file system."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return struct.unpack("3i", credentials)[1] == os.getuid()


def run_as_fork(arguments: list[str]) -> int | None:
    """The exit code of the step, as a shell says it; None if no server takes it."""
    request = json.dumps({"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)})
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address())
            if not is_ours(connection):
                return None
            text = request.encode() + b"\n"
            socket.send_fds(connection, [text[:1]], [0, 1, 2])
            connection.sendall(text[1:])
            if connection.recv(1) != ACCEPTED:
                return None
        except OSError:
            return None
        code = connection.recv(1)
    return code[0] if code else 128 + signal.SIGKILL


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    arguments = sys.argv[2:]
    code = run_as_fork(arguments) if sys.platform == "linux" else None
    if code is None:
        os.execv(sys.executable, [sys.executable, "-m", *arguments])
    sys.exit(code)


if __name__ == "__main__":
    main()
