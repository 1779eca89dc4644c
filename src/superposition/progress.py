"""What a long job says in its log: step, loss, speed and time left, at a steady pace."""

import sys
import time
from typing import TextIO


class Progress:
    """Writes a line at most every `interval` seconds, and one at the end.

    Time is read here and nowhere else, and never reaches a result. Speed is that since the start, or since `begin`.
    """

    def __init__(self, label: str, total_steps: int, interval: float = 10.0, stream: TextIO | None = None):
        self.label = label
        self.total_steps = total_steps
        self.interval = interval
        self.stream = stream or sys.stderr
        self.start = self.last = time.monotonic()
        self.first_step = 0

    def begin(self, step: int) -> None:
        """Say that `step` steps were done before."""
        self.start, self.first_step = time.monotonic(), step

    def update(self, step: int, loss: float) -> None:
        now = time.monotonic()
        if step < self.total_steps and now - self.last < self.interval:
            return
        self.last = now
        rate = (step - self.first_step) / max(now - self.start, 1e-9)
        left = (self.total_steps - step) / max(rate, 1e-9)
        print(
            f"{self.label}: step {step:,} of {self.total_steps:,}, loss {loss:.4g}, "
            f"{rate:,.0f} steps/s, {_duration(left)} left",
            file=self.stream,
            flush=True,
        )


class Interval:
    """Tells whether `seconds` have passed since it last said so, or since it was made."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.last = time.monotonic()

    def has_passed(self) -> bool:
        now = time.monotonic()
        if now - self.last < self.seconds:
            return False
        self.last = now
        return True


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
