"""Claims on learning dynamics, on trainings that are made up."""

import numpy as np
import pytest
from builders import CONFIG
from claim_checks import check_reproduced, list_parts
from claim_tables import change
from dynamics_tables import make_dynamics

from superposition.claims.judging import judge_claims
from superposition.claims.learning_dynamics import CLAIMS

EXPERIMENTS = {*CONFIG["toy_models"]}
LEVELS, TWO, THREE = (
    f"experiment == '{name}'" for name in ("energy_levels", "octahedra_of_two_sets", "octahedra_of_three_sets")
)


def judge(tables, available=EXPERIMENTS):
    return judge_claims(CLAIMS, tables, set(available)).set_index(["claim", "part"])


def settle(value: float, from_step: int, to_step: int = 100_000, where: str = "seed >= 0"):
    """Put every feature of the energy levels to one dimensionality between these steps."""

    def apply(tables):
        dynamics = tables["dynamics"]
        for row in dynamics.query(f"{LEVELS} and {from_step} <= step <= {to_step} and {where}").index:
            dynamics.at[row, "dimensionality"] = np.full(10, value, np.float32)
        return tables

    return apply


def fall_evenly(tables):
    dynamics = tables["dynamics"]
    rows = dynamics.query(f"{LEVELS} and step > 0").index
    dynamics.loc[rows, "loss"] = 1 - 1e-5 * dynamics.loc[rows, "step"]
    return tables


def fall_always(where):
    def apply(tables):
        dynamics = tables["dynamics"]
        rows = dynamics.query(f"{where} and step > 0").index
        dynamics.loc[rows, "loss"] = np.exp(-dynamics.loc[rows, "step"] / 1000)
        return tables

    return apply


BREAKING = {
    ("T9-a", 0): settle(0.3, 10_000),
    ("T9-b", 0): settle(0.3, 1_000, 9_000),
    ("T9-c", 0): settle(0.5, 0),
    ("T9-d", 0): fall_evenly,
    ("T10-a", 0): change("models", f"{TWO} and instance == 1", n_antipodal_pairs=2),
    ("T10-a", 1): change("sets", f"{THREE} and instance == 1 and set == 2", weakest_opposition=-0.5),
    ("T10-b", 0): change("dynamics", TWO, set_cosine=0.8),
    ("T10-b", 1): change("dynamics", THREE, set_cosine=0.8),
    ("T10-b", 2): change("dynamics", TWO, n_directions=3),
    ("T10-b", 3): change("dynamics", THREE, n_directions=3),
    ("T10-c", 0): fall_always(TWO),
    ("T10-c", 1): fall_always(THREE),
    ("T10-d", 0): change("dynamics", f"{TWO} and step < 4000", set_cosine=0.8),
    ("T10-d", 1): change("dynamics", f"{THREE} and step > 100", n_antipodal_pairs=3),
}


def test_every_part_has_tables_that_break_it():
    assert list(BREAKING) == list_parts(CLAIMS)


@pytest.mark.parametrize("seeds", [(0, 1, 2), (5,)])
def test_satisfying_tables(seeds):
    check_reproduced(judge(make_dynamics(seeds)), seeds)


@pytest.mark.parametrize(("claim", "part"), BREAKING)
def test_breaking_tables(claim, part):
    judged = judge(BREAKING[claim, part](make_dynamics()))
    assert judged.loc[(claim, part), "verdict"] == "failed"
    experiment = "energy_levels" if claim.startswith("T9") else "octahedra"
    others = judged[~judged["experiments"].str.contains(experiment)]
    assert (others["verdict"] == "reproduced").all()


def test_swaps_are_counted_by_model_and_seed():
    judged = judge(make_dynamics(n_models=3))
    assert judged.loc[("T9-c", 0), "value"] == 1  # of three models the last has one


def test_without_a_swap_there_is_no_descent_at_one():
    judged = judge(settle(0.5, 0)(make_dynamics()))
    assert judged.loc[("T9-d", 0), "verdict"] == "not measured"


def test_seeds_without_a_swap_do_not_count_in_the_descent_at_swaps():
    expected = judge(make_dynamics((0, 2)))
    judged = judge(settle(0.5, 0, where="seed == 1")(make_dynamics((0, 1, 2))))
    columns = ["value", "n_seeds", "verdict"]
    assert judged.loc[("T9-d", 0), columns].tolist() == expected.loc[("T9-d", 0), columns].tolist()


def test_beginning_of_the_first_plateau():
    tables = make_dynamics()
    change("dynamics", f"{TWO} and step > 1200", set_cosine=0.5)(tables)  # before the first plateau ends
    assert judge(tables).loc[("T10-b", 0), "value"] == pytest.approx(0.99)


def test_claims_without_their_experiments_are_not_measured():
    judged = judge(make_dynamics(), EXPERIMENTS - {"energy_levels"})
    skipped = judged[judged["verdict"] == "not measured"].index.get_level_values("claim")
    assert skipped.tolist() == ["T9-a", "T9-b", "T9-c", "T9-d"]


def test_tables_without_snapshots_are_not_measured():
    tables = make_dynamics()
    tables["dynamics"] = tables["dynamics"].head(0)
    judged = judge(tables)
    measured = judged[judged["verdict"] != "not measured"].index.get_level_values("claim").unique()
    assert measured.tolist() == ["T10-a"]
