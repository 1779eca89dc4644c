"""Losses and gradients of autoencoders by compiled kernels, for batches from any source; `saes` is the specification.

They differ from autograd's by rounding alone, and take a third to a fifth of the time: of the latents that are silent
none is computed behind the encoder.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from superposition import saes
from superposition.kernels import batch_gated, batch_pursuit
from superposition.kernels.batch_linear import DIFFERENTIATE
from superposition.kernels.compilation import call
from superposition.optimizers import evaluate_and_differentiate
from superposition.saes.p_annealing import SHIFT

Gradients = dict[str, Tensor]
Result = tuple[saes.Losses, Gradients]
Differentiate = Callable[[saes.Parameters, Tensor, Tensor], Result]

RULES = {
    saes.ReluSae: "relu",
    saes.MatryoshkaReluSae: "relu",
    saes.PAnnealingSae: "p_annealing",
    saes.TopKSae: "topk",
    saes.BatchTopKSae: "batchtopk",
    saes.MatryoshkaBatchTopKSae: "batchtopk",
    saes.JumpReluSae: "jumprelu",
}


def choose_differentiate(architecture: saes.Architecture, engine: str, device: torch.device) -> Differentiate:
    """(parameters, h, sparsity_penalty) -> the architecture's losses, and the gradients of their totals by what is
    trained: by a kernel on a CPU, unless the engine asked for is "torch"; else by autograd."""
    kind, fused = type(architecture), engine == "auto" and device.type == "cpu"
    if fused and kind in RULES:
        return partial(differentiate_linear, called_often(DIFFERENTIATE[RULES[kind]]), architecture)
    if fused and kind is saes.GatedSae:
        return partial(differentiate_gated, called_often(batch_gated.differentiate), architecture)
    if fused and kind is saes.MatchingPursuitSae:
        return partial(differentiate_pursuit, called_often(batch_pursuit.differentiate), architecture)
    return partial(differentiate_by_autograd, architecture)


def called_often(kernel: Callable) -> Callable:
    """`call` for every step: only the first one looks for machine code, so that types must stay the same."""
    run = partial(call, kernel)

    def called(*arguments):
        nonlocal run
        result, run = run(*arguments), kernel
        return result

    return called


def differentiate_by_autograd(
    architecture: saes.Architecture, parameters: saes.Parameters, h: Tensor, penalty: Tensor
) -> Result:
    return evaluate_and_differentiate(
        architecture.trained(parameters),
        lambda: architecture.losses(parameters, h, penalty),
        lambda losses: losses.total,
    )


def differentiate_linear(
    run: Callable, architecture: saes.LinearSae, parameters: saes.Parameters, h: Tensor, penalty: Tensor
) -> Result:
    rows, b_dec, tied = architecture.rows(parameters).contiguous(), parameters["b_dec"], architecture.tied
    n_instances, n_latents, d_in = rows.shape
    settings, latents, learned = _of_rule(architecture, parameters, len(h))
    widths, shares = _prefixes(architecture, parameters, n_latents)
    dead, auxiliary = torch.zeros(n_instances, n_latents, dtype=torch.bool), (0.0, 0.0)
    if isinstance(architecture, saes.AuxiliarySae):
        dead, auxiliary = architecture.dead(parameters), (architecture.aux_count(d_in), architecture.aux_coefficient)
    W_enc = torch.empty(n_instances, 0, 0) if tied else parameters["W_enc"]
    gradients = [torch.empty_like(each) for each in (W_enc, rows, parameters["b_enc"], b_dec, latents)]
    fired, losses, followed = torch.empty(n_instances, n_latents), np.empty((n_instances, 3)), torch.empty(n_instances)
    run(
        _samples(h), W_enc.numpy(), rows.numpy(), parameters["b_enc"].numpy(), b_dec.numpy(),
        architecture.decoder_norm == "unit", architecture.decoder_norm == "free",
        settings, latents.numpy(), widths, shares, _of_instances(penalty, n_instances), _factor(architecture, d_in),
        dead.numpy(), np.array(auxiliary), *[each.numpy() for each in gradients], fired.numpy(), losses,
        followed.numpy(),
    )  # fmt: skip
    by_W_enc, by_rows, by_b_enc, by_b_dec, by_latents = gradients
    named = {"W_enc": by_rows.mT.contiguous()} if tied else {"W_enc": by_W_enc, "W_dec": by_rows}
    named |= {"b_enc": by_b_enc, "b_dec": by_b_dec}
    if learned:
        named[learned] = by_latents * latents if learned == "log_threshold" else by_latents
    return _result(architecture, parameters, penalty, losses, fired / len(h), named, followed)


def differentiate_gated(
    run: Callable, architecture: saes.GatedSae, parameters: saes.Parameters, h: Tensor, penalty: Tensor
) -> Result:
    names = "W_gate", "W_dec", "b_gate", "r_mag", "b_mag", "b_dec"
    own = [parameters[name] for name in names]
    gradients = [torch.empty_like(each) for each in own]
    n_instances, n_latents, d_in = parameters["W_dec"].shape
    fired, losses = torch.empty(n_instances, n_latents), np.empty((n_instances, 3))
    run(
        _samples(h), *[each.numpy() for each in own], _of_instances(penalty, n_instances),
        _factor(architecture, d_in), architecture.auxiliary_decoder == "trained",
        *[each.numpy() for each in gradients], fired.numpy(), losses,
    )  # fmt: skip
    named = dict(zip(names, gradients, strict=True))
    return _result(architecture, parameters, penalty, losses, fired / len(h), named)


def differentiate_pursuit(
    run: Callable, architecture: saes.MatchingPursuitSae, parameters: saes.Parameters, h: Tensor, penalty: Tensor
) -> Result:
    W_dec, b_dec = parameters["W_dec"], parameters["b_dec"]
    gradients = {"W_dec": torch.empty_like(W_dec), "b_dec": torch.empty_like(b_dec)}
    n_instances, n_latents, d_in = W_dec.shape
    fired, losses = torch.empty(n_instances, n_latents), np.zeros((n_instances, 3))
    run(
        _samples(h), W_dec.numpy(), b_dec.numpy(), np.array(architecture.counts(parameters)),
        _factor(architecture, d_in), *[each.numpy() for each in gradients.values()], fired.numpy(), losses,
    )  # fmt: skip
    return _result(architecture, parameters, penalty, losses, fired / len(h), gradients)


def _result(
    architecture: saes.Architecture,
    parameters: saes.Parameters,
    penalty: Tensor,
    losses: np.ndarray,
    fraction_active: Tensor,
    gradients: Gradients,
    followed: Tensor | None = None,
) -> Result:
    reconstruction, sparsity, auxiliary = torch.from_numpy(losses).float().unbind(1)
    total = reconstruction + penalty * sparsity + auxiliary
    kept = {name: gradients[name] for name in architecture.trained(parameters)}
    return saes.Losses(reconstruction, sparsity, total, fraction_active, followed), kept


def _samples(h: Tensor) -> np.ndarray:
    """(instances or 1, batch, d_in), the samples of an instance side by side."""
    return h.transpose(0, 1).contiguous().numpy()


def _of_instances(penalty: Tensor, n_instances: int) -> np.ndarray:
    return penalty.expand(n_instances).double().numpy()


def _factor(architecture: saes.Architecture, d_in: int) -> float:
    """Of a sample's squared error in the loss."""
    return 1.0 if architecture.reconstruction_loss == "sum" else 1 / d_in


