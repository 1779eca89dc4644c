"""What the architectures share whose encoder is one matrix: tying, the length of decoder rows, and starting afresh."""

from dataclasses import dataclass

import torch
from torch import Tensor

from superposition.saes.architecture import (
    Architecture,
    Parameters,
    draw_weights,
    normalise,
    read,
    spread,
    write,
)


@dataclass(frozen=True, kw_only=True)
class LinearSae(Architecture):
    """Pre-activations (h - b_dec) W_enc + b_enc, decoded as h' = z D + b_dec.

    Args:
        tied: whether the encoder is D^T; there is then one matrix, W_enc, and no W_dec
        decoder_norm: of the rows of D. "unit": normalised in the forward pass and after every step, which leaves their
            gradient no part along them (ARENA 1.5.4); "projected": normalised after every step, and that part of the
            gradient removed before it (Bricken et al. 2023); "free": as long as training makes them, and penalties
            then weigh a latent by the length of its row (Anthropic, April 2024 update)
    """

    tied: bool = False
    decoder_norm: str = "unit"

    def initialise(
        self, d_in: int, n_latents: int, generators: list[torch.Generator], settings: Parameters | None = None
    ) -> Parameters:
        """Weights uniform, see draw_weights; biases zero; decoder rows normalised unless they are free."""
        n = len(generators)
        parameters = {"W_enc": draw_weights(generators, d_in, n_latents)}
        if not self.tied:
            parameters["W_dec"] = draw_weights(generators, n_latents, d_in)
        parameters |= {"b_enc": torch.zeros(n, n_latents), "b_dec": torch.zeros(n, d_in)}
        self.after_step(parameters)
        return parameters | (settings or {})

    def rows(self, parameters: Parameters) -> Tensor:
        """The rows of D, (instances, n_latents, d_in), of the length at which they are stored."""
        return parameters["W_enc"].mT if self.tied else parameters["W_dec"]

    def directions(self, parameters: Parameters) -> Tensor:
        """D, (instances, n_latents, d_in)"""
        rows = self.rows(parameters)
        return normalise(rows) if self.decoder_norm == "unit" else rows

    def pre_activation(self, parameters: Parameters, h: Tensor) -> Tensor:
        W_enc = self.directions(parameters).mT if self.tied else parameters["W_enc"]
        return read(h, parameters["b_dec"], W_enc) + spread(parameters["b_enc"], h)

    def decode(self, parameters: Parameters, z: Tensor) -> Tensor:
        return write(z, self.directions(parameters), parameters["b_dec"])

    def contribution(self, parameters: Parameters, z: Tensor) -> Tensor:
        """z_j |d_j|, the length of what each latent writes: what penalties and comparisons between latents go by."""
        return z * spread(self.rows(parameters).norm(dim=-1), z) if self.decoder_norm == "free" else z

    def restart_latent(
        self, parameters: Parameters, instance: int, latent: int, direction: Tensor, scale: float
    ) -> None:
        """W_dec = v, W_enc = scale v, b_enc = 0 (ARENA 1.5.4, section 5); a tied encoder is also the decoder."""
        own = 1.0 if self.tied and self.decoder_norm != "free" else scale
        parameters["W_enc"][instance, :, latent] = own * direction
        parameters["b_enc"][instance, latent] = 0.0
        if not self.tied:
            parameters["W_dec"][instance, latent] = direction

    def adjust_gradients(self, parameters: Parameters, gradients: Parameters) -> None:
        name = "W_enc" if self.tied else "W_dec"
        if self.decoder_norm == "projected" and name in gradients:
            axis = 1 if self.tied else 2
            rows, gradient = parameters[name], gradients[name]  # rows are of unit length
            gradient.sub_((gradient * rows).sum(axis, keepdim=True) * rows)

    def after_step(self, parameters: Parameters) -> None:
        if self.decoder_norm != "free":
            rows = self.rows(parameters)
            rows.copy_(normalise(rows))

    def weights(self, parameters: Parameters) -> Parameters:
        if not self.tied:
            return super().weights(parameters)
        directions = self.directions(parameters)
        own = {key: parameters[key] for key in ("b_enc", "b_dec")}
        return own | {"W_enc": directions.mT, "W_dec": directions}
