"""What the marks of the figures on finite data must be."""

import numpy as np
import pytest
from finite_data_tables import make_finite_data, make_finite_models
from matplotlib.colors import to_rgba

from figures import (
    dimensionality_of_points,
    double_descent,
    features_and_points,
    features_and_points_on_one_scale,
    finite_data_elements,
    longer_training_and_decay,
    norms_and_losses,
    samples_and_dimensions,
)

EXPERIMENTS = {"finite": {"title": "From few to many samples"}}
SIZES = (5, 10, 100, 1_000)


@pytest.fixture(scope="module")
def tables():
    return make_finite_data()


def test_every_size_has_its_features_above_its_samples(tables):
    axes = features_and_points.draw(tables, EXPERIMENTS).axes
    assert [ax.get_title(loc="center") for ax in axes[:4]] == ["$T$ = 5", "$T$ = 10", "$T$ = 100", "$T$ = 1,000"]
    dots = [next(line for line in ax.lines if line.get_marker() == "o") for ax in axes]
    assert [len(line.get_xdata()) for line in dots] == [5] * 4 + [5, 10, 20, 20]
    colors = [to_rgba(line.get_color()) for line in dots]
    assert colors == [to_rgba(finite_data_elements.FEATURE)] * 4 + [to_rgba(finite_data_elements.POINT)] * 4
    # of the first seed, whose first vector is not turned
    np.testing.assert_allclose(dots[0].get_xydata()[0], [1, 0], atol=1e-6)


def test_panels_have_scales_of_their_own_or_one():
    tables = make_finite_data()
    points = tables["training_points"]
    points["hidden"] = [3 * hidden if size == 5 else hidden for hidden, size in points[["hidden", "n_samples"]].values]
    own, one = (
        [ax.get_xlim()[1] / 1.12 for ax in figure.draw(tables, EXPERIMENTS).axes]
        for figure in (features_and_points, features_and_points_on_one_scale)
    )
    np.testing.assert_allclose(own, [1, 1, 1, 1, 3, 1, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(one, [3] * 8, rtol=1e-6)


def test_panels_are_thinned_out_from_first_to_last():
    assert finite_data_elements.spread(list(range(100)), 13)[::12] == [0, 99]
    assert finite_data_elements.spread([3, 5], 13) == [3, 5]


def test_dimensionality_stands_beside_its_size(tables):
    (ax,) = dimensionality_of_points.draw(tables, EXPERIMENTS).axes
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(dots) == 2 * len(SIZES)
    for line in dots:
        nearest = [min(SIZES, key=lambda size, x=x: abs(np.log(x / size))) for x in line.get_xdata()]
        assert len(set(nearest)) == 1
        assert len(set(line.get_ydata())) == 1  # all alike in the small tables
    line = next(line for line in ax.lines if len(line.get_xdata()) == 100)
    np.testing.assert_allclose(line.get_ydata(), 2 / line.get_xdata())


def test_regimes_are_those_found_in_the_data(tables):
    # polygons up to 10, a pentagon at 1,000, at both seeds
    (ax,) = dimensionality_of_points.draw(tables, EXPERIMENTS).axes
    (span,) = ax.patches
    assert span.get_x() == pytest.approx(10)
    assert span.get_x() + span.get_width() == pytest.approx(1_000)
    assert {"memorised", "in between", "generalised"} <= {text.get_text() for text in ax.texts}
    models = tables["finite_models"].copy()
    models.loc[(models["seed"] == 1) & (models["n_samples"] == 100), "median_point_dimensionality"] = 0.02
    assert finite_data_elements.mean_regimes(models).memorisation_ends == pytest.approx((10 * 100) ** 0.5)


def test_without_regimes_nothing_is_shaded(tables):
    models = tables["finite_models"].assign(n_large_dimensionality=0)
    (ax,) = dimensionality_of_points.draw(tables | {"finite_models": models}, EXPERIMENTS).axes
    assert not ax.patches


def test_test_losses_are_those_of_the_best_fits(tables):
    models = tables["finite_models"].copy()
    models.loc[~models["lowest_training_loss"], "test_loss"] = 99.0
    models.loc[(models["seed"] == 1) & (models["n_samples"] == 100), "test_loss"] = 1.5
    top = double_descent.draw(tables | {"finite_models": models}, EXPERIMENTS).axes[0]
    means = next(line for line in top.lines if line.get_marker() == "o")
    np.testing.assert_allclose(means.get_ydata(), [0, 0, 0.4, -0.01], atol=1e-9)  # less 1
    assert [text.get_text() for text in top.get_yticklabels()].count("1") == 1


def test_seeds_that_one_experiment_lacks_are_left_out():
    models = make_finite_models()
    models = models[models["experiment"].isin(["few_samples", "many_samples"])]
    lacking = models[(models["experiment"] == "few_samples") | (models["seed"] < 2)]
    assert set(double_descent.common_seeds(lacking)["seed"]) == {0, 1}


def test_norms_and_losses_have_a_panel_each(tables):
    axes = norms_and_losses.draw(tables, EXPERIMENTS).axes
    assert [ax.get_ylabel() for ax in axes] == ["norm", "training loss", "test loss"]
    assert {"$|W|_F$", "$|b|$"} == {text.get_text() for text in axes[0].texts}


def test_the_plane_shows_means_and_marks_the_largest_of_each_row():
    models = make_finite_models(seeds=(0,))
    figure = samples_and_dimensions.draw(
        {"finite_models": models[models["experiment"] == "samples_and_dimensions"]}, EXPERIMENTS
    )
    texts = figure.axes[0].texts
    assert len(texts) == 60
    bold = [text for text in texts if text.get_fontweight() == "bold"]
    assert [text.get_position()[0] - 0.5 for text in bold] == [2, 3, 4, 5, 6, 7]
    assert {text.get_text() for text in bold} == {"1.505", "1.500"}  # means over the two restarts


def test_each_swept_value_has_a_curve():
    models = make_finite_models(seeds=(0,))
    blocks = {"longer_training": {"title": "Longer"}, "stronger_decay": {"title": "Stronger"}}
    left, right = longer_training_and_decay.draw({"finite_models": models}, blocks).axes
    assert [text.get_text() for text in left.texts] == ["5,000 steps", "15,000 steps", "50,000 steps"]
    assert [text.get_text() for text in right.texts] == ["decay 0.01", "decay 0.1", "decay 1"]
    peaks = [[line.get_ydata().max() for line in ax.lines if line.get_marker() == "o"] for ax in (left, right)]
    np.testing.assert_allclose(peaks, [[0.1, 0.2, 0.3], [0.2, 0.15, 0]], atol=1e-12)  # the usual decay: 15,000 steps
