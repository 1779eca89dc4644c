"""Lines of progress: how many are written, and what they say."""

import io

import pytest
import torch

from superposition import progress
from superposition.progress import Progress
from superposition.training import Recorder


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_lines_keep_their_distance(clock):
    stream = io.StringIO()
    reported = Progress("five_in_two", total_steps=100, interval=10.0, stream=stream)
    for step in range(1, 101):
        clock[0] += 1.0
        reported.update(step, loss=1 / step)
    lines = stream.getvalue().splitlines()
    assert [int(line.split("step ")[1].split()[0]) for line in lines] == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]


def test_line_says_step_loss_speed_and_time_left(clock):
    stream = io.StringIO()
    reported = Progress("five_in_two", total_steps=10_000, stream=stream)
    clock[0] += 20.0
    reported.update(1_000, loss=0.0123456)
    # 1,000 steps in 20 s are 50 a second; the 9,000 that are left take 180 s.
    assert stream.getvalue() == "five_in_two: step 1,000 of 10,000, loss 0.01235, 50 steps/s, 3:00 left\n"


def test_speed_is_that_since_a_job_went_on(clock):
    stream = io.StringIO()
    reported = Progress("five_in_two", total_steps=10_000, stream=stream)
    clock[0] += 5.0
    Recorder(100, reported).resume({"history_steps": torch.tensor([4_900, 5_000]), "history_losses": torch.ones(2, 1)})
    clock[0] += 20.0
    reported.update(6_000, loss=0.01)
    assert stream.getvalue() == "five_in_two: step 6,000 of 10,000, loss 0.01, 50 steps/s, 1:20 left\n"


def test_last_step_is_always_said(clock):
    stream = io.StringIO()
    reported = Progress("quick", total_steps=2, stream=stream)
    reported.update(1, loss=0.5)
    reported.update(2, loss=0.25)  # no time has passed at all
    assert stream.getvalue().startswith("quick: step 2 of 2, loss 0.25, ")
    assert stream.getvalue().endswith(" 0:00 left\n")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3599.4, "59:59"), (3661, "1:01:01"), (90061, "25:01:01")],
)
def test_durations(seconds, text):
    assert progress._duration(seconds) == text


def test_lines_go_to_standard_error(capsys):
    Progress("quick", total_steps=1).update(1, loss=0.5)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("quick: step 1 of 1")
