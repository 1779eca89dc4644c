"""Claims on correlated features, on tables that satisfy them and on tables that break them."""

import numpy as np
import pandas as pd
import pytest
from builders import CONFIG
from claim_checks import check_reproduced, list_parts
from claim_tables import change

from superposition.claims import correlated_features, local_bases
from superposition.claims.judging import judge_claims
from superposition.runs import expand_sweep

CLAIMS = [*correlated_features.CLAIMS, *local_bases.CLAIMS]
EXPERIMENTS = {*CONFIG["toy_models"]}
NAMES = sorted({name for claim in CLAIMS for name in claim.experiments})
COLLAPSED = {0.02: 0, 0.05: 1, 0.1: 1, 0.15: 2, 0.2: 2, 0.3: 2, 0.5: 3, 0.7: 3, 0.9: 3}  # of the best model


def probabilities(name: str) -> list[float]:
    block = CONFIG["toy_models"][name]
    swept = block.get("sweep", {}).get("feature_probability")
    return expand_sweep(swept) if swept else [block["features"]["feature_probability"]]


def describe_sets(name: str, p: float) -> list[dict]:
    """The sets of a model as the claims have them."""
    across = {"mean_abs_cosine_across": 0.5, "weakest_opposition": -0.99, "min_norm": 1.0, "max_norm": 1.0}
    local = {"local_dimensionality": 9.8}
    match name:
        case "correlated_pairs":
            cosines = [0.01, -0.02]
        case "anticorrelated_pairs" | "anticorrelated_pairs_by_set":
            cosines = [-0.999, -0.999]
        case "three_correlated_pairs":
            cosines = [0.99, 0.4, 0.4] if p > 0.05 else [0.4, 0.41, 0.42]
            across |= {"min_norm": 0.7, "max_norm": 0.72}
        case "local_bases":
            cosines = [0.05, 0.1]
        case "collapsing_pairs":
            cosines = [0.99 if index < COLLAPSED[p] else 0.4 for index in range(3)]
            across |= {"min_norm": 0.7, "max_norm": 0.72}
        case _:
            return []
    return [
        across | local | {"set": index, "min_cosine": c, "max_cosine": c, "mean_abs_cosine": abs(c)}
        for index, c in enumerate(cosines)
    ]


def make_tables(seeds=(0, 1, 2)) -> dict[str, pd.DataFrame]:
    models, sets, features = [], [], []
    for seed in seeds:
        for name in NAMES:
            for point, p in enumerate(probabilities(name)):
                for restart in range(4):
                    key = {"experiment": name, "seed": seed, "point": point, "restart": restart}
                    key |= {"instance": 4 * point + restart, "lowest_loss": restart == 0, "feature_probability": p}
                    size = {"local_bases": 20, "six_independent": 5, "three_correlated_pairs": 6}.get(name, 4)
                    model = {"n_represented": size, "total_dimensionality": 9.9, "angle_to_set_sums": 0.5}
                    models.append(key | model | {"loss": 1e-6 * p**2})
                    sets += [key | row for row in describe_sets(name, p)]
                    partner = 0.0 if name.startswith("anti") else 1.0
                    marginal = p / 2 if name.endswith("by_set") else p
                    presence = {"probability": marginal, "fraction_present": marginal + 1e-3, "feature": 0}
                    features.append(key | presence | {"partner_present": partner})
    return {"models": pd.DataFrame(models), "sets": pd.DataFrame(sets), "features": pd.DataFrame(features)}


def judge(tables, available=EXPERIMENTS):
    return judge_claims(CLAIMS, tables, set(available)).set_index(["claim", "part"])


def of(name: str, more: str = "") -> str:
    return f"experiment == '{name}'" + (f" and {more}" if more else "")


