"""Our steps beside those of torch.optim, and schedules by hand."""

import math

import pytest
import torch

from superposition.optimizers import Adam, schedule_factor
from superposition.seeding import torch_generator

STEPS, WARMUP = 200, 20
RATES = [1e-3, 1e-2, 5e-2]


def targets():
    generator = torch_generator(0, "targets")
    return {"W": torch.randn(3, 2, 5, generator=generator), "b": torch.randn(3, 5, generator=generator)}


def gradients(parameters, goals, step):
    """Of a bowl whose bottom moves, so that neither sign nor size of the gradient stays."""
    return {name: (p - goals[name] * (1 + math.cos(step / 5))) * (1 + step % 3) for name, p in parameters.items()}


def start():
    return {name: torch.zeros_like(goal) for name, goal in targets().items()}


def run_torch(kind, schedule, weight_decay):
    """Each instance with an optimizer of its own."""
    goals, results = targets(), []
    for i, rate in enumerate(RATES):
        parameters = {name: p[i].clone() for name, p in start().items()}
        optimizer = kind(parameters.values(), lr=rate, weight_decay=weight_decay)
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: schedule_factor(schedule, step, STEPS, WARMUP)
        )
        for step in range(STEPS):
            for name, gradient in gradients(parameters, {name: goal[i] for name, goal in goals.items()}, step).items():
                parameters[name].grad = gradient
            optimizer.step()
            scheduler.step()
        results.append(parameters)
    return {name: torch.stack([result[name] for result in results]) for name in goals}


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize(("kind", "weight_decay"), [(torch.optim.Adam, 0.0), (torch.optim.AdamW, 0.1)])
def test_same_steps_as_torch(kind, weight_decay, schedule):
    parameters, goals = start(), targets()
    optimizer = Adam(parameters, torch.tensor(RATES), weight_decay)
    for step in range(STEPS):
        factor = schedule_factor(schedule, step, STEPS, WARMUP)
        optimizer.step(gradients(parameters, goals, step), *optimizer.numbers(step, factor))
    expected = run_torch(kind, schedule, weight_decay)
    for name, parameter in parameters.items():
        assert parameter.abs().max() > 0.1  # they have gone somewhere
        torch.testing.assert_close(parameter, expected[name], rtol=0, atol=1e-6)


def test_first_step_by_hand():
    # The first moments are g and g^2 after bias correction, so every entry moves by the rate against its sign, whatever
    # its size; the decay comes first and is decoupled: 2 (1 - .1 * .5) - .1 = 1.8.
    parameters = {"W": torch.full((2, 3), 2.0)}
    optimizer = Adam(parameters, torch.tensor([0.1, 0.0]), weight_decay=0.5)
    optimizer.step({"W": torch.tensor([[7.0, -7.0, 1e-3]] * 2)}, *optimizer.numbers(0))
    torch.testing.assert_close(parameters["W"], torch.tensor([[1.8, 2.0, 1.8], [2.0, 2.0, 2.0]]), rtol=0, atol=1e-5)


def test_gradients_below_epsilon_hardly_move():
    # g = 1e-9 against epsilon = 1e-8: the step is .1 * 1 / 11.
    parameters = {"W": torch.zeros(1, 1)}
    optimizer = Adam(parameters, torch.tensor([0.1]))
    optimizer.step({"W": torch.tensor([[1e-9]])}, *optimizer.numbers(0))
    assert parameters["W"].item() == pytest.approx(-0.1 / 11, rel=1e-4)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("linear", [0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25]),
        ("cosine", [0.25, 0.5, 0.75, 1.0, 1.0, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2]),
    ],
)
def test_schedules_by_hand(schedule, expected):
    factors = [schedule_factor(schedule, step, steps=8, warmup_steps=4) for step in range(8)]
    assert factors == pytest.approx(expected)


def test_without_warmup_the_first_step_is_full():
    assert [schedule_factor(schedule, 0, 10) for schedule in ("constant", "linear", "cosine")] == [1.0, 1.0, 1.0]


def test_warmup_may_fill_the_training():
    assert [schedule_factor("linear", step, 4, 4) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


def test_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="schedule is 'step': allowed are 'constant', 'linear', 'cosine'"):
        schedule_factor("step", 0, 10)
