"""Claims on five features in two dimensions and on autoencoders, on tables that satisfy and on tables that break them.

At the end, what holds of the claims of every section; most of them have a test file of their own.
"""

import numpy as np
import pandas as pd
import pytest
from builders import CONFIG, check_schema
from claim_checks import check_reproduced, list_parts
from claim_tables import DENSE, MIDDLE, PROBABILITIES, SPARSE, change, make_tables

from superposition.claims import CLAIMS, nonprivileged_basis, sae_architectures, sparse_autoencoders
from superposition.claims.finite_data_selections import at_sizes
from superposition.claims.judging import judge_claims
from superposition.claims.selections import increases

NAN = float("nan")
EXPERIMENTS = {*CONFIG["toy_models"], *CONFIG["saes"], *CONFIG["finite_data"]}
TESTED = [*nonprivileged_basis.CLAIMS, *sparse_autoencoders.CLAIMS, *sae_architectures.CLAIMS]


def judge(tables, claims=TESTED, available=EXPERIMENTS):
    return judge_claims(claims, tables, set(available))


def verdict(tables, claim, part):
    return judge(tables).set_index(["claim", "part"]).loc[(claim, part)]


FIVE = "experiment == 'five_in_two'"
BEST_DENSE, BEST_MIDDLE, BEST_SPARSE = (
    f"{FIVE} and lowest_loss and feature_probability == {p}" for p in (DENSE, MIDDLE, SPARSE)
)
PLAIN, SIMPLE, ADVANCED = (f"sae == 'relu_{method}_resampling'" for method in ("no", "simple", "advanced"))
GATED, WEAK_GATED, JUMPRELU, WEAK_JUMPRELU, WEAK_RELU = (
    f"sae == '{kind}_two_penalties' and sparsity_penalty == {penalty}"
    for kind, penalty in (("gated", 1.0), ("gated", 0.2), ("jumprelu", 0.1), ("jumprelu", 0.01), ("relu", 0.05))
)