COLLAPSING = of("collapsing_pairs", "lowest_loss and feature_probability == {}")
BREAKING = {
    ("A1.3", 0): change("features", of("correlated_pairs", "seed == 1 and restart == 0"), partner_present=0.999),
    ("A1.3", 1): change("features", of("anticorrelated_pairs_by_set", "restart == 0"), partner_present=0.001),
    ("A1.3", 2): change("features", of("anticorrelated_pairs", "restart == 0"), fraction_present=0.3),
    ("A1.4", 0): change("sets", of("correlated_pairs", "point == 3 and set == 1"), mean_abs_cosine=0.2),
    ("A1.4", 1): change("sets", of("correlated_pairs", "point == 3 and set == 1"), weakest_opposition=-0.5),
    ("A1.4", 2): change("sets", of("correlated_pairs", "restart > 1"), mean_abs_cosine=0.2),
    ("A1.5", 0): change("sets", of("anticorrelated_pairs", "point == 4 and lowest_loss and set == 0"), max_cosine=0.0),
    ("A1.5", 1): change("models", of("anticorrelated_pairs", "point == 2 and lowest_loss"), loss=1e-4),
    ("A1.5", 2): change("sets", of("anticorrelated_pairs", "restart > 0"), max_cosine=0.0),
    ("A1.6", 0): change("sets", of("three_correlated_pairs", "restart > 1"), min_cosine=-0.1),
    ("A1.6", 1): change("sets", of("three_correlated_pairs", "lowest_loss and point == 1"), min_cosine=-0.99),
    ("A1.6", 2): change("sets", of("three_correlated_pairs", "point == 4 and set == 0"), min_cosine=0.2),
    ("A1.6", 3): change("sets", of("three_correlated_pairs", "point == 4 and set == 0"), min_cosine=0.6),
    ("A1.6", 4): change("sets", of("three_correlated_pairs", "point == 0 and restart > 0"), min_cosine=0.5),
    ("T6", 0): change("sets", of("anticorrelated_pairs_by_set", "point == 1 and lowest_loss"), max_cosine=0.0),
    ("T6", 1): change("sets", of("anticorrelated_pairs_by_set", "restart > 0"), max_cosine=0.0),
    ("T6", 2): change("models", of("six_independent", "restart == 3"), n_represented=6),
    ("T7", 0): change("models", of("local_bases", "point == 2 and restart == 3"), n_represented=18),
    ("T7", 1): change("sets", of("local_bases", "point == 2 and restart == 3"), mean_abs_cosine_across=0.1),
    ("T7", 2): change("sets", of("local_bases", "point == 2 and restart == 3"), mean_abs_cosine=0.14),
    ("T7", 3): change("sets", of("local_bases", "point == 2 and restart == 3 and set == 1"), local_dimensionality=8.0),
    ("T7", 4): change("models", of("local_bases", "point == 1 and restart == 3"), n_represented=18),
    ("T7", 5): change("sets", of("local_bases", "point == 1 and restart == 3"), mean_abs_cosine_across=0.1),
    ("T7", 6): change("sets", of("local_bases", "point == 1 and restart == 3"), mean_abs_cosine=0.14),
    ("T7", 7): change("sets", of("local_bases", "point == 1 and restart == 3 and set == 1"), local_dimensionality=8.0),
    ("T7", 8): change("models", of("local_bases", "point == 0 and restart == 3"), n_represented=18),
    ("T7", 9): change("sets", of("local_bases", "point == 0 and restart == 3"), mean_abs_cosine_across=0.1),
    ("T7", 10): change("sets", of("local_bases", "point == 0 and restart == 3"), mean_abs_cosine=0.14),
    ("T7", 11): change("sets", of("local_bases", "point == 0 and restart == 3 and set == 1"), local_dimensionality=8.0),
    ("T7", 12): change("models", of("local_bases", "point == 2"), total_dimensionality=10.1),
    ("T8", 0): change("sets", COLLAPSING.format(0.3), min_cosine=0.4),
    ("T8", 1): change("sets", COLLAPSING.format(0.02) + " and set == 0", min_cosine=0.99),
    ("T8", 2): change("sets", COLLAPSING.format(0.1) + " and set == 1", min_cosine=0.99),
    ("T8", 3): change("sets", COLLAPSING.format(0.2) + " and set == 1", min_cosine=0.4),
    ("T8", 4): change("sets", COLLAPSING.format(0.7) + " and set == 1", min_cosine=0.4),
    ("T8", 5): change("sets", COLLAPSING.format(0.15) + " and set == 1", min_norm=0.6),
    ("T8", 6): change("sets", COLLAPSING.format(0.15) + " and set == 1", max_norm=0.8),
    ("T8", 7): change("models", COLLAPSING.format(0.9), angle_to_set_sums=10.0),
}


