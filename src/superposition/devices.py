"""Which device a job may compute on: GPU slots through lock files, or the CPU.

A slot is a lock file, named by what the device is called everywhere (its UUID) and not by its place in
CUDA_VISIBLE_DEVICES, which differs between runs. A lock dies with the process that holds it, so a killed job never
blocks a slot.
"""

import itertools
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout

POLL_SECONDS = 0.2


@contextmanager
def claim_device(gpus: int, slots_per_device: int | None = None, lock_folder: Path | None = None) -> Iterator[str]:
    """Yield "cuda:k" while a slot of device k is held, or "cpu" if no GPU was asked for or none is there.

    Slots are of the devices that this process can see, within the Slurm job that it is part of, if any: what the
    scheduler has given to one job is not waited for by another. The default number of slots per device is the
    environment variable SUPERPOSITION_SLOTS_PER_DEVICE, or 1. ValueError if it is no integer above 0.
    """
    if gpus < 1 or not torch.cuda.is_available():
        yield "cpu"
        return
    folder = lock_folder or Path(tempfile.gettempdir()) / f"superposition-gpu-slots-{os.getuid()}"
    folder.mkdir(parents=True, exist_ok=True)
    slots = _slots_per_device() if slots_per_device is None else slots_per_device
    device, lock = _wait_for_slot(folder, _name_devices(), slots)
    try:
        yield f"cuda:{device}"
    finally:
        lock.release()


def _slots_per_device() -> int:
    text = os.environ.get("SUPERPOSITION_SLOTS_PER_DEVICE", "1")
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"SUPERPOSITION_SLOTS_PER_DEVICE is {text!r}: allowed are integers above 0")
    return int(text)


def _name_devices() -> list[str]:
    """What each visible device is called by all runs, or by those in the same Slurm job."""
    job = os.environ.get("SLURM_JOB_ID", "no-job")
    return [f"{job}.{torch.cuda.get_device_properties(k).uuid}" for k in range(torch.cuda.device_count())]


def _wait_for_slot(folder: Path, devices: list[str], slots_per_device: int) -> tuple[int, FileLock]:
    while True:
        for (device, name), slot in itertools.product(enumerate(devices), range(slots_per_device)):
            lock = FileLock(folder / f"{name}.{slot}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            return device, lock
        time.sleep(POLL_SECONDS)
