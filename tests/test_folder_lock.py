"""One run at a time has the folder to itself, a dead one never keeps it, and what it left at work is ended."""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from workflow_runs import ROOT

from pipeline import folder_lock, leftovers, run_alone
from pipeline.folder_lock import FolderHeldError, FolderLock, hold_folder, tidy_folder
from pipeline.run_alone import find_folder

HOLDER = """
import sys, time
from pipeline.folder_lock import FolderLock
lock = FolderLock(sys.argv[1])
assert lock.take_alone() if sys.argv[2] == "alone" else lock.share()
lock.sign()
print("held", flush=True)
time.sleep(60)
"""
JOB = "import time; print('at work', flush=True); time.sleep(60)"


@pytest.fixture
def start():
    """Start a Python process that says when it is at work; all are killed in the end."""
    processes = []

    def begin(code, *arguments, **options):
        command = [sys.executable, "-c", code, *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True, **options)
        processes.append(process)
        assert process.stdout.readline()
        return process

    yield begin
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def held_by(process, folder):
    return f"^{folder.resolve()}: another run works here \\(process {process.pid} on {socket.gethostname()}\\)$"


def test_a_folder_held_alone_is_refused_until_its_holder_is_killed(tmp_path, start):
    holder = start(HOLDER, tmp_path, "alone")
    with pytest.raises(FolderHeldError, match=held_by(holder, tmp_path)):
        hold_folder(tmp_path)
    with pytest.raises(SystemExit, match=held_by(holder, tmp_path)):
        run_alone.run_alone(["--directory", str(tmp_path)])
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    hold_folder(tmp_path).release()


def test_plain_runs_share_a_folder_but_nobody_has_it_alone_meanwhile(tmp_path, start):
    holder = start(HOLDER, tmp_path, "shared")
    second = hold_folder(tmp_path)
    assert len(second.holders) == 1  # those before it
    with pytest.raises(SystemExit, match="another run works here"):
        run_alone.run_alone(["--directory", str(tmp_path)])
    second.release()
    with pytest.raises(SystemExit, match="another run works here"):
        run_alone.run_alone(["--directory", str(tmp_path)])
    assert holder.poll() is None


def test_a_line_that_was_not_written_to_its_end_is_passed_over(tmp_path):
    file = tmp_path / folder_lock.LOCK_FILE
    file.parent.mkdir()
    file.write_text("here 12 34\nhere 12\nhere 1x 2\n")
    lock = FolderLock(tmp_path)
    assert lock.holders == [("here", 12, 34)]
    lock.release()


def test_a_lock_taken_before_snakemake_started_is_taken_over(tmp_path, monkeypatch):
    before = FolderLock(tmp_path)
    assert before.take_alone()
    monkeypatch.setenv(folder_lock.HANDED_OVER, str(os.dup(before.file.fileno())))
    before.release()
    after = hold_folder(tmp_path)
    assert not is_free(tmp_path)
    after.release()
    assert is_free(tmp_path)


def test_a_file_system_without_locks_is_left_to_snakemake(tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fail)
    assert hold_folder(tmp_path) is None
    tidy_folder(None)


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path, monkeypatch):
    def refuse(path, *arguments, **options):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    line = f"^{tmp_path}/.snakemake/run.lock: cannot be opened \\(Read-only file system\\): allowed are"
    with pytest.raises(FolderHeldError, match=line):
        hold_folder(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["--cores", "1"], "."),
        (["-n", "--directory", "/elsewhere", "all"], "/elsewhere"),
        (["-d", "x"], "x"),
        (["--directory=x"], "x"),
        (["-dx"], "x"),
    ],
)
def test_the_folder_is_that_of_snakemake(arguments, folder):
    assert str(find_folder(arguments)) == folder


@pytest.fixture
def commands(monkeypatch):
    """What run_alone would start, instead of starting it."""
    started, locks = [], []

    def start_none(command, **options):
        started.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    def take_over(program, command):
        started.append(command[1:])
        assert os.get_inheritable(int(os.environ[folder_lock.HANDED_OVER]))

    monkeypatch.setattr(run_alone.subprocess, "run", start_none)
    monkeypatch.setattr(run_alone.os, "execv", take_over)
    monkeypatch.setattr(run_alone, "FolderLock", lambda folder: locks.append(FolderLock(folder)) or locks[-1])
    monkeypatch.setattr(leftovers, "list_slurm_jobs", lambda folder: [])
    yield started
    os.environ.pop(folder_lock.HANDED_OVER, None)
    for lock in locks:
        lock.release()


def is_free(folder: Path) -> bool:
    lock = FolderLock(folder)
    free = lock.share()
    lock.release()
    return free