# For each part of each claim, what breaks it.
BREAKING = {
    ("A1.1-a", 0): change("models", f"{BEST_DENSE}", n_represented=3),
    ("A1.1-a", 1): change("features", f"{BEST_DENSE} and seed == 1 and feature < 2", represented=False),
    ("A1.1-a", 2): change("features", f"{BEST_DENSE} and feature == 1", direction=np.float32([0.1, 1])),
    ("A1.1-a", 3): change("models", f"{FIVE} and feature_probability == 1 and restart == 3", n_represented=3),
    ("A1.1-b", 0): change("models", f"{FIVE} and feature_probability == {SPARSE} and restart == 3", gap_deviation=13.0),
    ("A1.1-b", 1): change("features", f"{BEST_SPARSE} and feature == 4", norm=1.0),
    ("A1.1-b", 2): change("features", f"{BEST_SPARSE} and feature == 4", norm=1.3),
    ("A1.1-b", 3): change("models", BEST_SPARSE, mean_bias=0.2),
    ("A1.1-c", 0): change("features", f"{BEST_MIDDLE} and feature == 3", represented=False),
    ("A1.1-c", 1): change("features", f"{BEST_MIDDLE} and feature == 3", direction=np.float32([-0.5, 0.9])),
    ("A1.1-c", 2): change("features", f"{BEST_MIDDLE} and feature in (2, 3)", direction=np.float32([1, 0])),
    ("A1.1-d", 0): change(
        "models", f"{FIVE} and feature_probability in ({PROBABILITIES[3]}, {PROBABILITIES[5]})", n_represented=2
    ),
    ("A1.1-d", 1): change("models", f"{FIVE} and feature_probability == 1", n_represented=3),
    ("A1.1-d", 2): change("models", f"{FIVE} and feature_probability == {SPARSE}", n_represented=4),
    ("A1.1-e", 0): change("features", f"{BEST_DENSE} and feature == 4", norm=0.8),
    ("A1.1-e", 1): change("models", BEST_SPARSE, gap_deviation=13.0),
    ("A1.1-f", 0): change("models", BEST_SPARSE, near_ray_fraction=0.5),
    ("A1.1-f", 1): change("models", BEST_DENSE, near_ray_fraction=0.3),
    ("A5.0", 0): change("models", "experiment == 'five_in_two_sparse' and restart == 2", n_represented=4),
    ("A5.1", 0): change("saes", PLAIN, n_dead=0),
    ("A5.1", 1): change("saes", f"{PLAIN} and restart < 3", full_recovery=True),
    ("A5.2", 0): change("saes", f"{SIMPLE} and restart == 0", n_dead=1),
    ("A5.2", 1): change("saes", f"{SIMPLE} and restart < 2", full_recovery=False),
    ("A5.2", 2): change("saes", PLAIN, full_recovery=True),
    ("A5.3", 0): change("saes", f"{ADVANCED} and restart == 0", n_dead=1),
    ("A5.3", 1): change("saes", f"{ADVANCED} and restart < 2", full_recovery=False),
    ("A5.3", 2): change("saes", f"{ADVANCED} and restart == 0", full_recovery=False),
    ("A5-shrinkage", 0): change("saes", PLAIN, gamma=0.9),
    ("A5-shrinkage", 1): change("saes", SIMPLE, gamma=0.9),
    ("A5-shrinkage", 2): change("saes", ADVANCED, gamma=0.9),
    ("A5-shrinkage-line", 0): change("saes", SIMPLE, shrinkage_slope=1.2),
    ("A5-shrinkage-line", 1): change("saes", SIMPLE, shrinkage_intercept=-0.4),
    ("A5-shrinkage-symmetric", 0): change("saes", SIMPLE, symmetric_slope=0.9),
    ("A5-shrinkage-symmetric", 1): change("saes", SIMPLE, symmetric_intercept=-0.1),
    ("A5.4", 0): change("saes", GATED, gamma=1.04),
    ("A5.4", 1): change("saes", f"{GATED} and restart < 2", full_recovery=False),
    ("A5.4", 2): change("saes", f"{WEAK_GATED} and restart == 0", full_recovery=True),
    ("A5.4", 3): change("saes", WEAK_GATED, fvu=0.11),
    ("A5.5", 0): change("saes", JUMPRELU, gamma=0.96),
    ("A5.5", 1): change("saes", f"{JUMPRELU} and restart < 3", full_recovery=False),
    ("A5.5", 2): change("saes", f"{WEAK_JUMPRELU} and restart == 0", full_recovery=True),
    ("A5.5", 3): change("saes", WEAK_JUMPRELU, fvu=0.11),
    ("A5.7", 0): change("saes", WEAK_RELU, fvu=0.3, full_recovery=False),
}


def test_every_part_has_tables_that_break_it():
    assert list(BREAKING) == list_parts(TESTED)


@pytest.mark.parametrize("seeds", [(0, 1, 2), (5,)])
def test_satisfying_tables(seeds):
    judged = judge(make_tables(seeds))
    check_reproduced(judged, seeds)
    assert judged["low"].isna().all() == (len(seeds) == 1)  # one seed shows no spread: its value decides


@pytest.mark.parametrize(("claim", "part"), BREAKING)
def test_breaking_tables(claim, part):
    judged = judge(BREAKING[claim, part](make_tables())).set_index(["claim", "part"])
    assert judged.loc[(claim, part), "verdict"] == "failed"
    assert judged.loc[(claim, part), "n_seeds"] == 3
    other_sections = judged[judged["section"] != judged.loc[(claim, part), "section"]]
    assert (other_sections["verdict"] == "reproduced").all()


def test_order_of_rows_does_not_matter():
    tables = make_tables()
    shuffled = {name: table.sample(frac=1, random_state=0) for name, table in tables.items()}
    pd.testing.assert_frame_equal(judge(shuffled), judge(tables))


def test_table_of_claims_obeys_its_schema():
    judged = check_schema(judge(make_tables()), "claims")
    assert list(zip(judged["claim"], judged["part"], strict=True)) == list(BREAKING)
    first = judged.iloc[0]
    assert first["sentence"] == TESTED[0].sentence
    assert first["threshold"].tolist() == [2.0]
    check_schema(judge({}, available=set()), "claims")


