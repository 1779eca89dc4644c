"""Which device a job may compute on: GPU slots through lock files, or the CPU.

Slot k belongs to device k // slots_per_device. A lock dies with the process that holds it, so a killed job never blocks
a slot.
"""

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

    Within a Slurm job the scheduler has already chosen the device, and no slot is taken. The default number of slots per
    device is the environment variable SUPERPOSITION_SLOTS_PER_DEVICE, or 1.
    """
    if gpus < 1 or not torch.cuda.is_available():
        yield "cpu"
    elif "SLURM_JOB_ID" in os.environ:
        yield "cuda:0"
    else:
        slots = slots_per_device or int(os.environ.get("SUPERPOSITION_SLOTS_PER_DEVICE", "1"))
        folder = lock_folder or Path(tempfile.gettempdir()) / f"superposition-gpu-slots-{os.getuid()}"
        folder.mkdir(exist_ok=True)
        device, lock = _wait_for_slot(folder, torch.cuda.device_count(), slots)
        with lock:
            yield f"cuda:{device}"


def _wait_for_slot(folder: Path, n_devices: int, slots_per_device: int) -> tuple[int, FileLock]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "all").replace(",", "-")
    while True:
        for slot in range(n_devices * slots_per_device):
            lock = FileLock(folder / f"{visible}.{slot}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            return slot // slots_per_device, lock
        time.sleep(POLL_SECONDS)
