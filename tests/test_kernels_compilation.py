"""Where compiled kernels are kept, and what the compiler may not assume."""

import errno
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from numba import types
from numba.core.caching import IndexDataCacheFile

from superposition.kernels import compilation
from superposition.kernels.compilation import FASTMATH, cache_folder, call, jit

SOURCE = str(Path(compilation.__file__).parents[2])


def test_the_folder_is_named_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "chosen"))
    folder = cache_folder()
    assert folder.is_relative_to(tmp_path / "chosen")
    assert folder.is_dir()
    assert cache_folder() == folder


def test_the_folder_changes_with_the_sources(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    package = tmp_path / "kernels"
    package.mkdir()
    monkeypatch.setattr(compilation, "__file__", str(package / "compilation.py"))
    files = [package / "a.py", *(tmp_path / path for path in compilation.CONSTANTS)]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text("x = 1")
    folders = {cache_folder()}
    for file in files:
        file.write_text("x = 2")
        folders.add(cache_folder())
    assert len(folders) == 1 + len(files)


def test_without_a_writable_folder_there_is_a_temporary_one(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    folder = cache_folder()
    assert folder.is_dir()
    assert not folder.is_relative_to(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700  # what is loaded from there is run


def test_kernels_are_kept_in_the_folder(tmp_path):
    program = "from superposition.kernels.tiles import start_of; start_of(3)"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": SOURCE}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=120)
    assert list(tmp_path.rglob("tiles.start_of*.nbc"))


def test_a_copy_at_another_place_has_the_same_machine_code(tmp_path):
    program = "from superposition.kernels.tiles import start_of; start_of(3); print(start_of.stats.cache_hits)"
    hits = []
    for place in ("one", "two"):
        shutil.copytree(Path(SOURCE) / "superposition", tmp_path / place / "superposition")
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(tmp_path / place)}
        run = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True)
        hits.append(sum(map(int, re.findall(rb": (\d+)", run.stdout))))
    assert hits == [0, 1]


def test_nothing_is_assumed_finite():
    assert not FASTMATH & {"nnan", "ninf", "fast", "afn"}

    @jit
    def clip(values):
        for i in range(len(values)):
            values[i] = 0 if values[i] <= 0 else values[i]

    values = np.array([np.nan, -1, 2, np.inf, -np.inf] * 16, np.float32)
    clip(values)
    np.testing.assert_array_equal(values, np.array([np.nan, 0, 2, np.inf, 0] * 16, np.float32))


TRAINING = """
import hashlib, torch
from superposition import toy_models
from superposition.finite_data import sample_data
from superposition.kernels.full_batch import TrainingState, advance
from superposition.seeding import torch_generator

data = sample_data(torch.full((50,), 0.1), 3, [torch_generator(0, "data")])
start = toy_models.initialise("relu_output", 50, 2, [torch_generator(0, "start", i) for i in range(4)])
state = TrainingState.begin(start, data.n_samples)
training = {"steps": 4000, "weight_decay": 0.01, "schedule": "cosine", "warmup_steps": 6}
advance(state, data, "mean", training, torch.full((4,), 1e-3), 200)
print(hashlib.sha256(state.parameters.tobytes()).hexdigest())
"""


def test_the_process_that_finds_nothing_compiled_computes_the_same_bits(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": SOURCE, "OMP_NUM_THREADS": "1"}
    digests = []
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", TRAINING], env=environment, check=True, timeout=300, capture_output=True, text=True
        )
        digests.append(run.stdout)
    assert digests[0] == digests[1]
    assert len(digests[0].strip()) == 64


def test_what_is_compiled_at_the_same_time_is_kept_under_names_of_its_own(monkeypatch, tmp_path):
    look = IndexDataCacheFile._load_index

    def look_slowly(file):
        seen = look(file)
        time.sleep(0.3)
        return seen

    files = [IndexDataCacheFile(str(tmp_path), "function", "stamp") for _ in range(2)]
    with monkeypatch.context() as patch, ThreadPoolExecutor() as processes:
        patch.setattr(IndexDataCacheFile, "_load_index", look_slowly)
        list(processes.map(IndexDataCacheFile.save, files, ("int", "float"), ("of int", "of float")))
    assert [files[0].load(key) for key in ("int", "float")] == ["of int", "of float"]


@pytest.mark.parametrize("kept", [True, False])
def test_nobody_waits_for_what_it_does_not_need(monkeypatch, tmp_path, kept):
    """While a kernel is compiled, others may be, and all is there that is kept, be it of the same kernel."""
    monkeypatch.setattr(compilation.numba.config, "CACHE_DIR", str(tmp_path))
    compile_elsewhere, begun, go_on = compilation._compile_elsewhere, Event(), Event()

    @jit
    def double(value):
        return 2 * value

    @jit
    def halve(value):
        return value / 2

    def compile_slowly(kernel, signature):
        if signature == (types.float64,):
            begun.set()
            assert go_on.wait(60)
        compile_elsewhere(kernel, signature)

    if kept:
        compile_elsewhere(double, (types.int64,))
    monkeypatch.setattr(compilation, "_compile_elsewhere", compile_slowly)
    with ThreadPoolExecutor() as jobs:
        slow = jobs.submit(call, double if kept else halve, 3.0)
        assert begun.wait(60)
        try:
            assert jobs.submit(call, double, 3).result(timeout=20) == 6
            assert not slow.done()
        finally:
            go_on.set()
    assert slow.result() == (6 if kept else 1.5)


def test_where_nothing_can_be_locked_each_job_compiles_for_itself(monkeypatch):
    def refuse(self):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(compilation.FileLock, "__enter__", refuse)

    @jit
    def double(value):
        return 2 * value

    assert call(double, 3) == 6
