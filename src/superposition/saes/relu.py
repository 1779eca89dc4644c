"""The ReLU autoencoder with an L1 penalty."""

from dataclasses import dataclass

import torch
from torch import Tensor

from superposition.saes.architecture import Losses, Parameters, fraction_active
from superposition.saes.linear import LinearSae


@dataclass(frozen=True, kw_only=True)
class ReluSae(LinearSae):
    """z = ReLU((h - b_dec) W_enc + b_enc),  h' = z W_dec / |W_dec| + b_dec.

    Bricken et al. 2023 ("Towards Monosemanticity", Sparse Autoencoder Setup) with the conventions of ARENA 1.5.4
    section 5: reconstruction is averaged, not summed, over d_in, and the decoder is normalised in the forward pass and
    after every step. Cunningham et al. 2023 tie the weights; Templeton et al. 2024 leave the decoder free.
    """

    def encode(self, parameters: Parameters, h: Tensor) -> Tensor:
        return torch.relu(self.pre_activation(parameters, h))

    def losses(self, parameters: Parameters, h: Tensor, sparsity_penalty: Tensor) -> Losses:
        """mean_d (h - h')^2 + sparsity_penalty * sum_j |z_j| |d_j|, averaged over the batch."""
        z = self.encode(parameters, h)
        reconstruction = self.squared_error(h, self.decode(parameters, z))
        sparsity = self.contribution(parameters, z).abs().sum(-1).mean(0)
        return Losses(reconstruction, sparsity, reconstruction + sparsity_penalty * sparsity, fraction_active(z))

    def thresholds(self, parameters: Parameters) -> Tensor:
        return torch.zeros_like(parameters["b_enc"])
