"""What the tests of every section's claims ask alike."""

import pandas as pd

from superposition.claims.judging import Claim


def list_parts(claims: list[Claim]) -> list[tuple[str, int]]:
    """(claim, part) of every part, in order: the keys that tables that break them must have."""
    return [(claim.id, part) for claim in claims for part in range(len(claim.parts))]


def check_reproduced(judged: pd.DataFrame, seeds: tuple[int, ...]) -> None:
    """Every part is reproduced, at as many seeds as the tables hold."""
    assert judged.loc[judged["verdict"] != "reproduced", ["quantity", "value"]].empty
    assert set(judged["n_seeds"]) == {len(seeds)}
