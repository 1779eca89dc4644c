"""What becomes of dead latents: they are restarted in place, in directions of their own.

Every instance draws from generators of its own, so that its draws do not depend on the other instances' dead latents.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from superposition.saes.architecture import Architecture, Parameters


@torch.no_grad()
def resample_simple(
    architecture: Architecture,
    parameters: Parameters,
    dead: Tensor,
    scale: float,
    generators: list[torch.Generator],
) -> Tensor:
    """Restart every dead latent in a new random direction (ARENA 1.5.4, section 5), see `restart_latent`.

    Args:
        dead: (instances, n_latents) bool; the others are left as they are
        generators: one per instance

    Returns:
        (instances, n_latents) bool, on the CPU: which latents were restarted; here all the dead
    """
    b_dec = parameters["b_dec"]
    for instance, latent in dead.cpu().nonzero().tolist():
        direction = torch.randn(b_dec.shape[-1], generator=generators[instance])
        direction = (direction / direction.norm()).to(b_dec.device)
        architecture.restart_latent(parameters, instance, latent, direction, scale)
    return dead.cpu().clone()


@torch.no_grad()
def resample_advanced(
    architecture: Architecture,
    parameters: Parameters,
    dead: Tensor,
    scale: float,
    generators: list[torch.Generator],
    draw_batch: Callable[[int], Tensor],
) -> Tensor:
    """Restart every dead latent towards an activation that is badly reconstructed.

    The activation h is drawn, with replacement, from a fresh batch with probability proportional to the square of its
    squared error |h - h'|^2. The latent then looks for and writes the direction of h - b_dec, with an encoder `scale`
    times as long as those of the instance's live latents are on average (1 if none is alive). Bricken et al. 2023
    (appendix, "Neuron Resampling") as in ARENA 1.5.4, section 5.

    An instance with nothing to draw keeps its dead latents: one that reconstructs its batch exactly, or whose errors
    are no longer finite, which the end of the stretch will report.

    Args:
        dead: (instances, n_latents) bool; the others are left as they are
        generators: one per instance, to draw from its batch
        draw_batch: instance -> (batch, d_in) fresh activations

    Returns:
        (instances, n_latents) bool, on the CPU: which latents were restarted
    """
    dead = dead.cpu()
    restarted = torch.zeros_like(dead)
    for instance in dead.any(1).nonzero()[:, 0].tolist():
        one = {key: tensor[instance, None] for key, tensor in parameters.items()}
        h = draw_batch(instance)
        h_hat = architecture.decode(one, architecture.encode(one, h[:, None]))[:, 0]
        offset = (h - one["b_dec"]).cpu()
        square = ((h - h_hat).double() ** 2).sum(-1).cpu() ** 2
        square[offset.norm(dim=-1) == 0] = 0.0  # no direction
        if not 0 < square.sum() < math.inf:  # nor where it is NaN
            continue
        latents = dead[instance].nonzero()[:, 0]
        drawn = offset[torch.multinomial(square, len(latents), replacement=True, generator=generators[instance])]
        norms = architecture.weights(one)["W_enc"][0].norm(dim=0).cpu()[~dead[instance]]
        length = scale * (norms.mean().item() if len(norms) else 1.0)
        for latent, direction in zip(latents.tolist(), drawn / drawn.norm(dim=-1, keepdim=True), strict=True):
            architecture.restart_latent(parameters, instance, latent, direction.to(h.device), length)
        restarted[instance] = dead[instance]
    return restarted