def leave_lock(folder, host):
    """As a killed run leaves it."""
    (folder / ".snakemake/locks").mkdir(parents=True)
    (folder / ".snakemake/locks/0.input.lock").write_text("results/x\n")
    (folder / ".snakemake/run.lock").write_text(f"{host} 999999999 999999999\n")


def test_the_lock_of_a_killed_run_is_removed(tmp_path, commands):
    leave_lock(tmp_path, socket.gethostname())
    arguments = ["--cores", "1", "--directory", str(tmp_path), "--", "results/paper.pdf"]
    run_alone.run_alone(arguments)
    assert commands == [["-m", "snakemake", "--unlock", *arguments], ["-m", "snakemake", *arguments]]
    assert not is_free(tmp_path)  # the process has it still


def test_without_a_lock_nothing_is_unlocked(tmp_path, commands):
    run_alone.run_alone(["--directory", str(tmp_path)])
    assert commands == [["-m", "snakemake", "--directory", str(tmp_path)]]


def test_the_lock_of_another_machine_stays(tmp_path, commands):
    leave_lock(tmp_path, "elsewhere")
    for _ in range(2):
        with pytest.raises(SystemExit, match="locked by a run on elsewhere: once it has ended, run snakemake --unlock"):
            run_alone.run_alone(["--directory", str(tmp_path)])
    assert commands == []


@pytest.mark.parametrize("arguments", [("--spec", "{}"), ("-m", leftovers.FORKING)])
def test_jobs_of_a_killed_run_are_ended_and_no_others(tmp_path, start, capsys, arguments):
    (tmp_path / "elsewhere").mkdir()
    orphan = start(JOB, *arguments, cwd=tmp_path, process_group=0)
    group = os.getpgid(orphan.pid)
    bystanders = [
        start(JOB, "--spec", "{}", cwd=tmp_path, process_group=0),  # of another run, or started by hand
        start(JOB, "--spec", "{}", cwd=tmp_path / "elsewhere", process_group=group),
        start(JOB, "no job", cwd=tmp_path, process_group=group),
    ]
    (tmp_path / ".snakemake").mkdir()
    (tmp_path / ".snakemake/run.lock").write_text(f"{socket.gethostname()} {group} {group}\n")
    lock = hold_folder(tmp_path)
    assert orphan.poll() is not None
    assert [process.poll() for process in bystanders] == [None] * 3
    assert f"Ended what a killed run had left at work: process {orphan.pid}" in capsys.readouterr().err
    lock.release()


def test_a_job_that_does_not_listen_is_killed(tmp_path, start, monkeypatch):
    monkeypatch.setattr(leftovers, "SECONDS_TO_END", 0.2)
    deaf = start("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + JOB, "--spec", cwd=tmp_path)
    assert leftovers.end_jobs(tmp_path.resolve(), {os.getpgid(deaf.pid)}) == [deaf.pid]
    assert deaf.poll() is not None


def test_jobs_in_slurm_are_cancelled_if_nobody_takes_them_over(tmp_path, monkeypatch, capsys):
    place, name = tmp_path.resolve(), leftovers.SLURM_JOBS
    queue = [f"7|{name}_a|{place}", f"8|{name}_a|{place}/elsewhere", f"9|other|{place}"]
    cancelled = []

    def answer(command, **options):
        if command[0] == "scancel":
            cancelled.extend(command[1:])
            if len(cancelled) == 2:  # the first time, Slurm is busy
                del queue[0]
        return subprocess.CompletedProcess(command, 0, stdout="\n".join(queue))

    monkeypatch.setattr(leftovers.subprocess, "run", answer)
    assert leftovers.cancel_slurm_jobs(place) == ["7"]
    assert cancelled == ["7", "7"]
    assert capsys.readouterr().err == "Waiting for Slurm to end what a killed run has left: 7\n"


def test_without_slurm_nothing_is_cancelled(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert leftovers.cancel_slurm_jobs(tmp_path) == []


def test_half_written_files_go_only_while_nobody_else_is_at_work(tmp_path, start):
    half = tmp_path / "results/models/a/.0.parquet.x.tmp"
    half.mkdir(parents=True)
    (half / "content").write_text("half")
    (half.parent / "0.parquet").write_text("whole")
    lock = hold_folder(tmp_path)
    other = start(HOLDER, tmp_path, "shared")
    tidy_folder(lock)
    assert half.exists()
    other.kill()
    other.wait()
    lock.share()
    tidy_folder(lock)
    assert [path.name for path in half.parent.iterdir()] == ["0.parquet"]
    lock.release()
