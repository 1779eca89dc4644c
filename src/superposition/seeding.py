"""One seed gives many named, independent streams of random numbers.

Every random choice of the project takes its generator from here, so what is drawn depends on (seed, name) alone: not on
the order of jobs, and not on how many other streams were drawn from.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch  # takes a second to import, and steps that only read tables need none of it


def derive_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream called `names` under `seed`; different names give unrelated streams.

    torch's CPU generator uses the low 32 bits alone: two of n streams coincide with probability n^2 / 2^33.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}: allowed are integers >= 0")
    digest = hashlib.sha256("\x1f".join([str(seed), *map(str, names)]).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def torch_generator(seed: int, *names: str | int, device: "torch.device | str" = "cpu") -> "torch.Generator":
    import torch

    return torch.Generator(device=device).manual_seed(derive_seed(seed, *names))


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    return np.random.default_rng(derive_seed(seed, *names))
