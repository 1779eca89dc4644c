"""Run Snakemake in a folder that no other run works in, after clearing away what a killed run has left there.

    python -m pipeline.run_alone --cores all

Every argument is Snakemake's. Where file locks do not work, or the last run was on another machine, nobody can tell
whether a lock of Snakemake is one of a live run: it then stays, and Snakemake says how to remove it.
"""

import argparse
import os
import socket
import subprocess
import sys
from pathlib import Path

from pipeline.folder_lock import HANDED_OVER, FolderLock


def run_alone(arguments: list[str]) -> None:
    """Become Snakemake, with the lock of the folder; SystemExit with one line if another run works there."""
    folder = find_folder(arguments)
    snakemake = [sys.executable, "-m", "snakemake"]
    try:
        lock = FolderLock(folder)
        alone = lock.take_alone()
    except OSError as error:
        print(f"{folder}: cannot be locked ({error.strerror}): start no second run here", file=sys.stderr)
        os.execv(sys.executable, [*snakemake, *arguments])
    if not alone:
        sys.exit(str(lock.refuse()))
    if any((folder / ".snakemake/locks").glob("*")):
        elsewhere = {host for host, _, _ in lock.holders} - {socket.gethostname()}
        if elsewhere:
            lock.release()
            sys.exit(f"{folder}: locked by a run on {', '.join(elsewhere)}: once it has ended, run snakemake --unlock")
        unlocking = subprocess.run([*snakemake, "--unlock", *arguments], stdout=subprocess.DEVNULL)
        if unlocking.returncode:
            sys.exit(unlocking.returncode)
    lock.clear_leftovers()
    lock.sign()
    os.set_inheritable(lock.file.fileno(), True)  # Snakemake itself has the lock then, and frees it when it dies
    os.environ[HANDED_OVER] = str(lock.file.fileno())
    os.execv(sys.executable, [*snakemake, *arguments])


def find_folder(arguments: list[str]) -> Path:
    """The folder that Snakemake will work in."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--directory", "-d", type=Path, default=Path())
    return parser.parse_known_args(arguments)[0].directory


if __name__ == "__main__":
    run_alone(sys.argv[1:])
