"""Claims on finite data: what breaks each of them. test_claims.py judges the tables; here are the changes."""

import numpy as np
import pandas as pd
import pytest
from claim_checks import list_parts
from claim_tables import change, make_tables
from finite_data_tables import ARENA_FEW, ARENA_MANY, ARENA_OWN, FEW, MANY, sizes_of

from superposition.claims.double_descent import CLAIMS, SECTION, is_between, is_polygon
from superposition.claims.double_descent_variants import largest_rise, order_of_peaks, ratio_of_variations
from superposition.claims.finite_data_selections import of_best_fits
from superposition.claims.judging import judge_claims

EXPERIMENTS = {name for claim in CLAIMS for name in claim.experiments}
BEST = "lowest_training_loss"


def breaking(prefix: str, first: str, last: str) -> dict:
    few, largest = f"experiment == '{first}' and {BEST}", max(sizes_of(last))
    end = f"experiment == '{last}' and {BEST} and n_samples == {largest}"
    both = f"experiment in ('{first}', '{last}') and {BEST}"
    eight = f"{few} and n_samples == 8"

    def models(where, **values):
        return change("finite_models", where, **values)

    return {
        (f"{prefix}-a", 0): models(eight, train_loss=0.01),
        (f"{prefix}-a", 1): models(eight, median_point_dimensionality=0.2),
        (f"{prefix}-a", 2): models(eight, variation_of_point_dimensionality=0.3),
        (f"{prefix}-a", 3): models(eight, point_gap_deviation=20.0),
        (f"{prefix}-a", 4): models(eight, radius_ratio=1.5),
        (f"{prefix}-a", 5): models(eight, largest_dimensionality=0.5),
        (f"{prefix}-a", 6): models(f"experiment == '{first}' and restart == 1", train_loss=0.01),
        (f"{prefix}-b", 0): models(f"{few} and n_samples == 3", train_loss=0.01),
        (f"{prefix}-b", 1): models(f"{few} and n_samples == 6", test_loss=0.9),
        (f"{prefix}-b", 2): models(f"{few} and n_samples == 6", test_loss=1.2),
        (f"{prefix}-c", 0): models(end, n_large_dimensionality=7),
        (f"{prefix}-c", 1): models(end, largest_dimensionality=0.4),
        (f"{prefix}-c", 2): models(end, fifth_dimensionality=0.1),
        (f"{prefix}-c", 3): models(end, sixth_dimensionality=0.1),
        (f"{prefix}-c", 4): models(end, gap_deviation_of_five=20.0),
        (f"{prefix}-c", 5): models(end, median_point_dimensionality=0.02),
        (f"{prefix}-d", 0): models(f"{both} and n_samples > 50", largest_dimensionality=0.25),
        (f"{prefix}-e", 0): models(both, test_loss=1.0),
        (f"{prefix}-e", 1): models(end, test_loss=0.999),
        (f"{prefix}-f", 0): models(end, frobenius_norm=30.0),
        (f"{prefix}-f", 1): models(end, bias_norm=70.0),
        (f"{prefix}-f", 2): models(f"{few} and n_samples == 3", bias_norm=4.0),
        (f"{prefix}-f", 3): models(end, frobenius_norm=1.5),
        (f"{prefix}-order", 0): models(
            f"{both} and n_samples > 50 and n_samples < {largest}", median_point_dimensionality=1.0
        ),
    }


PLANE = "experiment == 'samples_and_dimensions'"
BREAKING = breaking("D1", FEW, MANY) | breaking("A4", ARENA_FEW, ARENA_MANY)
BREAKING |= breaking("A4-own", ARENA_OWN, ARENA_OWN)
BREAKING |= {
    ("D2-a", 0): change("finite_models", f"{PLANE} and restart == 0", test_loss=0.0),
    ("D2-a", 1): change("finite_models", f"{PLANE} and restart == 0", test_loss=0.0),
    ("D2-b", 0): change("finite_models", f"{PLANE} and n_samples == 5 and n_hidden > 3", test_loss=3.0),
    ("D2-c", 0): change("finite_models", f"{PLANE} and n_hidden > 3 and restart == 1", test_loss=1.4),
    ("D3-a", 0): change("finite_models", "experiment == 'longer_training' and steps == 50_000", test_loss=1.0),
    ("D3-b", 0): change("finite_models", "experiment == 'stronger_decay' and n_samples == 100", test_loss=1.05),
}


def judge(tables, *claims: str):
    """All claims, or those of the ids."""
    chosen = [claim for claim in CLAIMS if claim.id in claims] or CLAIMS
    return judge_claims(chosen, tables, EXPERIMENTS).set_index(["claim", "part"])


