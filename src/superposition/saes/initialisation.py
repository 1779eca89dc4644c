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

    "uniform" leaves the architecture's own draw. "orthogonal" leaves that of the encoder, where it is not the decoder
    itself, and draws the decoder by `draw_orthogonal` (Sharkey et al. 2022). "transposed" draws directions uniformly
    and makes each encoder its decoder row's transpose (Gao et al. 2024, appendix A.1). "truth" takes them from the true
    features, in their order, and draws those of the latents beyond; Gaussian noise of the expected length `noise` is
    added to the true ones. b_dec then begins at the true bias, if it is trained. Encoders, unless "orthogonal", and
    decoder rows that are free have the length `norm`.

    Args:
        W: (d_in, n_features) the true features; bias: (d_in,)
        generators: one per instance
    """
    if initialisation["method"] == "uniform":
        return
    d_in, n_latents = len(W), architecture.weights(parameters)["b_enc"].shape[1]
    if initialisation["method"] == "orthogonal":
        rows = torch.stack([draw_orthogonal(n_latents, d_in, generator) for generator in generators])
        own = parameters["W_dec"] if "W_dec" in parameters else parameters["W_enc"].mT
        own.copy_(initialisation["norm"] * rows if is_free(architecture) else rows)
        return
    for instance, generator in enumerate(generators):
        directions = torch.randn(n_latents, d_in, generator=generator)
        if initialisation["method"] == "truth":
            truth = normalise(W.T.cpu()[:n_latents])
            noise = torch.randn(len(truth), d_in, generator=generator) / d_in**0.5
            directions[: len(truth)] = truth + initialisation["noise"] * noise
            if architecture.decoder_bias:
                parameters["b_dec"][instance] = bias
        for latent, direction in enumerate(normalise(directions).to(parameters["b_dec"].device)):
            architecture.restart_latent(parameters, instance, latent, direction, initialisation["norm"])
    if is_free(architecture) and not architecture.tied:
        parameters["W_dec"] *= initialisation["norm"]


def is_free(architecture: Architecture) -> bool:
    """Whether decoder rows may have any length."""
    return isinstance(architecture, LinearSae) and architecture.decoder_norm == "free"


def draw_orthogonal(n: int, d: int, generator: torch.Generator) -> Tensor:
    """(n, d) random unit vectors, orthogonal to each other; beyond d of them, the rows, scaled to unit length, of a
    matrix with orthogonal columns of one length (Saxe et al. 2013)."""
    Q, R = torch.linalg.qr(torch.randn(max(n, d), min(n, d), generator=generator))
    Q = Q * R.diagonal().sign()  # uniform among all such matrices
    return normalise(Q if n > d else Q.T)
