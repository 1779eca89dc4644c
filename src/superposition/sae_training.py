"""Fits all instances of a sparse-autoencoder sweep, at one seed, to the activations that a source draws."""

from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor

from superposition import saes
from superposition.checkpoints import Checkpoint
from superposition.kernels import sae_training as kernels
from superposition.optimizers import Adam, Number
from superposition.progress import Progress
from superposition.recorded_steps import can_record, choose_advance
from superposition.runs import list_instances
from superposition.sae_activity import Activity
from superposition.sae_control import L0Controller, warmup_factor
from superposition.sae_fused import choose_differentiate
from superposition.sae_history import History
from superposition.sae_optimizer import clip_gradients, forget_moments, rate_factor
from superposition.sae_settings import is_plain, swept_settings, tensor_of_instances, uses_controller
from superposition.sae_sources import Batches, ScaledActivations, Source, ToyModelActivations
from superposition.seeding import derive_seed, torch_generator
from superposition.training import Recorder, check_finite

N_SCALED = 10_000  # activations, at least, that their mean length is taken over where they are scaled


def fit_saes(
    name: str,
    sae: dict,
    seed: int,
    source: Source,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[dict[str, Tensor], pd.DataFrame]:
    """All instances of the sweep `sae` at `seed`.

    Args:
        sae: the SAE's block of the configuration
        source: what draws the activations, on `device`
        checkpoint: where to keep the state of training, and to go on from, to the same last bit

    Returns:
        the parameters (see saes), with the state that encoding needs and that of the training tools, and the history:
        one row per (step, instance), see `History.to_table`.
    """
    n_instances = len(list_instances(sae))
    architecture = saes.make_architecture(sae)
    recorder = Recorder(sae["training"]["log_every"], progress or Progress(name, sae["training"]["steps"]))
    settings = swept_settings(sae, architecture)
    if isinstance(architecture, saes.FittedDictionary):
        batches = Batches(source, seed, name, "train", n_instances=n_instances, device=device)
        samples = batches.draw(architecture.fit_samples).expand(-1, n_instances, -1)
        seeds = [derive_seed(seed, name, "init", i) for i in range(n_instances)]
        parameters = architecture.fit(list(samples.unbind(1)), sae["n_latents"], seeds, settings)
        weights = architecture.weights(parameters) | {"threshold": architecture.thresholds(parameters)}
        history = History(sae, n_instances, weights)
        return parameters, history.to_table(recorder, name, seed)
    scale = scale_of_activations(name, sae, seed, source, device)
    source = source if scale == 1 else ScaledActivations(source, scale)
    generators = [torch_generator(seed, name, "init", i) for i in range(n_instances)]
    parameters = architecture.initialise(len(source.W), sae["n_latents"], generators, settings)
    parameters = {key: tensor.to(device) for key, tensor in parameters.items()}
    saes.place_latents(architecture, parameters, sae["initialisation"], source.W, source.bias, generators)
    saes.remember_decoder(architecture, parameters)

    def weights_and_thresholds() -> saes.Parameters:
        own = saes.rescale(parameters, 1 / scale)
        return architecture.weights(own) | {"threshold": architecture.thresholds(own)}

    history = History(sae, n_instances, weights_and_thresholds())
    resamplers = [torch_generator(seed, name, "resample", i) for i in range(n_instances)]
    fresh = Batches(source, seed, name, "resample", "batch", n_instances=n_instances, device=device)

    def draw_batch(instance: int) -> Tensor:
        return fresh.draw_for(instance, sae["training"]["batch_size"])

    def resample(dead: Tensor) -> Tensor:
        """Restart dead latents, and say which those were."""
        arguments = (architecture, parameters, dead, sae["resampling"]["scale"], resamplers)
        if sae["resampling"]["method"] == "advanced":
            restarted = saes.resample_advanced(*arguments, draw_batch)
        else:
            restarted = saes.resample_simple(*arguments)
        history.resampled |= restarted
        return restarted

    def close_stretch(step: int, reconstruction: Tensor, sparsity: Tensor, fraction_active: Tensor) -> None:
        history.close_stretch(step, reconstruction, sparsity, fraction_active, weights_and_thresholds())

    batches = Batches(source, seed, name, "train", n_instances=n_instances, device=device)
    schedules = torch_generator(seed, name, "schedule")
    streams = {"train": batches.generators, "fresh": fresh.generators, "resample": resamplers, "schedule": [schedules]}
    generators = {f"generator.{key}.{i}": stream for key in streams for i, stream in enumerate(streams[key])}

    def keep(describe: Callable[[], dict[str, Tensor]]) -> None:
        if checkpoint and checkpoint.is_due():
            drawn = {key: generator.get_state() for key, generator in generators.items()}
            checkpoint.save(describe() | drawn | recorder.to_tensors() | history.to_tensors())

    kept = checkpoint.load() if checkpoint else {}
    if recorder.resume(kept):
        history.resume(kept)
        for key, generator in generators.items():
            generator.set_state(kept[key])
    if uses_kernel(sae, architecture, source, device):
        penalty, learning_rate = (tensor_of_instances(sae, key) for key in ("sparsity_penalty", "learning_rate"))
        seeds = [derive_seed(seed, name, "train", i) for i in range(n_instances)]
        kernels.minimise(
            architecture, parameters, source.W, source.distribution(n_instances), penalty, sae["training"],
            sae["resampling"], learning_rate, seeds, recorder, close_stretch, resample, kept, keep,
        )  # fmt: skip
        return parameters, history.to_table(recorder, name, seed)
    recorded = is_simple(sae, architecture, source) and can_record(sae["training"], device)
    state = minimise(
        architecture, parameters, sae, batches, schedules, recorder, close_stretch, resample, kept, keep, recorded
    )
    return saes.rescale(parameters, 1 / scale) | state, history.to_table(recorder, name, seed)


def scale_of_activations(name: str, sae: dict, seed: int, source: Source, device: torch.device | str) -> float:
    """What training multiplies activations by, see `normalise_activations`: one number for all instances."""
    if sae["training"]["normalise_activations"] == "none":
        return 1.0
    batch_size, generator = sae["training"]["batch_size"], torch_generator(seed, name, "scale", device=device)
    batches = [source.sample(batch_size, 1, generator)[:, 0] for _ in range(-(-N_SCALED // batch_size))]
    return saes.scale_to_sqrt_d_in(torch.cat(batches))


def uses_kernel(sae: dict, architecture: saes.Architecture, source: Source, device: torch.device | str) -> bool:
    """Whether the fused steps can fit this sweep, and may."""
    return is_simple(sae, architecture, source) and torch.device(device).type == "cpu"


def is_simple(sae: dict, architecture: saes.Architecture, source: Source) -> bool:
    """Whether an engine that is not the plain specification may fit this sweep: its steps are all alike."""
    may = sae["training"]["engine"] == "auto" and isinstance(source, ToyModelActivations)
    return may and is_plain(sae, architecture) and kernels.supports(architecture)


def minimise(
    architecture: saes.Architecture,
    parameters: saes.Parameters,
    sae: dict,
    batches: Batches,
    schedules: torch.Generator,
    recorder: Recorder,
    close_stretch: Callable[[int, Tensor, Tensor, Tensor], None],
    resample: Callable[[Tensor], Tensor],
    kept: dict[str, Tensor],
    keep: Callable[[Callable[[], dict[str, Tensor]]], None],
    recorded: bool = False,
) -> dict[str, Tensor]:
    """The specification, trained by autograd on any device; the kernel's `minimise` says what is called when.

    Args:
        schedules: for what an architecture draws once per step for all instances
        resample: as the kernel's; says which latents were restarted
        recorded: whether steps are recorded and replayed, see recorded_steps

    Returns:
        the state of the training tools, to be saved beside the parameters
    """
    training, resampling, device = sae["training"], sae["resampling"], parameters["b_dec"].device
    steps, trained = training["steps"], architecture.trained(parameters)
    has_penalty = sae.get("sparsity_penalty") is not None
    penalty = tensor_of_instances(sae, "sparsity_penalty", device) if has_penalty else torch.zeros(1, device=device)
    learning_rate = tensor_of_instances(sae, "learning_rate", device)
    betas = training["beta1"], training["beta2"]
    optimizer = Adam(trained, learning_rate, training["weight_decay"], betas)
    differentiate = choose_differentiate(architecture, training["engine"], device)
    controller = None
    if uses_controller(sae, architecture):
        controller = L0Controller(tensor_of_instances(sae, "target_l0", device), training["control_strength"])
    activity = Activity(resampling["window"])

    def describe() -> dict[str, Tensor]:
        weights = {f"parameter.{key}": tensor for key, tensor in parameters.items()}
        return optimizer.to_tensors() | weights | activity.to_tensors() | (controller.state() if controller else {})

    def update(penalty_factor: Number, *numbers: Number) -> saes.Losses:
        weight = penalty * penalty_factor
        if controller:
            weight = weight * controller.factor
        losses, gradients = differentiate(parameters, batches.draw(training["batch_size"]), weight)
        architecture.observe(parameters, losses)
        architecture.adjust_gradients(parameters, gradients)
        if training["gradient_clip"] != "none":
            clip_gradients(gradients, training["gradient_clip"])
        optimizer.step(gradients, *numbers)
        architecture.after_step(parameters)
        saes.restrain_decoder(architecture, parameters)
        return losses

    def numbers_of(step: int) -> tuple[float, ...]:
        penalty_factor = warmup_factor(step, training["sparsity_warmup_steps"])
        return penalty_factor, *optimizer.numbers(step, rate_factor(training, step))

    begin = recorder.steps[-1] if recorder.steps else 0
    if begin:
        for key, tensor in parameters.items():
            tensor.copy_(kept[f"parameter.{key}"])
        optimizer.resume(kept)
        activity.resume(kept, device)
        if controller:
            controller.resume(kept)
    todo = range(begin, steps)
    advance = choose_advance(update, numbers_of, todo, batches.generators, device, recorded)
    for step in todo:
        if resampling["method"] != "none" and step and step % resampling["every"] == 0:
            restarted = resample(activity.dead())
            if resampling["reset_moments"]:
                forget_moments(optimizer, restarted)
        architecture.begin_step(parameters, step / steps, schedules)
        losses = advance(step)
        activity.add(losses)
        if controller:
            controller.update(losses.fraction_active.sum(-1))
        if recorder.ends_stretch(step + 1):
            close_stretch(step + 1, *activity.take_stretch())
        if recorder.record(step + 1, losses.total, learning_rate):
            keep(describe)
    for name, tensor in trained.items():
        check_finite(tensor, steps, learning_rate, name)
    return controller.state() if controller else {}
