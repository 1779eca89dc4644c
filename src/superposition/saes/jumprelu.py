"""The JumpReLU autoencoder: a threshold per latent, learned through straight-through estimators."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import Function

from superposition.saes.architecture import (
    Architecture,
    Losses,
    Parameters,
    draw_weights,
    mean_squared_error,
    read,
    write,
)


def near_threshold(pre: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
    """The rectangle kernel of the estimators: whether |pre - threshold| < bandwidth / 2."""
    return (pre - threshold).abs() < bandwidth / 2


class Heaviside(Function):
    """H(pre - threshold), 0 where they are equal; its pseudo-gradient by the threshold is -1 / bandwidth near it.

    Rajamanoharan et al. 2024b, section 3. By `pre` the gradient is zero. The threshold may have any shape that
    broadcasts to that of `pre`.
    """

    @staticmethod
    def forward(ctx, pre: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
        ctx.save_for_backward(pre, threshold)
        ctx.bandwidth = bandwidth
        return (pre > threshold).to(pre.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        pre, threshold = ctx.saved_tensors
        by_threshold = near_threshold(pre, threshold, ctx.bandwidth) * (-1 / ctx.bandwidth) * gradient
        return torch.zeros_like(pre), by_threshold.sum_to_size(threshold.shape), None


class JumpRelu(Function):
    """pre * H(pre - threshold); its pseudo-gradient by the threshold is -threshold / bandwidth near it.

    By `pre` the gradient is H(pre - threshold), as for any fixed threshold.
    """

    @staticmethod
    def forward(ctx, pre: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
        ctx.save_for_backward(pre, threshold)
        ctx.bandwidth = bandwidth
        return pre * (pre > threshold)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        pre, threshold = ctx.saved_tensors
        by_threshold = near_threshold(pre, threshold, ctx.bandwidth) * (-threshold / ctx.bandwidth) * gradient
        return gradient * (pre > threshold), by_threshold.sum_to_size(threshold.shape), None


@dataclass(frozen=True)
class JumpReluSae(Architecture):
    """pre = (h - b_dec) W_enc + b_enc,  z = pre H(pre - threshold),  h' = z W_enc^T + b_dec.

    The penalty counts the active latents; it and z move the thresholds through the pseudo-gradients above. The weights
    are tied, and no row is normalised: length costs nothing, since nothing is shrunk.

    Rajamanoharan et al. 2024b ("Jumping Ahead: Improving Reconstruction Fidelity with JumpReLU Sparse Autoencoders")
    with the conventions of ARENA 1.5.4 section 5: tied weights, reconstruction averaged over d_in, and the logarithm of
    the threshold learned, which keeps it positive.

    Tensors: W_enc, b_enc, b_dec as in saes; log_threshold (instances, n_latents).
    """

    threshold_init: float
    bandwidth: float

    def initialise(self, d_in: int, n_latents: int, generators: list[torch.Generator]) -> Parameters:
        """Weights uniform, see draw_weights; biases zero."""
        n = len(generators)
        return {
            "W_enc": draw_weights(generators, d_in, n_latents),
            "b_enc": torch.zeros(n, n_latents),
            "log_threshold": torch.full((n, n_latents), math.log(self.threshold_init)),
            "b_dec": torch.zeros(n, d_in),
        }

    @staticmethod
    def pre_activation(parameters: Parameters, h: Tensor) -> Tensor:
        return read(h, parameters["b_dec"], parameters["W_enc"]) + parameters["b_enc"]

    def encode(self, parameters: Parameters, h: Tensor) -> Tensor:
        return JumpRelu.apply(self.pre_activation(parameters, h), parameters["log_threshold"].exp(), self.bandwidth)

    def decode(self, parameters: Parameters, z: Tensor) -> Tensor:
        return write(z, parameters["W_enc"].mT, parameters["b_dec"])

    def losses(self, parameters: Parameters, h: Tensor, sparsity_penalty: Tensor) -> Losses:
        """mean_d (h - h')^2 + sparsity_penalty * sum_j H(pre_j - threshold_j), averaged over the batch."""
        pre, threshold = self.pre_activation(parameters, h), parameters["log_threshold"].exp()
        z = JumpRelu.apply(pre, threshold, self.bandwidth)
        active = Heaviside.apply(pre, threshold, self.bandwidth)
        reconstruction = mean_squared_error(h, self.decode(parameters, z))
        sparsity = active.sum(-1).mean(0)
        return Losses(reconstruction, sparsity, reconstruction + sparsity_penalty * sparsity, active.detach() > 0)

    def restart_latent(
        self, parameters: Parameters, instance: int, latent: int, direction: Tensor, scale: float
    ) -> None:
        """W_enc = scale v, which is also the decoder; b_enc = 0, and the threshold is the initial one again."""
        parameters["W_enc"][instance, :, latent] = scale * direction
        parameters["b_enc"][instance, latent] = 0.0
        parameters["log_threshold"][instance, latent] = math.log(self.threshold_init)

    def weights(self, parameters: Parameters) -> Parameters:
        W_enc = parameters["W_enc"]
        return {"W_enc": W_enc, "b_enc": parameters["b_enc"], "W_dec": W_enc.mT, "b_dec": parameters["b_dec"]}

    def thresholds(self, parameters: Parameters) -> Tensor:
        return parameters["log_threshold"].exp()
