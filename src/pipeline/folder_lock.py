"""Which run works in a folder: a file lock that dies with its run, beside Snakemake's own lock, which outlives it.

Plain runs share the folder as far as Snakemake lets them; `make paper` has it to itself, and may therefore clear away
what a killed run has left.
"""

import errno
import fcntl
import os
import socket
import sys
from pathlib import Path

from pipeline.leftovers import cancel_slurm_jobs, end_jobs, remove_temporary_files

LOCK_FILE = ".snakemake/run.lock"
HANDED_OVER = "SUPERPOSITION_LOCK"  # environment variable: the file descriptor of a lock taken before Snakemake started


class FolderHeldError(Exception):
    """A run cannot work in the folder, because another does or it cannot be written to; one line that says so."""


class FolderLock:
    """The lock of one folder, kept until it is released or its process ends.

    The operating system frees it when the process dies, and on a network file system keeps it for all machines. The
    file says who had it last: a line "host pid group" for each run.
    """

    def __init__(self, folder: str | Path, descriptor: int | None = None):
        self.folder = Path(folder).resolve()
        path = self.folder / LOCK_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("a+") if descriptor is None else os.fdopen(descriptor, "a+")
        self._read_holders()

    def _read_holders(self) -> None:
        self.file.seek(0)
        lines = [line.split() for line in self.file]
        whole = [words for words in lines if len(words) == 3 and "".join(words[1:]).isdecimal()]  # written to the end
        self.holders = [(host, int(pid), int(group)) for host, pid, group in whole]

    def take_alone(self) -> bool:
        """Whether this process has the lock to itself now; OSError where the file system knows no locks."""
        return self._take(fcntl.LOCK_EX)

    def share(self) -> bool:
        """Whether this process has the lock now, together with others that share it."""
        return self._take(fcntl.LOCK_SH)

    def _take(self, kind: int) -> bool:
        try:
            fcntl.flock(self.file, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise
        self._read_holders()
        return True

    def sign(self) -> None:
        """Write down that this process has the lock."""
        self.file.write(f"{socket.gethostname()} {os.getpid()} {os.getpgrp()}\n")
        self.file.flush()

    def clear_leftovers(self) -> None:
        """End what killed runs have left at work, and forget them. For a process that has the lock to itself."""
        groups = {group for host, _, group in self.holders if host == socket.gethostname()}
        jobs = [f"process {process}" for process in end_jobs(self.folder, groups)]
        jobs += [f"Slurm job {job}" for job in (cancel_slurm_jobs(self.folder) if self.holders else [])]
        if jobs:
            print(f"Ended what a killed run had left at work: {', '.join(jobs)}", file=sys.stderr)
        self.file.truncate(0)

    def refuse(self) -> FolderHeldError:
        """What to say when another run has the lock."""
        self.release()
        host, pid, _ = self.holders[-1] if self.holders else ("this machine", "unknown", 0)
        return FolderHeldError(f"{self.folder}: another run works here (process {pid} on {host})")

    def release(self) -> None:
        self.file.close()


def hold_folder(folder: str | Path) -> FolderLock | None:
    """Lock the folder for the run that starts; FolderHeldError if another has it to itself, or if it is read-only.

    None where the file system knows no locks: Snakemake's own has to do then.
    """
    descriptor = os.environ.pop(HANDED_OVER, None)
    if descriptor is not None:
        return FolderLock(folder, int(descriptor))
    try:
        lock = FolderLock(folder)
    except OSError as error:
        allowed = "allowed are folders that can be written to"
        raise FolderHeldError(
            f"{Path(folder).resolve() / LOCK_FILE}: cannot be opened ({error.strerror}): {allowed}"
        ) from error
    try:
        if lock.take_alone():
            lock.clear_leftovers()
        if not lock.share():
            raise lock.refuse()
    except OSError:
        lock.release()
        return None
    lock.sign()
    return lock


def tidy_folder(lock: FolderLock | None) -> None:
    """After the last job of a run: remove what killed jobs left half-written, unless another run is at work here."""
    if lock is not None and lock.take_alone():
        remove_temporary_files(lock.folder / "results")
