"""Steps as forks of one process that has imported what they need.

A start of Python with torch takes longer than many steps do. `start_step` hands a step to the server of the run in its
folder. The server's fork runs it where, with what and for whom it was meant, and does not outlive who asked.
It gives the same bits as a start of Python: a step whose environment is not the server's gets no fork.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import traceback
import warnings

from pipeline.start_step import ACCEPTED, address, is_ours, what_matters

PACKAGES = "superposition", "figures"  # whose modules, with all that they import, are imported beforehand
FEWEST_STEPS = 10  # that are worth a server
SWITCH = "SUPERPOSITION_FORKS"  # a variable: with 0 there is no server
WAITING = 1_000  # steps that may wait while the server imports
PR_SET_PDEATHSIG = 1  # of Linux's prctl: the signal that this process gets when its parent ends


def start_server(own: dict[str, str], n_steps: int) -> subprocess.Popen | None:
    """A server for the steps in this folder, which ends with this process; None where it is not worth its time.

    Args:
        own: the variables that steps have besides this process's
        n_steps: how many there will be
    """
    if sys.platform != "linux" or n_steps < FEWEST_STEPS or os.environ.get(SWITCH) == "0":
        return None
    server = subprocess.Popen(
        [sys.executable, "-m", "pipeline.warm_steps"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | own,
    )
    with server.stdout:
        server.stdout.readline()  # it listens: from here on steps wait for it; nothing, if it cannot
    return server


def serve() -> None:
    """Until standard input is closed, run one step for each connection, in a fork."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the keyboard's is for steps; the server ends with its run
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address())
        listener.listen(WAITING)
        print("listening", flush=True)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        gc.disable()  # searching for garbage would copy to a fork all that it shares with this process
        sys.path.pop(0)  # the folder
        import_all()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that serve a connection
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                os._exit(0)  # at once: to take down all that is imported takes a second
            connection, _ = listener.accept()
            if fork() == 0:
                break
            connection.close()
    attend(connection)


def import_all() -> None:
    for package in PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            importlib.import_module(module.name)
    importlib.import_module("numba").njit(lambda: None)()  # its first function has Numba learn what others may call


def fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which the fork does not have: it needs none
        return os.fork()


def attend(connection: socket.socket) -> None:
    """Run the step that is asked for on the connection, in a fork that ends with this process or with who asked."""
    command = receive(connection) if is_ours(connection) else None
    if command is None or what_matters(command["environment"]) != what_matters(os.environ):
        os._exit(0)
    connection.sendall(ACCEPTED)  # before there is a step: who hears nothing starts one
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ended, ends = os.pipe()  # the latter is the step's alone, and closed when it ends
    attendant, step = os.getpid(), fork()
    if step == 0:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != attendant:
            os._exit(1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        connection.close()
        os.close(ended)
        os._exit(run_step(**command))  # at once: to take down what it shares with the server would copy it first
    os.close(ends)
    ready, _, _ = select.select([connection, ended], [], [])
    if ended not in ready:
        os.kill(step, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(step, 0)[1])
    with contextlib.suppress(OSError):
        connection.sendall(bytes([code if code >= 0 else 128 - code]))  # the latter as a shell says it of a signal
    os._exit(0)


def receive(connection: socket.socket) -> dict | None:
    """The command that `start_step` sends; its standard streams take the place of ours. None if it has gone."""
    text, streams, _, _ = socket.recv_fds(connection, 1, 3)
    text += connection.makefile("rb").readline()
    if not text.endswith(b"\n"):
        return None
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


if __name__ == "__main__":
    serve()
