"""The figures of the phase change and of features in many dimensions, on tables of known weights."""

import numpy as np
import pandas as pd
import pytest
from figure_tables import text_of
from weight_tables import tabulate_weights

from figures import features_in_many_dimensions, phase_change, phase_change_outputs, phase_without_bias
from superposition import plotting

EXPERIMENTS = {"a": {"title": "Some models"}, "b": {"title": "Other models"}}
PROBABILITIES, IMPORTANCES = (1.0, 0.1, 0.01), (0.1, 1.0, 10.0)


def texts(figure) -> str:
    with plotting.style():
        figure.draw_without_rendering()
    return text_of(figure)


def make_phases(names=("a",), probabilities=PROBABILITIES, importances=IMPORTANCES, n_features=2, restarts=3):
    """Best in expectation is the first restart, antipodal; then ignored; then, worst, dedicated."""
    weights = np.zeros((3, 1, n_features))
    weights[:, 0, 0], weights[:, 0, -1] = (1, 1, 0), (-1, 0, 1)
    models = []
    for name in names:
        for seed in (3, 4):
            points = [(p, r) for p in probabilities for r in importances]
            for point, (p, r) in enumerate(points):
                for restart in range(restarts):
                    columns = {"experiment": name, "seed": seed, "point": point, "restart": restart}
                    columns |= {"kind": "gelu_output" if name == "b" else "relu_output", "lowest_loss": restart == 1}
                    columns |= {"feature_probability": p, "last_importance": r, "expected_loss": 0.1 + 0.1 * restart}
                    models.append((columns, weights[restart]))
    return tabulate_weights(models)


def image_of(ax) -> np.ndarray:
    [image] = ax.images
    return np.asarray(image.get_array(), float)


def test_maps_show_the_best_and_the_mean_without_the_worst():
    figure = phase_change.draw(make_phases(), EXPERIMENTS)
    theory, best, mean, _ = figure.axes
    assert [ax.get_title("left") for ax in (theory, best, mean)] == [
        "theory",
        "best of 3 models",
        "mean of all but the worst",
    ]
    assert image_of(best).shape == (3, 3, 3)
    np.testing.assert_allclose(image_of(best), np.broadcast_to(phase_change.SUPERPOSED, (3, 3, 3)))
    # the mean of an antipodal and an absent feature: norm 1/2, interference (1 + 0) / 2
    half = phase_change.paint(np.array(0.5), np.array(0.5))
    np.testing.assert_allclose(image_of(mean), np.broadcast_to(half, (3, 3, 3)))


def test_maps_run_from_dense_to_sparse_and_from_unimportant_to_important():
    tables = make_phases(restarts=1)
    ignored = (tables["features"]["feature_probability"] == 1.0) & (tables["features"]["last_importance"] == 0.1)
    tables["features"].loc[ignored & (tables["features"]["feature"] == 1), "norm"] = 0.0
    ax = phase_change.draw(tables, EXPERIMENTS).axes[1]
    image, (left, right, bottom, top) = image_of(ax), ax.images[0].get_extent()
    assert (image == 1).all(-1).sum() == 1  # the one white cell: rows from below, columns from the smallest p
    assert (image[0, 2] == 1).all()
    assert (left, right, bottom, top) == pytest.approx((-2.5, 0.5, -1.5, 1.5))
    assert ax.get_xlim() == pytest.approx((0.5, -2.5))


def test_colours():
    painted = phase_change.paint(np.array([0.0, 1.0, 1.0, 2.0]), np.array([1.0, 0.0, 1.0, 9.0]))
    expected = [np.ones(3), phase_change.DEDICATED, phase_change.SUPERPOSED, phase_change.SUPERPOSED]
    np.testing.assert_allclose(painted, expected)


