"""Weights of toy models that tests build."""

import torch


def columns(*vectors):
    return torch.tensor(vectors, dtype=torch.float64).T


def random_W(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def random_rotation(seed, n):
    return torch.linalg.qr(random_W(seed, n, n)).Q
