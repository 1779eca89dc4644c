"""GPU slots: never too many jobs on a device, and none lost with a job that is killed."""

import itertools
import os
import select
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
import torch
from builders import ROOT

from superposition import devices
from superposition.devices import claim_device


def list_visible():
    """The devices that a process sees, of two that are there."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "0,1").split(",")


@pytest.fixture
def gpus(monkeypatch, tmp_path):
    """Two devices that the code believes to be there; lock files go to tmp_path."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(list_visible()))
    properties = lambda k: SimpleNamespace(uuid=f"uuid-of-{list_visible()[k]}")  # noqa: E731
    monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
    polls = itertools.count()

    def wait_briefly(seconds):
        time.sleep(0.01)
        if next(polls) > 1_000:
            raise TimeoutError("a test waits for a slot that never comes free")

    monkeypatch.setattr(devices, "time", SimpleNamespace(sleep=wait_briefly))
    for name in ("SLURM_JOB_ID", "CUDA_VISIBLE_DEVICES", "SUPERPOSITION_SLOTS_PER_DEVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))
    return tmp_path


def claim_all(n, **arguments):
    """The devices of n claims that are held at once."""
    if n == 0:
        return []
    with claim_device(1, **arguments) as device:
        return [device, *claim_all(n - 1, **arguments)]


@pytest.mark.parametrize(("there", "asked"), [(False, 1), (False, 0), (True, 0)])
def test_without_a_gpu_or_need_of_one(monkeypatch, gpus, there, asked):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    with claim_device(asked) as device:
        assert device == "cpu"
    assert list(gpus.iterdir()) == []  # no slot was touched


def test_slots_fill_device_after_device(gpus):
    assert claim_all(2) == ["cuda:0", "cuda:1"]
    assert claim_all(4, slots_per_device=2) == ["cuda:0", "cuda:0", "cuda:1", "cuda:1"]


def test_slots_per_device_from_the_environment(gpus, monkeypatch):
    monkeypatch.setenv("SUPERPOSITION_SLOTS_PER_DEVICE", "3")
    assert claim_all(6) == ["cuda:0"] * 3 + ["cuda:1"] * 3


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", ""])
def test_senseless_slots_per_device_are_refused(gpus, monkeypatch, text):
    monkeypatch.setenv("SUPERPOSITION_SLOTS_PER_DEVICE", text)
    with pytest.raises(ValueError, match=f"SUPERPOSITION_SLOTS_PER_DEVICE is '{text}': allowed are integers above 0"):
        claim_all(1)


def test_job_without_a_slot_waits_for_one(gpus):
    started, devices_held = threading.Event(), []

    def job():
        with claim_device(1) as device:
            devices_held.append(device)
            started.set()

    thread = threading.Thread(target=job, daemon=True)
    with claim_device(1):
        with claim_device(1):
            thread.start()
            assert not started.wait(0.1)
        assert started.wait(5)  # the second slot is free again
    thread.join(5)
    assert devices_held == ["cuda:1"]


def test_slot_is_free_after_an_error(gpus):
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), claim_device(1):
            1 / 0  # noqa: B018
    assert claim_all(2) == ["cuda:0", "cuda:1"]


def test_lock_is_released_not_just_forgotten(gpus, monkeypatch):
    held = []
    wait = devices._wait_for_slot
    monkeypatch.setattr(devices, "_wait_for_slot", lambda *a: held.append(wait(*a)) or held[-1])
    with claim_device(1):
        assert held[0][1].is_locked
    assert not held[0][1].is_locked


