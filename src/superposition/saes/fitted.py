"""Dictionaries that are fitted to a sample, not trained by gradients: what an autoencoder has to be better than."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from superposition.saes.architecture import Parameters, SparseCode, normalise, read, write
from superposition.saes.selection import keep_largest

PROJECTED_STEPS = 200


@dataclass(frozen=True, kw_only=True)
class FittedDictionary(SparseCode):
    """z = the k components of the largest size, h' = z W_dec + b_dec. Rows of W_dec have length 1.

    Components are (h - b_dec) W_enc unless a subclass says otherwise.

    Args:
        k: active latents per sample; they may be negative
        fit_samples: activations that it is fitted to
    """

    per_instance: ClassVar[tuple[str, ...]] = ("k",)

    k: float
    fit_samples: int

    def fit_instance(self, h: np.ndarray, n_latents: int, random_state: int) -> tuple[np.ndarray, ...]:
        """W_enc, W_dec, b_dec of n_latents components of h, or as many as there are, (samples, d_in)."""
        raise NotImplementedError

    def fit(self, batches: list[Tensor], n_latents: int, seeds: list[int], settings: Parameters) -> Parameters:
        """The parameters of a stack of instances, each fitted to its own (samples, d_in).

        Args:
            seeds: one per instance, of whatever the method draws
            settings: see `Architecture.initialise`

        Raises:
            ValueError: fewer than n_latents components exist
        """
        stacks: dict[str, list[Tensor]] = {"W_enc": [], "W_dec": [], "b_dec": []}
        for h, seed in zip(batches, seeds, strict=True):
            fitted = self.fit_instance(h.double().cpu().numpy(), n_latents, seed % 2**32)  # scikit-learn takes 32 bits
            W_enc, W_dec, b_dec = (torch.from_numpy(np.asarray(each, np.float32)) for each in fitted)
            lengths = W_dec.norm(dim=1)
            if len(W_dec) < n_latents:
                raise ValueError(
                    f"n_latents is {n_latents}: allowed are integers from 1 to {len(W_dec)}, the components"
                )
            stacks["W_enc"].append(W_enc * lengths)
            stacks["W_dec"].append(normalise(W_dec))
            stacks["b_dec"].append(b_dec)
        parameters = {name: torch.stack(tensors) for name, tensors in stacks.items()}
        return parameters | {"b_enc": torch.zeros(len(batches), n_latents)} | settings

    def components(self, parameters: Parameters, h: Tensor) -> Tensor:
        """(batch, instances, n_latents), of which `encode` keeps the largest."""
        return read(h, parameters["b_dec"], parameters["W_enc"])

    def encode(self, parameters: Parameters, h: Tensor) -> Tensor:
        components = self.components(parameters, h)
        n_instances = len(parameters["b_dec"])
        k = parameters["k"].tolist() if "k" in parameters else [self.k] * n_instances
        kept = keep_largest(components.abs().transpose(0, 1), [round(each) for each in k])
        return components * kept.transpose(0, 1)

    def decode(self, parameters: Parameters, z: Tensor) -> Tensor:
        return write(z, parameters["W_dec"], parameters["b_dec"])


def towards_skew(h: np.ndarray, directions: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(components, 1) the signs that skew the components (h - mean) . directions, (components, d_in), to the positive,
    as features are that are zero or positive. The methods leave the sign open."""
    return np.where((((h - mean) @ directions.T) ** 3).sum(axis=0) < 0, -1.0, 1.0)[:, None]


class PcaDictionary(FittedDictionary):
    """Principal components, those of the largest variance first, each turned to where it is skewed."""

    def fit_instance(self, h: np.ndarray, n_latents: int, random_state: int):
        from sklearn.decomposition import PCA

        pca = PCA(min(n_latents, *h.shape), svd_solver="full").fit(h)
        directions = pca.components_ * towards_skew(h, pca.components_, pca.mean_)
        return directions.T, directions, pca.mean_


class IcaDictionary(FittedDictionary):
    """Independent components (FastICA, Hyvärinen & Oja 2000), of whitened activations, each turned to where it is
    skewed; at most d_in."""

    def fit_instance(self, h: np.ndarray, n_latents: int, random_state: int):
        from sklearn.decomposition import FastICA

        n = min(n_latents, *h.shape)
        ica = FastICA(n, whiten="unit-variance", max_iter=1_000, tol=1e-3, random_state=random_state).fit(h)
        signs = towards_skew(h, ica.components_, ica.mean_)
        return (ica.components_ * signs).T, ica.mixing_.T * signs, ica.mean_


class NmfDictionary(FittedDictionary):
    """Non-negative factors of what activations have above zero and below it, side by side; each row of W_dec is the
    difference of a factor's two halves.

    The components are those of the non-negative combination of rows that is nearest to h - b_dec, by projected
    gradients. W_enc, the rows transposed, is where they start, not how they are read.
    """

    def fit_instance(self, h: np.ndarray, n_latents: int, random_state: int):
        from sklearn.decomposition import NMF

        parts = np.concatenate([h.clip(min=0), (-h).clip(min=0)], axis=1)
        nmf = NMF(n_latents, init="random", max_iter=1_000, tol=1e-3, random_state=random_state).fit(parts)
        above, below = np.split(nmf.components_, 2, axis=1)
        return (above - below).T, above - below, np.zeros(h.shape[1])

    def components(self, parameters: Parameters, h: Tensor) -> Tensor:
        W_dec = parameters["W_dec"]
        gram = W_dec @ W_dec.mT
        rate = 1 / torch.linalg.matrix_norm(gram, ord=2)[:, None]
        aim = read(h, parameters["b_dec"], W_dec.mT)
        z = torch.zeros_like(aim)
        for _ in range(PROJECTED_STEPS):
            z = torch.relu(z + rate * (aim - torch.einsum("bij,ijk->bik", z, gram)))
        return z


class RandomDictionary(FittedDictionary):
    """Directions that are drawn uniformly and read by their own transpose: fitted to nothing but the mean."""

    def fit_instance(self, h: np.ndarray, n_latents: int, random_state: int):
        directions = np.random.default_rng(random_state).standard_normal((n_latents, h.shape[1]))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        return directions.T, directions, h.mean(axis=0)
