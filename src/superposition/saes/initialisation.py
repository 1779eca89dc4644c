"""Where autoencoders begin: at the architecture's own draw, with encoders along their decoders, or at the truth."""

import torch
from torch import Tensor

from superposition.saes.architecture import Architecture, Parameters, normalise
from superposition.saes.linear import LinearSae


@torch.no_grad()
def place_latents(
    architecture: Architecture,
    parameters: Parameters,
    initialisation: dict,
    W: Tensor,
    bias: Tensor,
    generators: list[torch.Generator],
) -> None:
    """Give every latent a direction of its own, in place, as the block `initialisation` of the configuration says.

    "uniform" leaves the architecture's own draw. "transposed" draws directions uniformly and makes each encoder its
    decoder row's transpose (Gao et al. 2024, appendix A.1). "truth" takes them from the true features, in their order,
    and draws those of the latents beyond; Gaussian noise of the expected length `noise` is added to the true ones.
    b_dec then begins at the true bias. Encoders, and decoder rows that are free, have the length `norm`.

    Args:
        W: (d_in, n_features) the true features; bias: (d_in,)
        generators: one per instance
    """
    if initialisation["method"] == "uniform":
        return
    d_in, n_latents = len(W), architecture.weights(parameters)["b_enc"].shape[1]
    for instance, generator in enumerate(generators):
        directions = torch.randn(n_latents, d_in, generator=generator)
        if initialisation["method"] == "truth":
            truth = normalise(W.T.cpu()[:n_latents])
            noise = torch.randn(len(truth), d_in, generator=generator) / d_in**0.5
            directions[: len(truth)] = truth + initialisation["noise"] * noise
            parameters["b_dec"][instance] = bias
        for latent, direction in enumerate(normalise(directions).to(parameters["b_dec"].device)):
            architecture.restart_latent(parameters, instance, latent, direction, initialisation["norm"])
    if isinstance(architecture, LinearSae) and architecture.decoder_norm == "free" and not architecture.tied:
        parameters["W_dec"] *= initialisation["norm"]
