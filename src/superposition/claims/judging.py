"""How a claim is judged: one value per seed, their mean with a bootstrap interval, held against a threshold.

A claim is a sentence from a paper; its parts are the quantities that it stands or falls by. Each part is a function of
the measured tables alone. A verdict is

    reproduced    value and interval both satisfy the threshold
    borderline    the value does, the interval reaches past it
    failed        the value does not
    not measured  the experiments are not in the configuration, or the value is undefined at some seed
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from superposition.seeding import numpy_generator
from superposition.statistics import summarise

Tables = dict[str, pd.DataFrame]
ORIGINS = ("source", "derived", "preset", "calibrated")

ROUNDING = 1e-9  # the mean of six shares of 0.8 is 0.7999999999999999

# Does `value` stand to the threshold as claimed? A value that meets a closed bound up to rounding meets it.
RELATIONS: dict[str, Callable[[float, tuple[float, ...]], bool]] = {
    "<": lambda value, threshold: value < threshold[0],
    "<=": lambda value, threshold: value <= threshold[0] + ROUNDING,
    ">": lambda value, threshold: value > threshold[0],
    ">=": lambda value, threshold: value >= threshold[0] - ROUNDING,
    "=": lambda value, threshold: abs(value - threshold[0]) <= ROUNDING,
    "in": lambda value, threshold: threshold[0] - ROUNDING <= value <= threshold[1] + ROUNDING,
}


@dataclass(frozen=True)
class Part:
    """One quantity of a claim.

    Attributes:
        quantity: what is measured, in words
        measure: tables -> Series of one value per seed (index: seed)
        relation, threshold: what must hold; two numbers for "in"
        origin: where the threshold comes from: "source" (the paper's number), "derived" (a theorem), "preset" (set
            before the runs it judges) or "calibrated" (set on seeds that are not judged)
    """

    quantity: str
    measure: Callable[[Tables], pd.Series]
    relation: str
    threshold: tuple[float, ...]
    unit: str = ""
    origin: str = "preset"

    def __post_init__(self):
        if self.relation not in RELATIONS or self.origin not in ORIGINS:
            raise ValueError(f"{self.quantity}: relation {self.relation!r} or origin {self.origin!r} is unknown")
        if len(self.threshold) != (2 if self.relation == "in" else 1):
            raise ValueError(f"{self.quantity}: threshold {self.threshold} does not fit relation {self.relation!r}")


@dataclass(frozen=True)
class Claim:
    """A sentence that a paper states, and the parts that decide it."""

    id: str
    section: str
    source: str
    sentence: str
    experiments: tuple[str, ...]
    figures: tuple[str, ...]
    parts: tuple[Part, ...]


def judge_claims(claims: list[Claim], tables: Tables, available: set[str]) -> pd.DataFrame:
    """The table `claims`: a row per part, in order. ValueError if a part gives several values for one seed.

    Args:
        tables: every measured table, all experiments and seeds together
        available: ids of the experiments that the configuration holds
    """
    rows = []
    for claim in claims:
        measurable = set(claim.experiments) <= available
        for index, part in enumerate(claim.parts):
            values = part.measure(tables) if measurable else pd.Series(dtype=float)
            rows.append(_describe(claim, index, part) | _judge(claim, index, part, values))
    return pd.DataFrame(rows)


def _describe(claim: Claim, index: int, part: Part) -> dict:
    return {
        "claim": claim.id,
        "part": index,
        "section": claim.section,
        "source": claim.source,
        "sentence": claim.sentence,
        "quantity": part.quantity,
        "unit": part.unit,
        "relation": part.relation,
        "threshold": list(part.threshold),
        "threshold_origin": part.origin,
        "experiments": " ".join(claim.experiments),
        "figures": " ".join(claim.figures),
    }


def _judge(claim: Claim, index: int, part: Part, values: pd.Series) -> dict:
    if values.index.has_duplicates:
        raise ValueError(f"claim {claim.id}, part {index} ({part.quantity}): a seed has more than one value")
    nan = float("nan")
    values = values.astype(float).replace([math.inf, -math.inf], nan)  # a ratio to nothing is as undefined as 0 / 0
    if values.empty or values.isna().any():
        undefined = {"value": nan, "low": nan, "high": nan, "verdict": "not measured"}
        return undefined | {"n_seeds": 0 if values.empty else int(values.notna().sum())}
    summary = summarise(values.to_numpy(float), rng=numpy_generator(0, "claims", claim.id, index))
    return {
        "value": summary.estimate,
        "low": summary.low,
        "high": summary.high,
        "n_seeds": summary.n_seeds,
        "verdict": find_verdict(part, summary.estimate, summary.low, summary.high),
    }


def find_verdict(part: Part, value: float, low: float, high: float) -> str:
    """The verdict on a value with its interval; bounds that are NaN (a single seed) leave the value to decide alone."""
    holds = RELATIONS[part.relation]
    if not holds(value, part.threshold):
        return "failed"
    bounds = [bound for bound in (low, high) if bound == bound]
    return "reproduced" if all(holds(bound, part.threshold) for bound in bounds) else "borderline"


def judge_whole(verdicts: pd.Series) -> str:
    """The verdict on a claim from those on its parts: the worst of them."""
    for verdict in ("failed", "not measured", "borderline"):
        if (verdicts == verdict).any():
            return verdict
    return "reproduced"
