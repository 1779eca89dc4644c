"""One seed gives many named, independent streams of random numbers.

Every random choice of the project takes its generator from here, so a result depends on (seed, name) alone: not on the
order of jobs, not on how many other streams were drawn from, not on how many instances are trained beside it.
"""

import hashlib

import numpy as np
import torch


def derive_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream called `names` under `seed`; different names give unrelated streams."""
    if seed < 0:
        raise ValueError(f"seed is {seed}: allowed are integers >= 0")
    digest = hashlib.sha256("\x1f".join([str(seed), *map(str, names)]).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def torch_generator(seed: int, *names: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    return torch.Generator(device=device).manual_seed(derive_seed(seed, *names))


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    return np.random.default_rng(derive_seed(seed, *names))
