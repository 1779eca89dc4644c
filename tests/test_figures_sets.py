"""Figures of correlated features, from small tables that obey the schema."""

import numpy as np
import pytest
from figure_tables import make_toy_models, merge, tabulate
from matplotlib.colors import rgb_to_hsv, to_rgb
from matplotlib.patches import Rectangle

from figures import collapsing_pairs, local_bases, sampled_features, sets_in_2d
from superposition import plotting

SETS = [0, 0, 1, 1, -1]  # of the five features of a pentagon
COSINES = {1.0: (0.99, 0.99), 0.1: (0.99, 0.3), 0.02: (0.2, 0.3)}  # of the two sets
BLOCK = {"title": "Features that come in sets"}


def make_sets(name="pairs", seeds=(0, 1), probabilities=tuple(COSINES), restarts=2, **shape):
    """Pentagons whose first four features are said to form two sets; the worse restart has no collapsed pair."""
    tables = make_toy_models(name, seeds, probabilities, restarts, **shape)
    tables["features"]["set"] = tables["features"]["feature"].map(dict(enumerate(SETS)))
    keys = ["experiment", "seed", "instance", "point", "restart", "lowest_loss", "feature_probability"]
    rows = [
        dict(zip(keys, (getattr(model, key) for key in keys), strict=True))
        | {"set": number, "min_cosine": COSINES.get(model.feature_probability, (0.5, 0.5))[number]}
        for model in tables["models"].itertuples()
        for number in (0, 1)
    ]
    for row in rows:
        row["min_cosine"] = row["min_cosine"] if row["lowest_loss"] else 0.1
    return tables | {"sets": tabulate("sets", rows)}


def finish(figure):
    with plotting.style():
        figure.draw_without_rendering()
    return figure


def titles(figure) -> list[str]:
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


@pytest.fixture(scope="module")
def pairs():
    return make_sets()


def test_members_share_a_hue_and_the_others_are_ink():
    colors = sets_in_2d.color_sets(np.array(SETS))
    hues = rgb_to_hsv(colors)[:, 0]
    assert hues[0] == pytest.approx(hues[1], abs=0.02)
    assert hues[2] == pytest.approx(hues[3], abs=0.02)
    assert abs(hues[0] - hues[2]) > 0.1
    assert len(np.unique(colors, axis=0)) == 5  # members differ in lightness
    assert tuple(colors[4]) == to_rgb(plotting.INK)


def test_a_row_of_panels_per_experiment(pairs):
    control = make_toy_models("alone", probabilities=(0.1,))
    control["features"]["set"] = -1
    blocks = {"pairs": BLOCK, "alone": {"title": "Alone"}}
    figure = finish(sets_in_2d.draw(merge(pairs, control), blocks))
    assert titles(figure) == ["$p$ = 1", "$p$ = 0.1", "$p$ = 0.02", "seed 0", "seed 1"]
    assert [part.get_suptitle() for part in figure.subfigs] == ["Features that come in sets", "Alone"]
    assert len({ax.get_xlim() for ax in figure.axes if ax.get_title()}) == 1


def test_more_points_than_columns_are_thinned_out():
    tables = make_sets(seeds=(0,), probabilities=tuple(np.linspace(1, 0.1, 12)))
    models = sets_in_2d.choose_row(tables["features"])
    assert len(models) == sets_in_2d.MOST_COLUMNS
    assert (models[0].title, models[-1].title) == ("$p$ = 1", "$p$ = 0.1")


def test_an_experiment_without_a_plane_says_so():
    figure = finish(sets_in_2d.draw(make_sets(n_hidden=3), {"pairs": BLOCK}))
    assert "not a plane" in figure.axes[0].texts[0].get_text()


def test_samples_are_those_of_the_densest_point(pairs):
    figure = finish(sampled_features.draw(pairs, {"pairs": BLOCK}))
    [image] = figure.axes[0].images
    assert figure.axes[0].get_title(loc="left") == "Features that come in sets, $p$ = 1"
    np.testing.assert_array_equal(image.get_array().filled(0), 0.5 * np.eye(5)[:, :4])  # features x samples
    assert image.get_extent() == [0.5, 4.5, 5.5, 0.5]  # both are counted from one
    assert image.get_array().mask.sum() == 16  # what is absent stays white


def test_samples_without_any_feature_say_so():
    tables = make_sets()
    tables["hidden_samples"] = tables["hidden_samples"].head(0)
    figure = finish(sampled_features.draw(tables, {"pairs": BLOCK}))
    assert "no feature is ever present" in figure.axes[0].texts[0].get_text()


def test_products_of_directions_and_frames_of_sets(pairs):
    figure = finish(local_bases.draw(pairs, {"pairs": BLOCK}))
    [image] = figure.axes[0].images
    pentagon = np.cos(np.subtract.outer(range(5), range(5)) * 2 * np.pi / 5)  # of unit directions
    np.testing.assert_allclose(image.get_array(), pentagon, atol=1e-6)
    frames = [(p.get_xy(), p.get_width()) for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    assert frames == [((0.5, 0.5), 2), ((2.5, 2.5), 2)]  # of features 1 and 2, and of 3 and 4
    assert image.get_extent() == [0.5, 5.5, 5.5, 0.5]


def test_collapsed_pairs_are_counted_per_model(pairs):
    counts = collapsing_pairs.count_collapsed(pairs["sets"])
    best = counts[counts["lowest_loss"] & (counts["seed"] == 0)]
    assert dict(zip(best["feature_probability"], best["n_collapsed"], strict=True)) == {1.0: 2, 0.1: 1, 0.02: 0}
    assert counts.loc[~counts["lowest_loss"], "n_collapsed"].eq(0).all()


def test_collapse_is_drawn_for_best_and_all(pairs):
    figure = finish(collapsing_pairs.draw(pairs, {"pairs": BLOCK}))
    lower = figure.axes[-1]
    np.testing.assert_allclose(lower.lines[0].get_xydata(), [[0.02, 0], [0.1, 1], [1, 2]])
    # At p = 1 half of the restarts have two collapsed pairs, half none; at 0.02 all have none
    circles = dict(zip(map(tuple, lower.collections[0].get_offsets()), lower.collections[0].get_sizes(), strict=True))
    assert circles[1.0, 2] == circles[1.0, 0] == collapsing_pairs.BUBBLE / 2
    assert circles[0.02, 0] == collapsing_pairs.BUBBLE


@pytest.mark.parametrize("module", [collapsing_pairs, local_bases, sampled_features, sets_in_2d])
def test_one_of_everything_is_enough_and_always_the_same(module, tmp_path, monkeypatch):
    monkeypatch.setitem(plotting.STYLE, "savefig.dpi", 50)
    tables, files = make_sets(seeds=(3,), probabilities=(0.5,), restarts=1), []
    for copy in ("a", "b"):
        pdf, png = tmp_path / f"{copy}.pdf", tmp_path / f"{copy}.png"
        plotting.save_figure(module.draw(tables, {"pairs": BLOCK}), pdf, png, {"commit": "0"})
        files.append((pdf.read_bytes(), png.read_bytes()))
    assert files[0] == files[1]
    assert b"/MediaBox [ 0 0 453.6 " in files[0][0]


def test_probability_zero_has_nothing_to_count():
    tables = make_sets(probabilities=(0.0,))
    figure = finish(collapsing_pairs.draw(tables, {"pairs": BLOCK}))
    assert "no feature is ever present" in figure.axes[-1].texts[0].get_text()
