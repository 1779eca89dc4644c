"""Training steps that a GPU records once, as a CUDA graph, and replays: one launch for hundreds of small ones."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import torch

Output = TypeVar("Output")
WARM_UP = 3  # calls before one is recorded, in which libraries set up what must not be recorded; they do their work


class Recorded(Generic[Output]):
    """A function of no arguments that works on one GPU, called as before, and replayed after WARM_UP calls.

    Whatever changes between calls it must read from tensors that stay where they are, and it must not wait for the GPU,
    as a branch on a tensor's value does. What it returns is overwritten by the next call.

    Args:
        function: what is recorded
        generators: all that it draws from, on `device`
    """

    def __init__(self, function: Callable[[], Output], generators: Sequence[torch.Generator], device: torch.device):
        self.function, self.generators, self.device = function, generators, device
        self.graph: torch.cuda.CUDAGraph | None = None
        self.output: Output | None = None
        self.calls = 0

    def __call__(self) -> Output:
        with torch.cuda.device(self.device):
            if self.calls < WARM_UP:
                self._call_aside()
            else:
                if self.graph is None:
                    self._record()
                self.graph.replay()
        self.calls += 1
        return self.output

    def _call_aside(self) -> None:
        """On a stream of its own, as recording will be, in order with the work before and after."""
        usual, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        aside.wait_stream(usual)
        with torch.cuda.stream(aside):
            self.output = self.function()
        usual.wait_stream(aside)

    def _record(self) -> None:
        """This executes nothing yet."""
        graph = torch.cuda.CUDAGraph()
        for generator in self.generators:
            graph.register_generator_state(generator)
        with torch.cuda.graph(graph):
            self.output = self.function()
        self.graph = graph


def choose_advance(
    update: Callable[..., Output],
    numbers_of: Callable[[int], tuple[float, ...]],
    steps: range,
    generators: Sequence[torch.Generator],
    device: torch.device,
    recorded: bool,
) -> Callable[[int], Output]:
    """step -> update(*numbers_of(step)), for each of `steps` in turn.

    If it is recorded, the numbers of all steps lie on the GPU beforehand, as float32.

    Args:
        update: one step of training; it gets each number as a tensor without axes if it is recorded
        generators, device: see Recorded
    """
    if not (recorded and steps):
        return lambda step: update(*numbers_of(step))
    table = torch.tensor([numbers_of(step) for step in steps], dtype=torch.float32, device=device)
    now = table[0].clone()
    replayed = Recorded(lambda: update(*now.unbind()), generators, device)

    def advance(step: int) -> Output:
        now.copy_(table[step - steps.start])
        return replayed()

    return advance


def can_record(training: dict, device: torch.device | str) -> bool:
    """Whether steps are recorded there: on a GPU, unless the `training` block asks for PyTorch's plain ones."""
    return torch.device(device).type == "cuda" and training["engine"] == "auto"
