"""The ReLU autoencoder with an L1 penalty."""

from dataclasses import dataclass

import torch
from torch import Tensor

from superposition.saes.architecture import (
    Architecture,
    Losses,
    Parameters,
    draw_weights,
    mean_squared_error,
    normalise_decoder,
    read,
    write,
)


@dataclass(frozen=True)
class ReluSae(Architecture):
    """z = ReLU((h - b_dec) W_enc + b_enc),  h' = z W_dec / |W_dec| + b_dec.

    Bricken et al. 2023 ("Towards Monosemanticity", Sparse Autoencoder Setup) with the conventions of ARENA 1.5.4
    section 5: reconstruction is averaged, not summed, over d_in, and the decoder is normalised in the forward pass and
    after every step.
    """

    def initialise(self, d_in: int, n_latents: int, generators: list[torch.Generator]) -> Parameters:
        """Weights uniform, see draw_weights; biases zero; decoder rows normalised."""
        n = len(generators)
        parameters = {
            "W_enc": draw_weights(generators, d_in, n_latents),
            "W_dec": draw_weights(generators, n_latents, d_in),
            "b_enc": torch.zeros(n, n_latents),
            "b_dec": torch.zeros(n, d_in),
        }
        self.after_step(parameters)
        return parameters

    def encode(self, parameters: Parameters, h: Tensor) -> Tensor:
        return torch.relu(read(h, parameters["b_dec"], parameters["W_enc"]) + parameters["b_enc"])

    def decode(self, parameters: Parameters, z: Tensor) -> Tensor:
        return write(z, normalise_decoder(parameters), parameters["b_dec"])

    def losses(self, parameters: Parameters, h: Tensor, sparsity_penalty: Tensor) -> Losses:
        """mean_d (h - h')^2 + sparsity_penalty * sum_j |z_j|, averaged over the batch."""
        z = self.encode(parameters, h)
        reconstruction = mean_squared_error(h, self.decode(parameters, z))
        sparsity = z.abs().sum(-1).mean(0)
        return Losses(reconstruction, sparsity, reconstruction + sparsity_penalty * sparsity, (z > 0).detach())

    def restart_latent(
        self, parameters: Parameters, instance: int, latent: int, direction: Tensor, scale: float
    ) -> None:
        """W_dec = v, W_enc = scale v, b_enc = 0 (ARENA 1.5.4, section 5)."""
        parameters["W_dec"][instance, latent] = direction
        parameters["W_enc"][instance, :, latent] = scale * direction
        parameters["b_enc"][instance, latent] = 0.0

    def thresholds(self, parameters: Parameters) -> Tensor:
        return torch.zeros_like(parameters["b_enc"])

    def after_step(self, parameters: Parameters) -> None:
        parameters["W_dec"].copy_(normalise_decoder(parameters))
