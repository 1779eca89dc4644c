"""The claims on adversarial examples: on tables that satisfy them, and on tables that break them."""

import pandas as pd
import pytest
from builders import CONFIG
from claim_checks import check_reproduced, list_parts
from claim_tables import change

from superposition.claims import CLAIMS
from superposition.claims.judging import judge_claims

HERE = [claim for claim in CLAIMS if claim.section == "adversarial"]
UNIFORM, TRAINED = "uniform_400_in_30", "adversarial_training"
DENSITIES = CONFIG["toy_models"][UNIFORM]["sweep"]["feature_probability"]
SIZES = CONFIG["toy_models"][TRAINED]["sweep"]["attack_size"]


def make_tables(seeds=(0, 1, 2)):
    rows = []
    for seed in seeds:
        for instance, p in enumerate(DENSITIES):
            key = {"experiment": UNIFORM, "seed": seed, "instance": instance, "feature_probability": p}
            measured = {"dimensions_per_feature": p**0.5, "vulnerability": p**-0.5}
            rows.append(key | measured | {"n_hidden": 30, "lowest_loss": True})
            rows.append(key | {"instance": 99, "lowest_loss": False})  # a restart that is not attacked
        for instance, size in enumerate(SIZES):
            key = {"experiment": TRAINED, "seed": seed, "instance": instance, "feature_probability": 0.2}
            rows.append(key | {"attack_size": size, "n_hidden": 10, "n_represented": round(30 - 25 * size)})
    return {"models": pd.DataFrame(rows)}


def judge(tables):
    return judge_claims(HERE, tables, {UNIFORM, TRAINED}).set_index(["claim", "part"])


def where(size):
    return f"experiment == '{TRAINED}' and attack_size == {size}"


BREAKING = {
    ("T11-a", 0): change("models", "feature_probability == 0.01", vulnerability=2.9),
    ("T11-b", 0): change("models", "feature_probability < 0.1", vulnerability=2.0),
    ("T11-c", 0): change("models", "feature_probability == 1", vulnerability=1.1),
    ("T11b", 0): change("models", f"experiment == '{TRAINED}' and attack_size > 0.8", n_represented=30),
    ("T11b", 1): change("models", where(0.1), n_represented=11),
    ("T11b", 2): change("models", where(0.8), n_represented=12),
}


def test_every_part_has_tables_that_break_it():
    assert list(BREAKING) == list_parts(HERE)


@pytest.mark.parametrize("seeds", [(0, 1, 2), (5,)])
def test_satisfying_tables(seeds):
    check_reproduced(judge(make_tables(seeds)), seeds)


@pytest.mark.parametrize(("claim", "part"), BREAKING)
def test_breaking_tables(claim, part):
    row = judge(BREAKING[claim, part](make_tables())).loc[(claim, part)]
    assert (row["verdict"], row["n_seeds"]) == ("failed", 3)


def test_attack_sizes_that_were_left_out_are_not_measured():
    tables = {"models": make_tables()["models"].query("not attack_size == 0.8")}
    assert judge(tables).loc[("T11b", 2), "verdict"] == "not measured"
