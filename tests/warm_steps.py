"""Steps of a test's run as forks of one process that has imported what they need.

Most steps of the tiny twin do less than a start of Python with torch costs. Bash reads the file that BASH_ENV names
before a job's command, and finds a function there in the place of `env`, with which every command of a step begins. It
hands the command to the process, whose fork runs the step where, with what and for whom it was meant.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "superposition"  # whose modules, with all that they import, are imported beforehand
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@contextlib.contextmanager
def serve_steps(source: Path) -> Iterator[dict[str, str]]:
    """While the context lasts, steps whose modules lie in `source` are run if their shell has the variables given.

    What is still running in the end is killed.
    """
    with tempfile.TemporaryDirectory() as folder:
        address, functions = f"{folder}/socket", Path(folder, "functions.sh")
        client = shlex.join([sys.executable, "-I", "-S", __file__, "run", address])
        functions.write_text(f'env() {{ {client} "$@"; }}\n', encoding="utf-8")
        server = subprocess.Popen(
            [sys.executable, __file__, "serve", address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | ONE_THREAD | {"PYTHONPATH": str(source), "PYTHONHASHSEED": "0"},
            process_group=0,
        )
        with server:  # which closes its pipes, and waits for it
            try:
                assert server.stdout.readline() == b"ready\n"
                yield {"BASH_ENV": str(functions)}
            finally:
                os.killpg(server.pid, signal.SIGKILL)


def serve(address: str) -> None:
    """Until standard input is closed, run one step for each connection, in a fork."""
    gc.disable()  # searching for garbage would copy to a fork all that it shares with this process
    sys.path.pop(0)  # the tests
    for module in pkgutil.walk_packages(importlib.import_module(PACKAGE).__path__, f"{PACKAGE}."):
        importlib.import_module(module.name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that serve a connection
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _ = listener.accept()
            if fork() == 0:
                break
            connection.close()
    command = receive(connection)  # from here on in the fork
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    step = fork()
    if step:
        code = os.waitstatus_to_exitcode(os.waitpid(step, 0)[1])
        connection.sendall(bytes([code if code >= 0 else 128 - code]))  # the latter as a shell says it of a signal
        os._exit(0)
    connection.close()
    os._exit(run_step(**command))  # at once: to take down what it shares with the server would copy that first


def fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which the fork does not have: it needs none
        return os.fork()


def receive(connection: socket.socket) -> dict:
    """The command that `run` sends; its standard streams take the place of ours."""
    text, streams, _, _ = socket.recv_fds(connection, 1, 3)
    text += connection.makefile("rb").readline()
    for ours, theirs in enumerate(streams):
        os.dup2(theirs, ours)
        os.close(theirs)
    return json.loads(text)


def run_step(arguments: list[str], folder: str, environment: dict[str, str]) -> int:
    """What `python -m module options` does in this folder and environment; its exit code."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path.insert(0, folder)
    module, *options = arguments
    sys.argv = ["-m", *options]
    code = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def run(address: str, *command: str) -> int:
    """Have `NAME=value ... python -m module options` run by the server; the exit code."""
    values = dict(word.split("=", 1) for word in command[: command.index("-m") - 1])
    arguments = list(command[command.index("-m") + 1 :])
    request = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ) | values}
    text = json.dumps(request).encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [text[:1]], [0, 1, 2])
        server.sendall(text[1:])
        code = server.recv(1)
    return code[0] if code else 1


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", address]:
            serve(address)
        case ["run", address, *command]:
            sys.exit(run(address, *command))
