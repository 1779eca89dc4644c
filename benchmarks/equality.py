"""Whether both sides of a comparison do the same work: models trained as long by either end at the same loss."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from benchmarks.engines import Engine
from benchmarks.workloads import Workload

CONFIDENCE = 0.999  # of each interval: with seven workloads, a false alarm in 140 sets of seeds
RESOLUTION = 0.02  # largest half-width of an interval that is evidence of equality
NEGLIGIBLE = 1e-3  # difference that rounding may make where nothing is random
SAME = "same loss"


@dataclass(frozen=True)
class Comparison:
    """Mean of 2 (ours - textbook) / (ours + textbook) over the losses of n trained pairs, and its interval.

    A pair is one instance trained by each side from the same weights on samples of its own, and judged on the same
    ones. Scaled like this no pair counts for more than 2, however far one side of it gets.
    """

    difference: float
    low: float
    high: float
    n: int

    @property
    def verdict(self) -> str:
        if max(-self.low, self.high) <= NEGLIGIBLE:
            return SAME
        if not self.low <= 0 <= self.high:
            return "DIFFERENT LOSS"
        return SAME if (self.high - self.low) / 2 <= RESOLUTION else "CANNOT TELL"

    @property
    def agrees(self) -> bool:
        return self.verdict == SAME

    def __str__(self) -> str:
        interval = f"[{100 * self.low:+.2f}, {100 * self.high:+.2f}]"
        return f"{self.verdict}: ours {100 * self.difference:+.2f} % {interval} over {self.n} pairs"


def compare(textbook: np.ndarray, ours: np.ndarray) -> Comparison:
    """From losses of equal shape, pair by pair; each pair independent of the others, losses above 0.

    Raises:
        ValueError: if a loss is not finite or not above 0
    """
    textbook, ours = np.ravel(textbook), np.ravel(ours)
    for side, losses in (("the textbook loop", textbook), ("the engine", ours)):
        if not (np.isfinite(losses) & (losses > 0)).all():
            raise ValueError(f"losses of {side} must be finite and above 0, got {losses.min()} to {losses.max()}")
    differences = 2 * (ours - textbook) / (ours + textbook)
    mean, n = float(differences.mean()), len(differences)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * differences.std(ddof=1) / n**0.5)
    return Comparison(mean, mean - reach, mean + reach, n)


def compare_losses(workload: Workload, device: str) -> Comparison:
    """Train both sides `repetitions` times for `check_steps` steps; `workload` has an engine."""
    workload = workload.small or workload
    return compare(train_losses(workload, workload.textbook, device), train_losses(workload, workload.ours, device))


def train_losses(workload: Workload, engine: Engine, device: str) -> np.ndarray:
    """(repetitions, instances) losses on the held-out samples."""
    rows = []
    for seed in range(workload.repetitions):
        parameters = engine(workload.check_steps, seed, device)
        rows.append(workload.loss({name: tensor.cpu() for name, tensor in parameters.items()}).numpy())
    return np.array(rows)
