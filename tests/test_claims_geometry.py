"""The claims on the geometry of superposition: on tables that satisfy them, and on tables that break them."""

import math

import numpy as np
import pandas as pd
import pytest
from builders import CONFIG
from claim_checks import check_reproduced, list_parts
from claim_tables import change

from superposition.claims import CLAIMS
from superposition.claims.judging import judge_claims
from superposition.claims.selections import correlate, crossing, is_bent_pentagon, is_two_digons

HERE = [claim for claim in CLAIMS if claim.section == "geometry"]
EXPERIMENTS = {name for claim in HERE for name in claim.experiments}
LARGE, SMALL, HALF, PENTAGON = "uniform_400_in_30", "uniform_200_in_20", "uniform_400_in_15", "perturbed_pentagon"
DENSITIES = CONFIG["toy_models"][LARGE]["sweep"]["feature_probability"]
HALF_DENSITIES = CONFIG["toy_models"][HALF]["sweep"]["feature_probability"]
RATIOS = CONFIG["toy_models"][PENTAGON]["sweep"]["last_probability"]
CROSSING = 0.32


def dimensions(p):
    """D* falls everywhere, slowly on the plateau."""
    known = [0.01, 0.05, 0.2, 0.3, 0.5, 0.6, 1.0]
    return float(np.interp(math.log(p), np.log(known), [0.07, 0.13, 0.36, 0.5, 0.55, 0.8, 1.0]))


def dimensionality(p):
    """D_i of every represented feature, on the line that belongs to the density."""
    lines = {(0.7, 0.85): 3 / 4, (0.55, 0.65): 2 / 3, (0.3, 0.5): 1 / 2, (0.22, 0.28): 2 / 5, (0.17, 0.2): 3 / 8}
    return next((value for (low, high), value in lines.items() if low <= p <= high), 0.2)


SHAPES = {2 / 3: (3, 2), 1 / 2: (2, 1), 2 / 5: (5, 2)}  # D -> size and rank of the feature's component


