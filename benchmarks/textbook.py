"""The loops that one would write first, plainly: what every engine is measured against.

Dense `torch.rand` twice per step, einsum, autograd, `torch.optim.Adam`, the learning rate set anew at each step, all
instances in one tensor: the shape of the notebook that came with Elhage et al. 2022 and of the ARENA chapter. Each
function trains for `steps` steps and returns the trained parameters.
"""

import torch
from einops import einsum
from torch import Tensor


def train_toy_models(
    n_instances: int, n_features: int, n_hidden: int, probability: Tensor, importance: Tensor, steps: int, batch: int
) -> dict[str, Tensor]:
    """x' = ReLU(W^T W x + b); probability (instances, 1), importance (n_features,)."""
    std = (2 / (n_hidden + n_features)) ** 0.5
    W = torch.nn.Parameter(torch.randn(n_instances, n_hidden, n_features) * std)
    b = torch.nn.Parameter(torch.zeros(n_instances, n_features))
    optimizer = torch.optim.Adam([W, b], lr=1e-3)
    for _ in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3
        optimizer.zero_grad()
        shape = (batch, n_instances, n_features)
        x = torch.where(torch.rand(shape) < probability, torch.rand(shape), 0.0)
        h = einsum(W, x, "inst hidden feature, batch inst feature -> batch inst hidden")
        out = torch.relu(einsum(W, h, "inst hidden feature, batch inst hidden -> batch inst feature") + b)
        loss = (importance * (x - out) ** 2).mean(dim=(0, 2)).sum()
        loss.backward()
        optimizer.step()
    return {"W": W.detach(), "b_final": b.detach()}


def fit_saes(
    W_model: Tensor, probability: float, n_instances: int, n_latents: int, penalty: float, steps: int, batch: int
) -> dict[str, Tensor]:
    """ReLU autoencoders on h = W_model x, W_model (d_in, n_features); decoder rows normalised after every step."""
    d_in, n_features = W_model.shape
    bound = (6 / (d_in * n_latents)) ** 0.5
    W_enc = torch.nn.Parameter(torch.empty(n_instances, d_in, n_latents).uniform_(-bound, bound))
    W_dec = torch.nn.Parameter(torch.empty(n_instances, n_latents, d_in).uniform_(-bound, bound))
    b_enc = torch.nn.Parameter(torch.zeros(n_instances, n_latents))
    b_dec = torch.nn.Parameter(torch.zeros(n_instances, d_in))
    optimizer = torch.optim.Adam([W_enc, W_dec, b_enc, b_dec], lr=1e-3)
    for _ in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3
        optimizer.zero_grad()
        shape = (batch, n_instances, n_features)
        x = torch.where(torch.rand(shape) < probability, torch.rand(shape), 0.0)
        h = einsum(W_model, x, "d feature, batch inst feature -> batch inst d")
        directions = W_dec / (W_dec.norm(dim=-1, keepdim=True) + 1e-8)
        pre = einsum(h - b_dec, W_enc, "batch inst d, inst d latent -> batch inst latent") + b_enc
        z = torch.relu(pre)
        h_hat = einsum(z, directions, "batch inst latent, inst latent d -> batch inst d") + b_dec
        loss = ((h - h_hat) ** 2).mean(-1) + penalty * z.abs().sum(-1)
        loss.mean(0).sum().backward()
        optimizer.step()
        with torch.no_grad():
            W_dec /= W_dec.norm(dim=-1, keepdim=True) + 1e-8
    parameters = {"W_enc": W_enc, "W_dec": W_dec, "b_enc": b_enc, "b_dec": b_dec}
    return {name: parameter.detach() for name, parameter in parameters.items()}
