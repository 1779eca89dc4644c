"""The loops that one would write first, plainly: what every engine is measured against.

Dense `torch.rand` twice per step, einsum, autograd, `torch.optim.Adam`, the learning rate set anew at each step, all
instances in one tensor: the shape of the notebook that came with Elhage et al. 2022 and of the ARENA chapter. Each loop
takes `steps` steps from the parameters it is given, on their device, and returns the trained ones. The losses are
functions of their own because both sides of a comparison are judged by them; each is (instances,).
"""

import torch
from einops import einsum
from torch import Tensor

Parameters = dict[str, Tensor]


def toy_model_loss(parameters: Parameters, x: Tensor, importance: Tensor) -> Tensor:
    """x' = ReLU(W^T W x + b); x (batch, instances, n_features), importance (n_features,)."""
    W, b = parameters["W"], parameters["b_final"]
    h = einsum(W, x, "inst hidden feature, batch inst feature -> batch inst hidden")
    out = torch.relu(einsum(W, h, "inst hidden feature, batch inst hidden -> batch inst feature") + b)
    return (importance * (x - out) ** 2).mean(dim=(0, 2))


def relu_sae_loss(parameters: Parameters, h: Tensor, penalty: float) -> Tensor:
    """z = ReLU((h - b_dec) W_enc + b_enc), h' = z W_dec / |W_dec| + b_dec; h (batch, instances, d_in)."""
    W_enc, W_dec, b_enc, b_dec = (parameters[name] for name in ("W_enc", "W_dec", "b_enc", "b_dec"))
    directions = W_dec / (W_dec.norm(dim=-1, keepdim=True) + 1e-8)
    z = torch.relu(einsum(h - b_dec, W_enc, "batch inst d, inst d latent -> batch inst latent") + b_enc)
    h_hat = einsum(z, directions, "batch inst latent, inst latent d -> batch inst d") + b_dec
    return (((h - h_hat) ** 2).mean(-1) + penalty * z.abs().sum(-1)).mean(0)


def gated_sae_loss(parameters: Parameters, h: Tensor, penalty: float) -> Tensor:
    """Rajamanoharan et al. 2024, section 3.2: a gate decides which latents are active, a magnitude how much.

    gate = (h - b_dec) W_gate + b_gate, magnitude = ReLU(e^r_mag (h - b_dec) W_gate + b_mag), z = 1[gate > 0] magnitude.
    The penalty and an auxiliary reconstruction, through a decoder without gradient, train the gate.
    """
    names = ("W_gate", "W_dec", "b_gate", "b_mag", "r_mag", "b_dec")
    W_gate, W_dec, b_gate, b_mag, r_mag, b_dec = (parameters[name] for name in names)
    directions = W_dec / (W_dec.norm(dim=-1, keepdim=True) + 1e-8)
    projected = einsum(h - b_dec, W_gate, "batch inst d, inst d latent -> batch inst latent")
    gate = projected + b_gate
    z = (gate > 0) * torch.relu(projected * r_mag.exp() + b_mag)
    h_hat = einsum(z, directions, "batch inst latent, inst latent d -> batch inst d") + b_dec
    open_gate = torch.relu(gate)
    pattern = "batch inst latent, inst latent d -> batch inst d"
    h_gate = einsum(open_gate, directions.detach(), pattern) + b_dec.detach()
    auxiliary = ((h - h_gate) ** 2).sum(-1)
    return (((h - h_hat) ** 2).mean(-1) + penalty * open_gate.sum(-1) + auxiliary).mean(0)


def train_toy_models(
    parameters: Parameters, probability: Tensor, importance: Tensor, steps: int, batch: int
) -> Parameters:
    """Fresh samples at every step; W, b_final, probability (instances, n_features), importance (n_features,)."""
    device = probability.device
    parameters = {name: torch.nn.Parameter(tensor) for name, tensor in parameters.items()}
    optimizer = torch.optim.Adam(parameters.values(), lr=1e-3)
    for _ in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3
        optimizer.zero_grad()
        shape = (batch, *probability.shape)
        present = torch.rand(shape, device=device) < probability
        x = torch.where(present, torch.rand(shape, device=device), 0.0)
        toy_model_loss(parameters, x, importance).sum().backward()
        optimizer.step()
    return {name: parameter.detach() for name, parameter in parameters.items()}


def train_full_batch(parameters: Parameters, x: Tensor, weight_decay: float, steps: int) -> Parameters:
    """The same samples x (n_points, instances, n_features) at every step, with AdamW (Henighan et al. 2023)."""
    parameters = {name: torch.nn.Parameter(tensor) for name, tensor in parameters.items()}
    optimizer = torch.optim.AdamW(parameters.values(), lr=1e-3, weight_decay=weight_decay)
    importance = torch.ones(x.shape[-1], device=x.device)
    for _ in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3
        optimizer.zero_grad()
        toy_model_loss(parameters, x, importance).sum().backward()
        optimizer.step()
    return {name: parameter.detach() for name, parameter in parameters.items()}


def start_saes(architecture: str, d_in: int, n_latents: int, generators: list[torch.Generator]) -> Parameters:
    """The parameters of "relu" or "gated", one instance per generator: weights uniform, the decoder's rows of unit
    length, all else zero."""
    bound = (6 / (d_in * n_latents)) ** 0.5
    encoder = [(2 * torch.rand(d_in, n_latents, generator=generator) - 1) * bound for generator in generators]
    decoder = [(2 * torch.rand(n_latents, d_in, generator=generator) - 1) * bound for generator in generators]
    W_dec = torch.stack(decoder)
    names = {"relu": ["W_enc", "b_enc"], "gated": ["W_gate", "b_gate", "b_mag", "r_mag"]}[architecture]
    return {
        names[0]: torch.stack(encoder),
        "W_dec": W_dec / (W_dec.norm(dim=-1, keepdim=True) + 1e-8),
        "b_dec": torch.zeros(len(generators), d_in),
        **{name: torch.zeros(len(generators), n_latents) for name in names[1:]},
    }


def fit_saes(
    architecture: str, parameters: Parameters, W: Tensor, probability: Tensor, penalty: float, steps: int, batch: int
) -> Parameters:
    """Fresh activations h = W x at every step, decoder rows normalised after it.

    Args:
        architecture: "relu" or "gated", whose loss above says what the parameters are
        W: (d_in, n_features); probability: (instances, n_features)
    """
    loss_of = {"relu": relu_sae_loss, "gated": gated_sae_loss}[architecture]
    device = probability.device
    parameters = {name: torch.nn.Parameter(tensor) for name, tensor in parameters.items()}
    optimizer = torch.optim.Adam(parameters.values(), lr=1e-3)
    for _ in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3
        optimizer.zero_grad()
        shape = (batch, *probability.shape)
        present = torch.rand(shape, device=device) < probability
        x = torch.where(present, torch.rand(shape, device=device), 0.0)
        h = einsum(W, x, "d feature, batch inst feature -> batch inst d")
        loss_of(parameters, h, penalty).sum().backward()
        optimizer.step()
        with torch.no_grad():
            W_dec = parameters["W_dec"]
            W_dec /= W_dec.norm(dim=-1, keepdim=True) + 1e-8
    return {name: parameter.detach() for name, parameter in parameters.items()}