def _of_rule(
    architecture: saes.LinearSae, parameters: saes.Parameters, batch_size: int
) -> tuple[np.ndarray, Tensor, str | None]:
    """The rule's settings, (instances, any), its parameters, (instances, n_latents), and the name of the parameter that
    is learned for these."""
    n, latents, learned, columns = len(parameters["b_dec"]), torch.zeros_like(parameters["b_enc"]), None, []
    match architecture:
        case saes.PAnnealingSae():
            columns = [parameters["power"], parameters["penalty_factor"], SHIFT]
        case saes.BatchTopKSae():
            columns = [architecture.counts(parameters, factor=batch_size, training=True)]
        case saes.TopKSae():
            columns = [architecture.counts(parameters, training=True)]
        case saes.JumpReluSae():
            target = architecture.setting(parameters, "target_l0") if architecture.l0_penalty == "target" else np.nan
            columns = [architecture.setting(parameters, "bandwidth"), target]
            learned = "log_threshold" if architecture.threshold_scale == "log" else "threshold"
            latents = architecture.threshold(parameters)
    settings = np.empty((n, len(columns)))
    for column, values in enumerate(columns):
        settings[:, column] = torch.as_tensor(values).flatten()
    return settings, latents, learned


def _prefixes(
    architecture: saes.LinearSae, parameters: saes.Parameters, n_latents: int
) -> tuple[np.ndarray, np.ndarray]:
    """How many latents each prefix has, and the share of the prefixes that have each latent."""
    widths = np.array([n_latents])
    if isinstance(architecture, saes.MatryoshkaSae):
        widths = np.array([block.stop for block in architecture.blocks(parameters)])
    return widths, (np.arange(n_latents)[:, None] < widths).mean(1).astype(np.float32)
