"""Steps that are recorded, by a stand-in on the CPU, and on a GPU where there is one."""

import contextlib
import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from builders import toy_model
from sae_blocks import block, fit
from torch.utils._python_dispatch import TorchDispatchMode

from superposition import recorded_steps, sae_training, toy_model_training, training
from superposition.features import SparseFeatures, SparseSamples
from superposition.finite_data import minimise_full_batch
from superposition.progress import Progress
from superposition.recorded_steps import WARM_UP, Recorded, can_record, choose_advance
from superposition.seeding import torch_generator
from superposition.toy_models import initialise

STEPS = 10
aten = torch.ops.aten
WAITING = (aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.equal)  # the CPU needs a result of the GPU

TOY_MODELS = {
    "relu_output": {"sweep": {"feature_probability": [0.5, 0.1]}},
    "every set": {
        "model": {"n_features": 6},
        "features": {"correlated_sets": 1, "anticorrelated_sets": 1, "magnitude": "signed_uniform"},
        "sweep": {"feature_probability": [0.3, 0.1]},
    },
    "neurons that cost": {"model": {"kind": "hidden_relu", "hidden_bias": True}, "sweep": {"hidden_penalty": [0, 0.1]}},
    "two matrices": {"model": {"kind": "absolute_value"}, "features": {"magnitude": "signed_uniform"}},
    "attacked": {"sweep": {"attack_size": [0.0, 0.5]}},
    "decayed": {"training": {"weight_decay": 0.1, "schedule": "cosine", "warmup_steps": 4}},
    "without a bias": {"model": {"output_bias": False}},
}
SAES = {
    "relu": {"resampling": {"method": "simple", "every": 4, "window": 2}},
    "gated": {"resampling": {"method": "advanced", "every": 4, "window": 2}},
    "jumprelu": {"sweep": {"sparsity_penalty": [0.02, 0.1]}},
}


class Waitless(TorchDispatchMode):
    """Refuses what would wait for a GPU."""

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        assert function.overloadpacket not in WAITING, f"{function} waits"
        return function(*arguments, **(keywords or {}))


class StandIn:
    """What `Recorded` does, as far as a caller may notice: the output lies where it lay, and nothing may wait."""

    made = 0

    def __init__(self, function, generators, device):
        StandIn.made += 1
        self.function, self.output, self.calls = function, None, 0

    def __call__(self):
        with Waitless() if self.calls == WARM_UP else contextlib.nullcontext():
            output = self.function()
        self.calls += 1
        if self.output is None:
            self.output = output
        for old, new in zip(tensors_of(self.output), tensors_of(output), strict=True):
            old.detach().copy_(new.detach())
        return self.output


def tensors_of(output):
    return [output] if isinstance(output, torch.Tensor) else [t for t in vars(output).values() if t is not None]


@pytest.fixture
def recorded(monkeypatch):
    """Steps are recorded on the CPU, by the stand-in."""
    monkeypatch.setattr(recorded_steps, "Recorded", StandIn)
    for module in (training, sae_training):
        monkeypatch.setattr(module, "can_record", lambda training, device: training["engine"] == "auto")
    monkeypatch.setattr(toy_model_training.kernels, "supports", lambda *_: False)
    monkeypatch.setattr(sae_training, "uses_kernel", lambda *_: False)
    monkeypatch.setattr(StandIn, "made", 0)


def train_toy_models(changes: dict, engine: str, device: str = "cpu"):
    short = {"steps": STEPS, "log_every": 4, "snapshots": 3, "batch_size": 32, "learning_rate": 0.01, "engine": engine}
    experiment = toy_model(**changes | {"training": short | changes.get("training", {}), "restarts": 2})
    progress = Progress("test", STEPS, stream=io.StringIO())
    return toy_model_training.train_toy_models("test", experiment, 0, device, progress)


def fit_saes(architecture: str, engine: str, device: str = "cpu"):
    short = {"steps": STEPS, "log_every": 4, "engine": engine}
    return fit(block(architecture, restarts=2, training=short, **SAES[architecture]), device=device)


def train_on_finite_data(engine: str, device: str = "cpu"):
    x = SparseFeatures(torch.full((1, 6), 0.3)).sample(9, torch_generator(0, "points"))[:, 0]
    parameters = {key: t.to(device) for key, t in initialise("relu_output", 6, 2, [torch_generator(1)] * 2).items()}
    settings = {"steps": STEPS, "schedule": "linear", "warmup_steps": 3, "weight_decay": 0.01, "engine": engine}
    recorder = training.Recorder(4, Progress("test", STEPS, stream=io.StringIO()))
    rates = torch.tensor([0.01, 0.02], device=device)
    minimise_full_batch(parameters, SparseSamples.from_dense(x[None]), "mean", settings, rates, recorder)
    return parameters, recorder.losses


