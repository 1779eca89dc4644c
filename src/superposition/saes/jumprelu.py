"""The JumpReLU autoencoder: a threshold per latent, learned through straight-through estimators."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.autograd import Function

from superposition.saes.architecture import Losses, Parameters, fraction_active, spread
from superposition.saes.linear import LinearSae

LOWEST_THRESHOLD = 1e-6  # a direct threshold is held above 0, where its pseudo-gradient would vanish


def near_threshold(pre: Tensor, threshold: Tensor, bandwidth: float | Tensor) -> Tensor:
    """The rectangle kernel of the estimators: whether |pre - threshold| < bandwidth / 2."""
    return (pre - threshold).abs() < bandwidth / 2


class Heaviside(Function):
    """H(pre - threshold), 0 where they are equal; its pseudo-gradient by the threshold is -1 / bandwidth near it.

    Rajamanoharan et al. 2024b, section 3. By `pre` the gradient is zero. The threshold may have any shape that
    broadcasts to that of `pre`.
    """

    @staticmethod
    def forward(ctx, pre: Tensor, threshold: Tensor, bandwidth: float | Tensor) -> Tensor:
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
    def forward(ctx, pre: Tensor, threshold: Tensor, bandwidth: float | Tensor) -> Tensor:
        ctx.save_for_backward(pre, threshold)
        ctx.bandwidth = bandwidth
        return pre * (pre > threshold)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        pre, threshold = ctx.saved_tensors
        by_threshold = near_threshold(pre, threshold, ctx.bandwidth) * (-threshold / ctx.bandwidth) * gradient
        return gradient * (pre > threshold), by_threshold.sum_to_size(threshold.shape), None


@dataclass(frozen=True, kw_only=True)
class JumpReluSae(LinearSae):
    """pre = (h - b_dec) W_enc + b_enc,  z = pre H(pre - threshold),  h' = z W_enc^T + b_dec.

    The penalty counts the active latents; it and z move the thresholds through the pseudo-gradients above. The weights
    are tied, and no row is normalised: length costs nothing, since nothing is shrunk.

    Rajamanoharan et al. 2024b ("Jumping Ahead: Improving Reconstruction Fidelity with JumpReLU Sparse Autoencoders")
    with the conventions of ARENA 1.5.4 section 5: tied weights, reconstruction averaged over d_in, and the logarithm of
    the threshold learned, which keeps it positive. The paper's weights are untied, its decoder rows of unit length.

    Args:
        threshold_init: the threshold before training
        bandwidth: width of the interval around the threshold in which pre-activations move it
        threshold_scale: whether the "log" of the threshold is learned, or the threshold itself ("direct")
        l0_penalty: "count" adds sparsity_penalty L0 to the loss, "target" sparsity_penalty (L0 / target_l0 - 1)^2 (the
            paper's appendix G), where L0 is the batch's mean number of active latents
        target_l0: that number, for the penalty "target"

    Tensors: W_enc, b_enc, b_dec as in saes; log_threshold or threshold (instances, n_latents); W_dec if untied.
    """

    per_instance: ClassVar[tuple[str, ...]] = ("threshold_init", "bandwidth", "target_l0")

    tied: bool = True
    decoder_norm: str = "free"
    threshold_init: float
    bandwidth: float
    threshold_scale: str = "log"
    l0_penalty: str = "count"
    target_l0: float | str = "none"

    def initialise(
        self, d_in: int, n_latents: int, generators: list[torch.Generator], settings: Parameters | None = None
    ) -> Parameters:
        """Weights as those of LinearSae; all thresholds alike."""
        parameters = super().initialise(d_in, n_latents, generators, settings)
        init = self._stored_threshold(self.setting(parameters, "threshold_init"))
        start = init if isinstance(init, Tensor) else torch.full((len(generators), 1), init)
        name = "log_threshold" if self.threshold_scale == "log" else "threshold"
        return parameters | {name: start.expand(-1, n_latents).clone()}

    def _stored_threshold(self, threshold: float | Tensor) -> float | Tensor:
        """The number that is learned for a threshold."""
        if self.threshold_scale == "direct":
            return threshold
        return threshold.log() if isinstance(threshold, Tensor) else math.log(threshold)

    def threshold(self, parameters: Parameters) -> Tensor:
        """(instances, n_latents)"""
        return parameters["log_threshold"].exp() if self.threshold_scale == "log" else parameters["threshold"]

    def encode(self, parameters: Parameters, h: Tensor) -> Tensor:
        bandwidth = self.setting(parameters, "bandwidth")
        return JumpRelu.apply(self.pre_activation(parameters, h), spread(self.threshold(parameters), h), bandwidth)

    def losses(self, parameters: Parameters, h: Tensor, sparsity_penalty: Tensor) -> Losses:
        """mean_d (h - h')^2 + sparsity_penalty * sum_j H(pre_j - threshold_j), averaged over the batch."""
        pre, threshold = self.pre_activation(parameters, h), spread(self.threshold(parameters), h)
        bandwidth = self.setting(parameters, "bandwidth")
        z = JumpRelu.apply(pre, threshold, bandwidth)
        active = Heaviside.apply(pre, threshold, bandwidth)
        reconstruction = self.squared_error(h, self.decode(parameters, z))
        sparsity = active.sum(-1).mean(0)
        if self.l0_penalty == "target":
            target = self.setting(parameters, "target_l0")
            target = target[:, 0] if isinstance(target, Tensor) else target
            sparsity = (sparsity / target - 1) ** 2
        return Losses(reconstruction, sparsity, reconstruction + sparsity_penalty * sparsity, fraction_active(active))

    def restart_latent(
        self, parameters: Parameters, instance: int, latent: int, direction: Tensor, scale: float
    ) -> None:
        """W_enc = scale v, which is also the decoder if tied; b_enc = 0, and the threshold is the initial one again."""
        super().restart_latent(parameters, instance, latent, direction, scale)
        init = self.setting(parameters, "threshold_init")
        own = float(init[instance, 0]) if isinstance(init, Tensor) else init
        name = "log_threshold" if self.threshold_scale == "log" else "threshold"
        parameters[name][instance, latent] = self._stored_threshold(own)

    def thresholds(self, parameters: Parameters) -> Tensor:
        return self.threshold(parameters)

    def after_step(self, parameters: Parameters) -> None:
        super().after_step(parameters)
        if self.threshold_scale == "direct" and "threshold" in parameters:
            parameters["threshold"].clamp_(min=LOWEST_THRESHOLD)
