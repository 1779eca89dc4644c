"""The figure of recovery across toy models, from small tables."""

import numpy as np
import pytest
from figure_tables import make_saes, make_toy_models

from figures import model_recovery
from superposition import plotting

TITLES = {"none": {"title": "Correlated pairs, ReLU"}, "simple": {"title": "Resampled"}, "base": {"title": "base"}}


def make_tables(**changes):
    saes = make_saes(**changes)
    return saes | {"features": make_toy_models()["features"]}


def draw(tables):
    with plotting.style():
        figure = model_recovery.draw(tables, TITLES)
        figure.draw_without_rendering()
    return figure


def test_only_represented_features_count():
    tables = make_tables(names=("none",), dead=(1, 2))
    tables["features"].loc[tables["features"]["feature"].eq(1), "norm"] = 0.2  # given up by the model, and unrecovered
    left = draw(tables).axes[0]
    [mean] = [line.get_xdata()[0] for line in left.lines if line.get_marker() == "D"]
    assert mean == pytest.approx(3 / 4)


def test_cosines_are_the_largest_with_a_live_latent():
    rows = model_recovery.tabulate_cosines(make_tables(names=("none",), seeds=(0,), restarts=1, dead=(4,)))
    largest = rows.sort_values("feature")["decoder_cosines"]
    np.testing.assert_allclose(largest, [1, 1, 1, 1, np.cos(np.deg2rad(72))], atol=1e-6)


def test_rows_are_named_by_what_sets_them_apart():
    labels = [label.get_text() for label in draw(make_tables()).axes[0].get_yticklabels()]
    assert labels == ["Correlated pairs", "base"]


def test_features_beyond_the_plane_are_drawn_one_by_one():
    tables = make_tables(names=("none",))
    tables["saes"]["n_features"] = 6
    line = next(line for line in draw(tables).axes[1].lines if line.get_marker() == "o")
    assert line.get_xydata().tolist() == [[feature, 1] for feature in range(1, 6)]


def test_tables_without_a_live_latent_are_drawn():
    assert draw(make_tables(dead=range(5))).axes
