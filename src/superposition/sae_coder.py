"""An autoencoder as its scores see it: what it encodes and decodes, and where its latents look and write."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from superposition.ground_truth import GroundTruth

HELD_VALUES = 2**27  # numbers of samples, activations and latents, up to which they are kept between passes


@dataclass(frozen=True)
class Coder:
    """What the scores ask of an autoencoder.

    Attributes:
        encode: h (samples, d_in) -> z (samples, n_latents); decode: z -> h' (samples, d_in)
        encoder, decoder: (n_latents, d_in), where latents look, and what one unit of each adds to h'
        b_dec: (d_in,), h' where no latent is active
        batch_size: of the samples encoded together, if they have an effect on one another
    """

    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]
    encoder: np.ndarray
    decoder: np.ndarray
    b_dec: np.ndarray
    batch_size: int | None = None

    @property
    def n_latents(self) -> int:
        return len(self.decoder)

    @property
    def lengths(self) -> np.ndarray:
        """(n_latents,) float64: how much one unit of each latent adds to h'."""
        return np.linalg.norm(self.decoder.astype(np.float64), axis=1)


class Codes:
    """(x, h, z) of all samples in order, chunk by chunk, as often as asked: held where they are few, else made anew."""

    def __init__(self, truth: GroundTruth, coder: Coder):
        self.truth, self.coder = truth, coder
        n_values = truth.n_samples * (truth.n_features + len(truth.W) + coder.n_latents)
        self._held = list(self._make()) if n_values <= HELD_VALUES else None

    def _make(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for x, h in self.truth.chunks(self.coder.n_latents, self.coder.batch_size):
            yield x, h, self.coder.encode(h)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        return self._make() if self._held is None else iter(self._held)