@pytest.mark.parametrize("slots_per_device", [1, 2])
def test_never_more_jobs_than_slots(gpus, slots_per_device):
    running, most, jobs = [], {"cuda:0": 0, "cuda:1": 0}, []
    guard = threading.Lock()

    def job():
        with claim_device(1, slots_per_device) as device:
            with guard:
                running.append(device)
                most[device] = max(most[device], running.count(device))
            time.sleep(0.02)
            with guard:
                running.remove(device)
                jobs.append(device)

    threads = [threading.Thread(target=job, daemon=True) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(jobs) == 12
    assert most == {"cuda:0": slots_per_device, "cuda:1": slots_per_device}


HOLD = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
import torch
from superposition.devices import claim_device
torch.cuda.is_available, torch.cuda.device_count = lambda: True, lambda: 2
torch.cuda.get_device_properties = lambda k: SimpleNamespace(uuid=f"uuid-of-{k}")
with claim_device(1, lock_folder=Path(sys.argv[1])) as device:
    print(device, flush=True)
    time.sleep(60)
"""


def test_killed_job_gives_its_slot_back(gpus):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", HOLD, str(gpus)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert holder.stdout.readline() == "cuda:0\n"
        assert claim_all(1, lock_folder=gpus) == ["cuda:1"]  # another process holds slot 0
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait(10)
        assert claim_all(2, lock_folder=gpus) == ["cuda:0", "cuda:1"]
    finally:
        holder.kill()
        holder.stdout.close()
        holder.wait(10)


def test_jobs_that_wait_take_the_slots_of_killed_ones(gpus):
    """Four processes on two devices, of which those that hold one are killed, one after the other."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", HOLD, str(gpus)]
    waiting = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(4)]
    jobs, held = list(waiting), {}
    try:
        while waiting:
            ready = select.select([job.stdout for job in waiting], [], [], 60)[0]
            assert ready, "nobody takes a free slot"
            for job in [job for job in waiting if job.stdout in ready]:
                device = job.stdout.readline().strip()
                assert device not in held
                held[device] = job
                waiting.remove(job)
            if len(held) == 2 and waiting:
                device, job = held.popitem()
                job.kill()
                job.wait(10)
    finally:
        for job in jobs:
            job.kill()
            job.wait(10)
            job.stdout.close()
    assert sorted(held) == ["cuda:0", "cuda:1"]


def test_devices_of_other_slurm_jobs_are_not_waited_for(gpus, monkeypatch):
    # Each job sees its own device, and calls it 0.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    with claim_device(1) as first:
        monkeypatch.setenv("SLURM_JOB_ID", "18")
        with claim_device(1) as second:
            assert (first, second) == ("cuda:0", "cuda:0")


def test_jobs_within_one_slurm_job_share_its_devices(gpus, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert claim_all(2) == ["cuda:0", "cuda:1"]


def claim_with(monkeypatch, visible):
    """A claim of a process that sees the devices `visible`; all of them if that is None."""
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    return claim_device(1)


def test_other_visible_devices_are_other_slots(gpus, monkeypatch):
    with claim_with(monkeypatch, "MIG-5c89852c"), claim_with(monkeypatch, "2,3") as device:
        assert device == "cuda:0"
    assert all(path.parent.parent == gpus for path in gpus.rglob("*.lock"))


@pytest.mark.parametrize(
    ("first", "second", "device"),
    [
        (None, "0,1", "cuda:1"),
        ("0", None, "cuda:1"),
        ("0", "0,1", "cuda:1"),
        ("0", "1,0", "cuda:0"),
        ("0,1", "1,0", "cuda:0"),
        ("1,0", "0,1", "cuda:0"),
        ("1", "1,0", "cuda:1"),
        ("1", "0", "cuda:0"),
    ],
)
def test_a_device_is_one_slot_however_it_is_listed(gpus, monkeypatch, first, second, device):
    with claim_with(monkeypatch, first) as held:
        assert held == "cuda:0"
        with claim_with(monkeypatch, second) as other:
            assert other == device


@pytest.mark.parametrize(("held", "asked"), [("0", "0"), ("1,0", "1"), (None, "0"), ("0,1", "0")])
def test_a_device_in_use_is_waited_for_however_it_is_listed(gpus, monkeypatch, held, asked):
    monkeypatch.setattr(devices.time, "sleep", lambda seconds: pytest.fail("waits", pytrace=False))
    with claim_with(monkeypatch, held), pytest.raises(pytest.fail.Exception, match="waits"):
        claim_with(monkeypatch, asked).__enter__()


def test_lock_folder_may_be_chosen(gpus, tmp_path):
    folder = tmp_path / "new" / "locks"
    assert claim_all(1, lock_folder=folder) == ["cuda:0"]
    assert list(folder.iterdir())