# What is not measured


def test_claims_without_their_experiments_are_not_measured():
    named = {name for claim in TESTED for name in claim.experiments}
    for missing in sorted(named) + sorted(EXPERIMENTS - named)[:1]:
        judged = judge(make_tables(), available=EXPERIMENTS - {missing})
        expected = [claim.id for claim in TESTED for _ in claim.parts if missing in claim.experiments]
        not_measured = judged[judged["verdict"] == "not measured"]
        assert not_measured["claim"].tolist() == expected
        assert not_measured["value"].isna().all()
        assert (not_measured["n_seeds"] == 0).all()


@pytest.mark.parametrize(
    ("claim", "part", "table", "where", "column"),
    [
        ("A5-shrinkage", 0, "saes", f"{PLAIN} and seed == 1 and restart == 2", "gamma"),
        ("A5-shrinkage-line", 0, "saes", f"{SIMPLE} and seed == 1 and restart == 2", "shrinkage_slope"),
        ("A1.1-e", 1, "models", f"{BEST_SPARSE} and seed == 1", "gap_deviation"),
        ("A1.1-f", 0, "models", f"{BEST_SPARSE} and seed == 1", "near_ray_fraction"),
    ],
)
def test_one_undefined_value_is_enough(claim, part, table, where, column):
    row = verdict(change(table, where, **{column: NAN})(make_tables()), claim, part)
    assert (row["verdict"], row["n_seeds"]) == ("not measured", 2)
    assert np.isnan(row["value"])


def test_seed_without_a_full_recovery_has_no_line():
    tables = change("saes", f"{SIMPLE} and seed == 1", full_recovery=False)(make_tables())
    row = verdict(tables, "A5-shrinkage-line", 0)
    assert (row["verdict"], row["n_seeds"]) == ("not measured", 2)


def test_autoencoders_without_full_recovery_do_not_bend_the_line():
    where = f"{SIMPLE} and restart == 1"
    tables = change("saes", where, full_recovery=False, shrinkage_slope=99.0)(make_tables())
    assert verdict(tables, "A5-shrinkage-line", 0)["value"] == pytest.approx(1.01)


def test_probabilities_out_of_reach_are_not_measured():
    tables = make_tables()
    for name in ("models", "features"):
        tables[name] = tables[name][tables[name]["feature_probability"] > 0.1]
    judged = judge(tables, [claim for claim in TESTED if claim.id == "A1.1-b"])
    assert judged["verdict"].tolist() == ["not measured"] * 4
    assert judged["n_seeds"].tolist() == [0] * 4


def test_model_that_represents_nothing_counts():
    tables = change("features", f"{BEST_DENSE} and seed == 1", represented=False)(make_tables())
    row = verdict(tables, "A1.1-a", 1)
    assert (row["value"], row["n_seeds"], row["verdict"]) == (pytest.approx(2 / 3), 3, "failed")


# The claims and the rest of the project


def test_ids_are_unique():
    ids = [claim.id for claim in CLAIMS]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_claim_names_what_exists(claim):
    assert claim.parts
    assert set(claim.experiments) <= EXPERIMENTS
    assert set(claim.figures) <= set(CONFIG["figures"])
    shown = {
        name
        for figure in claim.figures
        for key in ("toy_models", "saes", "finite_data")
        for name in CONFIG["figures"][figure].get(key, [])
    }
    assert shown & set(claim.experiments)  # a figure of the claim shows one of its experiments
    for part in claim.parts:
        assert part.threshold == tuple(sorted(part.threshold))


def test_nothing_measured_meets_no_claim():
    counts = pd.DataFrame({0.1: [2.0, 2.0, 5.0], 0.5: [3.0, np.nan, 4.0], 1.0: [3.0, 1.0, 6.0]})
    np.testing.assert_array_equal(increases(counts), [1, np.nan, 1])
    assert increases(counts[[0.1]]).isna().all()
    models = pd.DataFrame({"n_samples": [5, 6, 9]})
    assert at_sizes(models, (5, 6))["n_samples"].tolist() == [5, 6]
    assert at_sizes(models, (5, 8)).empty
