"""Fits all instances of a sparse-autoencoder sweep, at one seed, to the hidden activations of one trained toy model."""

from collections import deque
from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor

from superposition import saes
from superposition.features import SparseFeatures, make_distribution
from superposition.kernels import sae_training as kernels
from superposition.progress import Progress
from superposition.runs import list_instances, parameter_of_instances
from superposition.sae_history import History
from superposition.seeding import derive_seed, torch_generator
from superposition.training import Recorder, minimise


class Activity:
    """What happened since the last stretch of the history ended, and how often latents fired in the last steps."""

    def __init__(self, window: int):
        self.recent: deque[Tensor] = deque(maxlen=window)
        self.stretch: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(self, losses: saes.Losses) -> None:
        fraction = losses.active.float().mean(0)
        self.recent.append(fraction)
        self.stretch.append((losses.reconstruction.detach(), losses.sparsity.detach(), fraction))

    def dead(self) -> Tensor:
        """(instances, n_latents): silent in every batch of the last `window` steps."""
        return torch.stack(list(self.recent)).sum(0) == 0

    def take_stretch(self) -> list[Tensor]:
        """Means since the last call: reconstruction and sparsity loss, both (instances,), and the fraction of samples
        on which each latent fired, (instances, n_latents)."""
        means = [torch.stack(values).mean(0) for values in zip(*self.stretch, strict=True)]
        self.stretch.clear()
        return means


def fit_saes(
    name: str,
    sae: dict,
    seed: int,
    W: Tensor,
    probability: Tensor,
    features: dict,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> tuple[dict[str, Tensor], pd.DataFrame]:
    """All instances of the sweep `sae` at `seed`.

    Args:
        sae: the SAE's block of the configuration
        W: (d_in, n_features) of the toy model whose activations h = W x are reconstructed
        probability: (n_features,) of the features x; features: the block of the configuration that they come from

    Returns:
        the parameters (see saes), and the history: one row per (step, instance), see `history_table`.
    """
    training, resampling = sae["training"], sae["resampling"]
    n_instances = len(list_instances(sae))
    generators = [torch_generator(seed, name, "init", i) for i in range(n_instances)]
    resamplers = [torch_generator(seed, name, "resample", i) for i in range(n_instances)]
    fresh = [torch_generator(seed, name, "resample", "batch", i) for i in range(n_instances)]
    architecture = saes.make_architecture(sae)
    parameters = architecture.initialise(W.shape[0], sae["n_latents"], generators)
    parameters = {key: tensor.to(device) for key, tensor in parameters.items()}
    penalty, learning_rate = (
        torch.tensor(parameter_of_instances(sae, key), dtype=torch.float32, device=device)
        for key in ("sparsity_penalty", "learning_rate")
    )
    recorder = Recorder(training["log_every"], progress or Progress(name, training["steps"]))

    def weights_and_thresholds() -> saes.Parameters:
        return architecture.weights(parameters) | {"threshold": architecture.thresholds(parameters)}

    history = History(sae, n_instances, weights_and_thresholds())

    of_one_instance = make_distribution(features, probability[None])

    def draw_batch(instance: int) -> Tensor:
        return (of_one_instance.sample(training["batch_size"], fresh[instance])[:, 0] @ W.T).to(device)

    def resample(dead: Tensor) -> None:
        arguments = (architecture, parameters, dead, resampling["scale"], resamplers)
        if resampling["method"] == "advanced":
            history.resampled |= saes.resample_advanced(*arguments, draw_batch)
        else:
            history.resampled |= saes.resample_simple(*arguments)

    def close_stretch(step: int, reconstruction: Tensor, sparsity: Tensor, fraction_active: Tensor) -> None:
        history.close_stretch(step, reconstruction, sparsity, fraction_active, weights_and_thresholds())

    distribution = make_distribution(features, probability.to(device).expand(n_instances, -1))
    fixed = (penalty, training, resampling, learning_rate)
    if training["engine"] == "auto" and kernels.supports(architecture, device):
        seeds = [derive_seed(seed, name, "train", i) for i in range(n_instances)]
        kernels.minimise(architecture, parameters, W, distribution, *fixed, seeds, recorder, close_stretch, resample)
    else:
        batches = torch_generator(seed, name, "train", device=device)
        _minimise(
            architecture, parameters, W.to(device), distribution, *fixed, batches, recorder, close_stretch, resample
        )
    return parameters, history.to_table(recorder, name, seed)


def _minimise(
    architecture: saes.Architecture,
    parameters: saes.Parameters,
    W: Tensor,
    features: SparseFeatures,
    penalty: Tensor,
    training: dict,
    resampling: dict,
    learning_rate: Tensor,
    batches: torch.Generator,
    recorder: Recorder,
    close_stretch: Callable[[int, Tensor, Tensor, Tensor], None],
    resample: Callable[[Tensor], None],
) -> None:
    """The specification, trained by autograd on any device; the kernel's `minimise` says what is called when."""
    activity = Activity(resampling["window"])

    def loss_of_step(step: int) -> Tensor:
        h = features.sample(training["batch_size"], batches) @ W.T
        losses = architecture.losses(parameters, h, penalty)
        activity.add(losses)
        return losses.total

    def before_step(step: int) -> None:
        if resampling["method"] != "none" and step and step % resampling["every"] == 0:
            resample(activity.dead())

    def after_step(step: int) -> None:
        architecture.after_step(parameters)
        if recorder.ends_stretch(step + 1):
            close_stretch(step + 1, *activity.take_stretch())

    minimise(parameters, loss_of_step, training, learning_rate, recorder, before_step, after_step)