def make_uniform(name, n_hidden, densities, seed):
    models, features = [], []
    for instance, p in enumerate(densities):
        key = {"experiment": name, "seed": seed, "instance": instance, "feature_probability": p, "lowest_loss": True}
        d = dimensions(p)
        shape = {"n_hidden": n_hidden, "n_represented": round(60 / d) * n_hidden // 60, "dimensions_per_feature": d}
        models.append(key | shape | {"total_dimensionality": 0.995 * n_hidden})
        for feature in range(60):
            shown = p < 0.9 and feature < 20
            value = dimensionality(p) if shown else 0.1 if p > 0.9 else 0.0
            size, rank = SHAPES.get(value, (20, 9)) if shown else (0, 0)
            geometry = {"dimensionality": value, "component_size": size, "component_rank": rank, "min_cosine": -0.99}
            features.append(key | {"feature": feature, "represented": shown} | geometry)
    return models, features


def make_pentagons(seed):
    """At each ratio two pentagons and two pairs of digons, whose losses cross at CROSSING."""
    models, features = [], []
    for point, ratio in enumerate(RATIOS):
        losses = {"pentagon": 1e-3 * (1 + CROSSING / 2 + ratio / 2), "digons": 1e-3 * (1 + ratio)}
        for restart in range(4):
            name = "pentagon" if restart < 2 else "digons"
            key = {"experiment": PENTAGON, "seed": seed, "instance": 4 * point + restart, "last_probability": ratio}
            key |= {"lowest_loss": restart % 2 == 0 and losses[name] == min(losses.values())}
            found = {"loss": losses[name] + 1e-6 * (restart % 2), "gap_deviation": 5.0}
            counts = (5, 0) if name == "pentagon" else (4, 2)
            models.append(key | found | dict(zip(("n_represented", "n_antipodal_pairs"), counts, strict=True)))
            beside = 70 + ratio
            for feature, angle in enumerate((-beside, beside, -140, 140, 0)):
                direction = 1.1 * np.exp(1j * math.radians(angle + 40 * seed))
                shape = {
                    "norm": 1.1,
                    "bias": 0.98 / 1.21 - 1,
                    "direction": np.float32([direction.real, direction.imag]),
                }
                features.append(key | {"feature": feature, "represented": True} | shape)
    return models, features


def make_tables(seeds=(0, 1, 2)):
    parts = [
        part
        for seed in seeds
        for part in (
            make_uniform(LARGE, 30, DENSITIES, seed),
            make_uniform(SMALL, 20, np.geomspace(1, 0.05, 20), seed),
            make_uniform(HALF, 15, HALF_DENSITIES, seed),
            make_pentagons(seed),
        )
    ]
    models, features = ([row for part in parts for row in part[table]] for table in (0, 1))
    return {"models": pd.DataFrame(models), "features": pd.DataFrame(features)}


def judge(tables, available=frozenset(EXPERIMENTS)):
    return judge_claims(HERE, tables, set(available)).set_index(["claim", "part"])


def at(name, p):
    return f"experiment == '{name}' and feature_probability == {p}"


ON_LARGE, OF_PENTAGON = f"experiment == '{LARGE}'", f"experiment == '{PENTAGON}'"
PENTAGONS, DIGONS = f"{OF_PENTAGON} and n_represented == 5", f"{OF_PENTAGON} and n_represented == 4"
AWAY = {"dimensionality": 0.3}


def break_dimensionalities(claim, name):
    """The densities of both sweeps that a part speaks of lie within each of these bounds."""
    of, shown = f"experiment == '{name}'", f"represented and experiment == '{name}'"
    p = "feature_probability"
    return {
        (f"{claim}-b", 0): change("features", f"{shown} and 0.32 < {p} < 0.36 and feature < 2", **AWAY),
        (f"{claim}-c", 0): change("features", f"{shown} and {p} > 0.5", **AWAY),
        (f"{claim}-c", 1): change("features", f"{shown} and 0.54 < {p} < 0.66 and feature > 6", **AWAY),
        (f"{claim}-c", 2): change("features", f"{shown} and {p} > 0.66 and feature > 3", **AWAY),
        (f"{claim}-c", 3): change("features", f"{shown} and 0.21 < {p} < 0.29 and feature > 6", **AWAY),
        (f"{claim}-c", 4): change("features", f"{shown} and {p} < 0.23 and feature > 6", **AWAY),
        (f"{claim}-d", 0): change("features", f"{of} and {p} > 0.99 and feature == 3", dimensionality=1.0),
        (f"{claim}-d", 1): change("features", f"{of} and 0.37 < {p} < 0.41 and not represented", dimensionality=0.2),
        (f"{claim}-e", 0): change("models", f"{of} and 0.09 < {p} < 0.11 and seed == 1", total_dimensionality=28.0),
    }


def break_components(claim, name):
    first, p = f"experiment == '{name}' and feature == 0", "feature_probability"
    return {
        (f"{claim}-g", 0): change("features", f"{first} and 0.37 < {p} < 0.41", min_cosine=-0.9),
        (f"{claim}-g", 1): change("features", f"{first} and 0.37 < {p} < 0.41", dimensionality=0.54),
        (f"{claim}-g", 2): change("features", f"{first} and 0.58 < {p} < 0.64", dimensionality=0.72),
        (f"{claim}-g", 3): change("features", f"{first} and 0.24 < {p} < 0.26", dimensionality=0.35),
    }


BREAKING = {
    ("A3.1", 0): change("models", at(SMALL, 1.0), dimensions_per_feature=0.95),
    ("A3.1", 1): change(
        "models", f"experiment == '{SMALL}' and 0.3 < feature_probability < 0.35", dimensions_per_feature=0.48
    ),
    ("A3.1", 2): change(
        "models", f"experiment == '{SMALL}' and 0.4 < feature_probability < 0.5", dimensions_per_feature=0.58
    ),
    ("A3.1", 3): change("models", f"experiment == '{SMALL}' and feature_probability < 0.1", dimensions_per_feature=0.9),
    **break_dimensionalities("A3.1", SMALL),
    **break_components("A3.1", SMALL),
    ("T4-a", 0): change("models", at(LARGE, 1.0), dimensions_per_feature=0.95),
    ("T4-a", 1): change("models", at(LARGE, 0.3), dimensions_per_feature=0.48),
    ("T4-a", 2): change("models", at(LARGE, 0.5), dimensions_per_feature=0.58),
    ("T4-a", 3): change("models", f"{ON_LARGE} and feature_probability < 0.1", dimensions_per_feature=0.9),
    **break_dimensionalities("T4", LARGE),
    ("T4-f", 0): change(
        "models", f"experiment == '{SMALL}' and 0.3 < feature_probability < 0.35", dimensions_per_feature=0.6
    ),
    ("T4-f", 1): change("models", at(HALF, 0.3), n_represented=40),
    ("T4-f", 2): change("models", at(HALF, 0.3), n_represented=20),
    **break_components("T4", LARGE),
    ("T17", 0): change("models", at(LARGE, 0.1), n_represented=300),
    ("T5-a", 0): change("models", f"{PENTAGONS} and last_probability == 1 and seed == 1", gap_deviation=40.0),
    ("T5-b", 0): change(
        "features", f"{OF_PENTAGON} and last_probability > 0.3 and feature == 1", direction=np.float32([1, 0.1])
    ),
    ("T5-c", 0): change("models", f"{DIGONS} and last_probability < 0.7", loss=1e-5),
    ("T5-c", 1): change("models", f"{OF_PENTAGON} and last_probability == 0.12 and lowest_loss", n_antipodal_pairs=1),
    ("T5-d", 0): change(
        "models", f"{DIGONS} and (last_probability < 0.28 or last_probability > 0.32)", n_represented=3
    ),
    ("T5-d", 1): change("models", f"{DIGONS} and seed == 1", loss=1.0),
    ("T5-e", 0): change("features", f"{OF_PENTAGON} and feature == 4 and last_probability == 0.35", norm=0.4),
    ("T5-f", 0): change("features", f"{OF_PENTAGON} and feature == 1 and last_probability == 1", bias=-0.3),
    ("T5-f", 1): change("features", f"{OF_PENTAGON} and feature == 1 and last_probability == 1", bias=-0.1),
    ("T5-f", 2): change("features", f"{OF_PENTAGON} and feature == 4 and last_probability == 2", bias=-0.3),
    ("T5-f", 3): change("features", f"{OF_PENTAGON} and feature == 4 and last_probability == 2", bias=-0.1),
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


def test_order_of_rows_does_not_matter():
    tables = make_tables()
    shuffled = {name: table.sample(frac=1, random_state=0) for name, table in tables.items()}
    pd.testing.assert_frame_equal(judge(shuffled), judge(tables))


def test_the_crossing_is_where_the_losses_are_equal():
    assert judge(make_tables()).loc[("T5-c", 0), "value"] == pytest.approx(CROSSING, rel=0.02)


def test_without_a_crossing_it_is_not_measured():
    tables = change("models", DIGONS, loss=1.0)(make_tables())
    judged = judge(tables)
    for part in (("T5-c", 0), ("T5-c", 1), ("T5-e", 0)):
        assert judged.loc[part, "verdict"] == "not measured"
    assert judged.loc[("T5-d", 1), "verdict"] == "failed"


@pytest.mark.parametrize("where", ["seed >= 0", "seed > 0"])
def test_geometries_that_no_restart_finds_at_some_seed_are_not_measured(where):
    judged = judge(change("models", f"{PENTAGONS} and {where}", gap_deviation=50.0)(make_tables()))
    of_pentagons = [("T5-b", 0), ("T5-c", 0), ("T5-e", 0), *(("T5-f", part) for part in range(4))]
    assert {judged.loc[part, "verdict"] for part in of_pentagons} == {"not measured"}
    assert judged.loc[("T5-a", 0), "verdict"] == "failed"


@pytest.mark.parametrize("where", ["seed >= 0", "seed > 0"])
@pytest.mark.parametrize(("size", "part"), [(2, 0), (5, 3)])
def test_a_size_that_no_component_has_at_some_seed_is_not_measured(where, size, part):
    tables = change("features", f"component_size == {size} and {where}", component_size=7)(make_tables())
    assert {judge(tables).loc[(claim, part), "verdict"] for claim in ("T4-g", "A3.1-g")} == {"not measured"}


# The functions that claims share


def test_crossing_by_hand():
    x = np.array([0.1, 1.0, 10.0])
    assert crossing(x, np.array([-1.0, 1.0, 2.0])) == pytest.approx(math.sqrt(0.1))  # half way in log x
    assert crossing(x, np.array([-1.0, np.nan, 1.0])) == pytest.approx(1.0)
    assert math.isnan(crossing(x, np.array([1.0, 2.0, 3.0])))
    assert math.isnan(crossing(x, np.full(3, np.nan)))


def test_geometries_of_fits():
    models = pd.DataFrame(
        [(5, 0, 1.0), (5, 0, 35.0), (5, 0, 37.0), (5, 2, 54.0), (4, 2, 0.5), (4, 1, 20.0), (3, 1, 90.0)],
        columns=["n_represented", "n_antipodal_pairs", "gap_deviation"],
    )
    assert is_bent_pentagon(models).tolist() == [True, True, False, False, False, False, False]
    assert is_two_digons(models).tolist() == [False, False, False, False, True, False, False]


def test_correlations_need_two_columns_that_vary():
    rows = pd.DataFrame(
        {"seed": [0] * 3 + [1] * 3 + [2] * 2, "x": [1, 2, 3] * 2 + [1, 2], "y": [3, 2, 1, 5, 5, 5, 1, 2]}
    )
    assert correlate(rows, "x", "y").tolist() == pytest.approx([-1, math.nan, math.nan], nan_ok=True)
    assert correlate(rows.head(0), "x", "y").empty