def check_same(ours, plain):
    """Weights and history to the rounding of a step's numbers, which are of single precision if it is recorded."""
    for name, tensor in plain[0].items():
        torch.testing.assert_close(ours[0][name].cpu(), tensor, rtol=1e-4, atol=1e-5, equal_nan=True)
    for column in ("loss", "reconstruction_loss", "fraction_active"):
        if column in getattr(plain[1], "columns", ()):
            own, expected = (np.stack(history[1][column].to_list()) for history in (ours, plain))
            np.testing.assert_allclose(own, expected, rtol=1e-3, atol=1e-6)


# --- the loops, with the stand-in ---


@pytest.mark.parametrize("changes", TOY_MODELS.values(), ids=TOY_MODELS)
def test_toy_models_may_be_recorded(changes, recorded):
    ours = train_toy_models(changes, "auto")
    assert StandIn.made == 1
    check_same(ours, train_toy_models(changes, "torch"))
    assert StandIn.made == 1


@pytest.mark.parametrize("architecture", SAES)
def test_autoencoders_may_be_recorded(architecture, recorded):
    ours = fit_saes(architecture, "auto")
    assert StandIn.made == 1
    check_same(ours, fit_saes(architecture, "torch"))
    assert StandIn.made == 1


def test_autoencoders_that_change_between_steps_are_not(recorded):
    fit(block("p_annealing", training={"steps": STEPS, "engine": "auto"}))
    fit(block("relu", target_l0=1.0, training={"steps": STEPS, "engine": "auto"}))
    assert StandIn.made == 0


def test_full_batches_may_be_recorded(recorded):
    (ours, losses), (plain, expected) = train_on_finite_data("auto"), train_on_finite_data("torch")
    assert StandIn.made == 1
    check_same((ours, None), (plain, None))
    torch.testing.assert_close(torch.stack(losses), torch.stack(expected), rtol=1e-4, atol=0)


def test_the_stand_in_sees_a_step_that_waits(recorded):
    advance = choose_advance(lambda x: x if x > 0 else -x, lambda step: (1.0,), range(2), [], "cpu", True)
    for _ in range(WARM_UP):
        advance(0)
    with pytest.raises(AssertionError, match="waits"):
        advance(0)


def test_nothing_is_recorded_where_nothing_is_left_to_do(recorded):
    choose_advance(lambda x: x, lambda step: (1.0,), range(5, 5), [], "cpu", True)
    assert StandIn.made == 0


# --- when, and in which order ---


def test_steps_are_recorded_on_a_gpu_unless_plain_ones_are_asked_for():
    devices, engines = ("cuda", "cuda:1", torch.device("cuda", 0), "cpu"), ("auto", "torch")
    asked = [(device, engine) for device in devices for engine in engines]
    can = [can_record({"engine": engine}, device) for device, engine in asked]
    assert can == [str(device).startswith("cuda") and engine == "auto" for device, engine in asked]


def test_the_first_calls_work_the_next_is_recorded_and_then_all_are_replayed(monkeypatch):
    events = []

    class Graph:
        def register_generator_state(self, generator):
            events.append(generator)

        def replay(self):
            events.append("replay")

    class Stream:
        def wait_stream(self, other):
            events.append("wait")

    @contextlib.contextmanager
    def within(name):
        events.append(name)
        yield

    cuda = {
        "CUDAGraph": Graph,
        "Stream": Stream,
        "current_stream": Stream,
        "stream": lambda stream: within("aside"),
        "graph": lambda graph: within("record"),
        "device": lambda device: within(device),
    }
    monkeypatch.setattr(torch, "cuda", SimpleNamespace(**cuda))
    function = Recorded(lambda: events.append("work") or "output", ["generator"], "cuda:1")
    assert [function() for _ in range(WARM_UP + 3)] == ["output"] * (WARM_UP + 3)
    warm_up = ["cuda:1", "wait", "aside", "work", "wait"] * WARM_UP
    assert events == [*warm_up, "cuda:1", "generator", "record", "work", "replay", *["cuda:1", "replay"] * 2]


# --- on a GPU ---

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")


@on_gpu
@pytest.mark.parametrize("changes", TOY_MODELS.values(), ids=TOY_MODELS)
def test_a_gpu_replays_toy_models(changes):
    plain = train_toy_models(changes, "torch", "cuda")
    check_same(train_toy_models(changes, "auto", "cuda"), ({k: t.cpu() for k, t in plain[0].items()}, plain[1]))


@on_gpu
@pytest.mark.parametrize("architecture", SAES)
def test_a_gpu_replays_autoencoders(architecture):
    plain = fit_saes(architecture, "torch", "cuda")
    check_same(fit_saes(architecture, "auto", "cuda"), ({k: t.cpu() for k, t in plain[0].items()}, plain[1]))


@on_gpu
def test_a_gpu_replays_full_batches_as_the_cpu_takes_them():
    check_same((train_on_finite_data("auto", "cuda")[0], None), (train_on_finite_data("torch")[0], None))