def test_every_part_has_tables_that_break_it():
    assert list(BREAKING) == list_parts(CLAIMS)
    assert {claim.section for claim in CLAIMS} == {SECTION}


@pytest.mark.parametrize(("claim", "part"), BREAKING)
def test_breaking_tables(claim, part):
    assert judge(BREAKING[claim, part](make_tables()), claim).loc[(claim, part), "verdict"] == "failed"


def test_a_seed_that_only_one_experiment_has_is_left_out():
    tables = make_tables()
    models = tables["finite_models"]
    tables["finite_models"] = models[~((models["experiment"] == MANY) & (models["seed"] == 2))]
    judged = judge(tables)
    assert judged.loc[("D1-e", 0), "n_seeds"] == 2
    assert judged.loc[("D1-a", 0), "n_seeds"] == 3
    assert set(of_best_fits(tables, (FEW, MANY))["seed"]) == {0, 1}


def test_one_undefined_polygon_is_enough():
    where = f"experiment == '{FEW}' and {BEST} and n_samples == 8 and seed == 1"
    row = judge(change("finite_models", where, radius_ratio=np.nan)(make_tables())).loc[("D1-a", 4)]
    assert (row["verdict"], row["n_seeds"]) == ("not measured", 2)


@pytest.mark.parametrize(
    ("name", "column"),
    [("samples_and_dimensions", "n_hidden"), ("longer_training", "steps"), ("stronger_decay", "n_samples")],
)
def test_a_grid_spread_over_experiments_is_judged_as_one(name, column):
    tables = make_tables()
    models = tables["finite_models"]
    own = models["experiment"] == name
    smallest = models.loc[own, column].min()
    parts = [name if value == smallest else f"{name}_{value}" for value in models.loc[own, column]]
    assert len(set(parts)) > 2
    spread = models.assign(experiment=models["experiment"].mask(own, pd.Series(parts, models.index[own])))
    claims = [claim for claim in CLAIMS if claim.experiments == (name,)]

    def judge_grid(models):
        return judge_claims(claims, {"finite_models": models}, EXPERIMENTS)

    pd.testing.assert_frame_equal(judge_grid(spread), judge_grid(models))
    lacking = spread[~((spread["experiment"] == parts[-1]) & (spread["seed"] == 1))]
    assert set(judge_grid(lacking)["n_seeds"]) == {2}
    stranger = models.assign(experiment=models["experiment"].mask(own & (models["seed"] == 1), f"{name}s"))
    assert set(judge_grid(stranger)["n_seeds"]) == {2}


def plane(rows):
    return pd.DataFrame(rows, columns=["n_hidden", "n_samples", "test_loss"])


def test_rise_in_standard_errors_by_hand():
    # 1.0 and 1.2, mean 1.1, standard error 0.1; 1.3 and 1.5, mean 1.4, standard error 0.1: 0.3 / 0.1414 = 2.121
    models = plane([(2, 5, 1.0), (2, 5, 1.2), (3, 5, 1.3), (3, 5, 1.5)])
    assert largest_rise(models, "n_hidden", "n_samples") == pytest.approx(0.3 / 0.02**0.5)
    assert np.isnan(largest_rise(models, "n_samples", "n_hidden"))  # one number of samples alone


def test_order_of_peaks_by_hand():
    losses = {2: (1, 3, 2, 1), 3: (1, 2, 3, 1), 4: (1, 1, 2, 3)}
    models = plane([(m, 10**k, loss) for m, row in losses.items() for k, loss in enumerate(row)])
    assert order_of_peaks(models) == pytest.approx(1)
    models["n_hidden"] = 6 - models["n_hidden"]
    assert order_of_peaks(models) == pytest.approx(-1)
    assert np.isnan(order_of_peaks(models[models["n_samples"] < 10]))  # one number of samples, so one peak


def test_ratio_of_variations_by_hand():
    # means 1 with spreads 0.2 and 0.1 (m = 4), 0.4 (m = 2); m = 3 does not count
    spreads = {(2, 5): 0.4, (2, 6): 0.4, (3, 5): 9.0, (4, 5): 0.2, (4, 6): 0.1}
    models = plane([(*place, 1 + sign * spread) for place, spread in spreads.items() for sign in (-1, 1)])
    assert ratio_of_variations(models) == pytest.approx(0.15 / 0.4)


def test_polygons_and_what_is_between_are_told_apart():
    models = make_tables()["finite_models"]
    models = models[models["experiment"] == FEW]
    assert is_polygon(models).equals(models["n_samples"] <= 50)
    assert not is_between(models[models["n_samples"] <= 50]).any()