def test_every_part_has_tables_that_break_it():
    assert list(BREAKING) == list_parts(CLAIMS)


@pytest.mark.parametrize("seeds", [(0, 1, 2), (5,)])
def test_satisfying_tables(seeds):
    check_reproduced(judge(make_tables(seeds)), seeds)


@pytest.mark.parametrize(("claim", "part"), BREAKING)
def test_breaking_tables(claim, part):
    judged = judge(BREAKING[claim, part](make_tables()))
    assert judged.loc[(claim, part), "verdict"] == "failed"
    assert judged.loc[(claim, part), "n_seeds"] == 3
    others = judged[judged.index.get_level_values("claim") != claim]
    assert (others["verdict"] == "reproduced").all()


def test_loss_is_in_units_of_two_digons():
    tables = make_tables()
    p = probabilities("anticorrelated_pairs")[0]
    # E min(u, v)^2 = 1/6: each of both features misses by it when they meet, with probability p^2
    rng = np.random.default_rng(0)
    x = np.where(rng.random((400_000, 2)) < p, rng.random((400_000, 2)), 0)
    error = (x - np.maximum(x - x[:, ::-1], 0)) ** 2
    assert error.mean() == pytest.approx(p**2 / 6, rel=0.02)
    change("models", of("anticorrelated_pairs", "lowest_loss and point == 0"), loss=p**2 / 6)(tables)
    assert judge(tables).loc[("A1.5", 1), "value"] == pytest.approx(1)


def test_pairs_of_incomplete_models_do_not_count():
    tables = make_tables()
    change("sets", of("three_correlated_pairs", "restart > 1"), min_cosine=-0.1)(tables)
    change("models", of("three_correlated_pairs", "restart > 1"), n_represented=5)(tables)
    assert judge(tables).loc[("A1.6", 0), "value"] == 1


def test_where_no_model_is_complete_there_is_no_share_of_pairs():
    tables = change("models", of("three_correlated_pairs", "seed > 0"), n_represented=5)(make_tables())
    assert judge(tables).loc[("A1.6", 0), "verdict"] == "not measured"


@pytest.mark.parametrize("norm", [{"min_norm": 0.6}, {"max_norm": 1.0}])
def test_a_collapsed_pair_has_the_norms_of_a_sum(norm):
    tables = change("sets", of("three_correlated_pairs", "point == 0 and set == 0 and restart > 0"), **norm)(
        make_tables()
    )
    assert judge(tables).loc[("A1.6", 4), "value"] == 0.25


def test_norms_are_not_measured_where_nothing_collapses():
    where = of("collapsing_pairs", "seed == 1 and feature_probability < 0.4")
    judged = judge(change("sets", where, min_cosine=0.4)(make_tables()))
    assert judged.loc[("T8", 5), "verdict"] == "not measured"
    assert judged.loc[("T8", 2), "verdict"] == "failed"


def test_probabilities_out_of_reach_are_not_measured():
    tables = make_tables()
    for name in tables:
        tables[name] = tables[name][tables[name]["feature_probability"] < 0.4]
    judged = judge(tables)
    assert judged.loc[[("T8", 4), ("T8", 7)], "verdict"].tolist() == ["not measured"] * 2


def test_claims_without_their_experiments_are_not_measured():
    for missing in NAMES:
        judged = judge(make_tables(), EXPERIMENTS - {missing})
        expected = [claim.id for claim in CLAIMS for _ in claim.parts if missing in claim.experiments]
        assert judged[judged["verdict"] == "not measured"].index.get_level_values("claim").tolist() == expected