def test_theory_names_its_outcomes():
    probabilities, importances = np.geomspace(1, 0.01, 5), np.geomspace(0.1, 10, 5)
    for n_features in (2, 3):
        theory = phase_change.draw(make_phases(("a",), probabilities, importances, n_features), EXPERIMENTS).axes[0]
        assert {text.get_text() for text in theory.texts} == {"ignored", "superposed", "dedicated"}
    assert "none for\n4 features" in texts(phase_change.draw(make_phases(n_features=4), EXPERIMENTS))


def test_one_point_and_one_model_make_a_map():
    figure = phase_change.draw(make_phases(probabilities=(0.1,), importances=(1.0,), restarts=1), EXPERIMENTS)
    assert "best of 1 models" in texts(figure)
    assert image_of(figure.axes[2]).shape == (1, 1, 3)  # nothing is worse than the only one


def test_a_panel_for_every_output_function():
    figure = phase_change_outputs.draw(make_phases(("a", "b")), EXPERIMENTS)
    assert [ax.get_title("left") for ax in figure.axes] == ["ReLU", "GELU"]
    assert "Some models, by output function" in texts(figure)


def test_weights_are_drawn_with_a_positive_first():
    tables = make_phases(importances=(0.8,), restarts=2)
    tables["features"]["direction"] = [-direction for direction in tables["features"]["direction"]]
    ax = phase_without_bias.draw(tables, EXPERIMENTS).axes[0]
    others, best = (np.asarray(points.get_offsets()) for points in ax.collections)
    np.testing.assert_allclose(others, [[1, -1]] * 2)  # of both seeds
    np.testing.assert_allclose(best, [[1, 0]] * 2)
    assert {text.get_text() for text in ax.texts} == {"same sign: 0.0%", "opposite: 50.0%"}


def make_many(kinds=("linear", "relu_output"), probabilities=(1.0, 0.1)):
    """W = the first two of three features on axes; a bias of p / 2 on the third."""
    models = []
    for name, kind in zip("ab", kinds, strict=True):
        for seed in (3, 4):
            for point, p in enumerate(probabilities):
                columns = {"experiment": name, "seed": seed, "point": point, "restart": 0, "kind": kind}
                columns |= {"lowest_loss": True, "feature_probability": p, "bias": np.array([0, 0, p / 2])}
                models.append((columns, np.eye(2, 3) * (1 if seed == 3 else 0.1)))
    return tabulate_weights(models)


def test_the_linear_model_is_the_first_column():
    models = features_in_many_dimensions.choose_models(*make_many().values())
    assert [model.name for model in models] == ["linear", "$p$ = 1", "$p$ = 0.1"]
    assert all((model.features["seed"] == 3).all() for model in models)


def test_products_with_the_bias_beside_them_and_norms_below():
    figure = features_in_many_dimensions.draw(make_many(), EXPERIMENTS)
    matrix, bars = figure.axes[4:6]
    assert matrix.get_title("left") == "$p$ = 0.1\n2 of 3"
    gap = np.full((3, 1), np.nan)
    expected = np.hstack([np.diag([1.0, 1, 0]), gap, [[0], [0], [0.05]]])
    np.testing.assert_allclose(np.ma.filled(matrix.images[0].get_array(), np.nan), expected)
    assert [bar.get_height() for bar in bars.patches] == [1, 1, 0]
    assert bars.get_xlim() == matrix.get_xlim()  # a bar stands under its column


def test_one_model_in_many_dimensions():
    tables = {name: rows[rows["experiment"] == "b"] for name, rows in make_many(probabilities=(1.0,)).items()}
    assert "2 of 3" in texts(features_in_many_dimensions.draw(tables, EXPERIMENTS))


def test_bars_are_coloured_by_interference():
    tables = make_many()
    tables["features"]["interference"] = pd.Series([0.0, 5.0, np.nan] * (len(tables["features"]) // 3))
    bars = features_in_many_dimensions.draw(tables, EXPERIMENTS).axes[1].patches
    colors = features_in_many_dimensions.INTERFERENCE.to_rgba([0.0, 1.0, 0.0])
    np.testing.assert_allclose([bar.get_facecolor() for bar in bars], colors)
