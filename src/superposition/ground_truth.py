"""What the scores of an autoencoder are taken against: the true features, their structure, and held-out samples."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from superposition.features import SparseSamples

SPAN_TOLERANCE = 1e-5  # of the largest singular value of W
CHUNK = 16_384  # samples at a time, at most
CHUNK_VALUES = 2**24  # and latents or features times samples: what bounds the memory of wide autoencoders


@dataclass(frozen=True)
class HeldOut:
    """The samples of one point, dense where they are sliced: held_out[a:b] is (b - a, n_features)."""

    samples: SparseSamples
    point: int

    def __len__(self) -> int:
        return self.samples.n_samples

    def __getitem__(self, part: slice) -> Tensor:
        start, stop, _ = part.indices(len(self))
        offsets = self.samples.offsets[self.point, start : stop + 1]
        return replace(self.samples, offsets=offsets[None]).to_dense(0)


@dataclass(frozen=True)
class GroundTruth:
    """True features and samples of them; the activations are h = x W^T + bias, without noise.

    Attributes:
        W: (d_in, n_features), the features are its columns
        bias: (d_in,)
        x: (samples, n_features): a tensor, or HeldOut where they are too many to be dense at once
        parents, sets: (n_features,) int64, the parent and the set of each feature, -1 for none
    """

    W: Tensor
    bias: Tensor
    x: "Tensor | HeldOut"
    parents: np.ndarray
    sets: np.ndarray

    @classmethod
    def of(
        cls,
        W: Tensor,
        x: "Tensor | HeldOut",
        bias: Tensor | None = None,
        parents: Tensor | None = None,
        sets: Tensor | None = None,
    ) -> "GroundTruth":
        """Without a bias, a tree or sets where they are not given."""
        none = torch.full((W.shape[1],), -1, dtype=torch.int64)
        bias = torch.zeros(len(W)) if bias is None else bias
        parents, sets = (none if values is None else values for values in (parents, sets))
        return cls(W, bias, x, parents.numpy(), sets.numpy())

    @property
    def n_features(self) -> int:
        return self.W.shape[1]

    @property
    def n_samples(self) -> int:
        return len(self.x)

    @property
    def directions(self) -> np.ndarray:
        """(n_features, d_in), of the features' own lengths."""
        return self.W.T.numpy()

    def within_span(self, vectors: np.ndarray) -> np.ndarray:
        """The part (n, d_in) of vectors that lies in the span of the features.

        What an encoder has beside it meets no activation, only the bias, and training leaves it where noise has put it:
        Adam gives the noise of a vanishing gradient steps of full size. Vectors are returned as they are where the
        features span all of the space.
        """
        basis, lengths, _ = np.linalg.svd(self.W.double().numpy(), full_matrices=False)
        basis = basis[:, lengths > SPAN_TOLERANCE * lengths.max()]
        return vectors if basis.shape[1] == len(self.W) else vectors @ basis @ basis.T

    def embed(self, x: Tensor) -> Tensor:
        return x @ self.W.T + self.bias

    def chunks(self, width: int, batch_size: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """(x, h) of all samples in order, `batch_size` at a time or as many as memory allows with `width` latents."""
        size = batch_size or max(1, min(CHUNK, CHUNK_VALUES // max(width, self.n_features)))
        for start in range(0, self.n_samples, size):
            x = self.x[start : start + size]
            yield x, self.embed(x)

    def head(self, n_samples: int) -> "GroundTruth":
        """The same with the first samples alone."""
        return replace(self, x=self.x[:n_samples])
