"""The gated autoencoder: one half of the encoder decides which latents fire, the other how much."""

from dataclasses import dataclass

import torch
from torch import Tensor

from superposition.saes.architecture import (
    Architecture,
    Losses,
    Parameters,
    draw_weights,
    fraction_active,
    normalise_decoder,
    read,
    spread,
    write,
)


@dataclass(frozen=True, kw_only=True)
class GatedSae(Architecture):
    """z = 1[pi > 0] ReLU((h - b_dec) W_mag + b_mag) with pi = (h - b_dec) W_gate + b_gate; decoded as by ReluSae.

    The encoders share their directions: W_mag = W_gate exp(r_mag), a factor per latent. The penalty falls on the gate
    alone, so that it need not shrink magnitudes, and an auxiliary loss, which asks the gate to reconstruct by itself,
    trains the gate: 1[pi > 0] has no gradient.

    Rajamanoharan et al. 2024a ("Improving Dictionary Learning with Gated Sparse Autoencoders", section 3)
    with the conventions of ARENA 1.5.4 section 5: the reconstruction is averaged and the auxiliary loss summed over
    d_in, and the decoder is normalised in the forward pass and after every step. The paper sums both over d_in.

    Args:
        auxiliary_decoder: whether the auxiliary loss trains the decoder ("trained") or not ("frozen", as it should be)

    Tensors: W_gate (instances, d_in, n_latents); b_gate, r_mag, b_mag (instances, n_latents); W_dec, b_dec as in saes.
    """

    auxiliary_decoder: str = "frozen"

    def initialise(
        self, d_in: int, n_latents: int, generators: list[torch.Generator], settings: Parameters | None = None
    ) -> Parameters:
        """Weights uniform, see draw_weights; r_mag and biases zero; decoder rows normalised."""
        n = len(generators)
        parameters = {
            "W_gate": draw_weights(generators, d_in, n_latents),
            "W_dec": draw_weights(generators, n_latents, d_in),
            "b_gate": torch.zeros(n, n_latents),
            "r_mag": torch.zeros(n, n_latents),
            "b_mag": torch.zeros(n, n_latents),
            "b_dec": torch.zeros(n, d_in),
        }
        self.after_step(parameters)
        return parameters | (settings or {})

    @staticmethod
    def gate_and_magnitude(parameters: Parameters, h: Tensor) -> tuple[Tensor, Tensor]:
        """The gate's pre-activation pi and the magnitude before its ReLU, both (batch, instances, n_latents)."""
        shared = read(h, parameters["b_dec"], parameters["W_gate"])
        b_gate, scale, b_mag = (
            spread(vector, h) for vector in (parameters["b_gate"], parameters["r_mag"].exp(), parameters["b_mag"])
        )
        return shared + b_gate, shared * scale + b_mag

    def encode(self, parameters: Parameters, h: Tensor) -> Tensor:
        pi, magnitude = self.gate_and_magnitude(parameters, h)
        return (pi > 0) * torch.relu(magnitude)

    def decode(self, parameters: Parameters, z: Tensor) -> Tensor:
        return write(z, normalise_decoder(parameters), parameters["b_dec"])

    def losses(self, parameters: Parameters, h: Tensor, sparsity_penalty: Tensor) -> Losses:
        """mean_d (h - h')^2 + sparsity_penalty * sum_j ReLU(pi_j) + sum_d (h - h'_gate)^2, averaged over the batch.

        In the last term, the auxiliary loss, h'_gate is ReLU(pi) decoded with W_dec and b_dec held constant, unless
        auxiliary_decoder is "trained".
        """
        pi, magnitude = self.gate_and_magnitude(parameters, h)
        z, gate = (pi > 0) * torch.relu(magnitude), torch.relu(pi)
        reconstruction = self.squared_error(h, self.decode(parameters, z))
        sparsity = gate.sum(-1).mean(0)
        decoder = {key: parameters[key] for key in ("W_dec", "b_dec")}
        if self.auxiliary_decoder == "frozen":
            decoder = {key: tensor.detach() for key, tensor in decoder.items()}
        auxiliary = ((h - self.decode(decoder, gate)) ** 2).sum(-1).mean(0)
        total = reconstruction + sparsity_penalty * sparsity + auxiliary
        return Losses(reconstruction, sparsity, total, fraction_active(z))

    def restart_latent(
        self, parameters: Parameters, instance: int, latent: int, direction: Tensor, scale: float
    ) -> None:
        """W_dec = v, W_gate = scale v; b_gate, b_mag and r_mag are 0 again, so gate and magnitude are the same."""
        parameters["W_dec"][instance, latent] = direction
        parameters["W_gate"][instance, :, latent] = scale * direction
        for key in ("b_gate", "r_mag", "b_mag"):
            parameters[key][instance, latent] = 0.0

    def weights(self, parameters: Parameters) -> Parameters:
        """The encoder is the gate's: where a latent looks; exp(r_mag) changes the length alone."""
        own = {"W_enc": "W_gate", "b_enc": "b_gate", "W_dec": "W_dec", "b_dec": "b_dec"}
        return {key: parameters[name] for key, name in own.items()}

    def thresholds(self, parameters: Parameters) -> Tensor:
        return torch.zeros_like(parameters["b_gate"])

    def after_step(self, parameters: Parameters) -> None:
        parameters["W_dec"].copy_(normalise_decoder(parameters))
