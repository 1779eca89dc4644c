"""The figures of the sections on geometry and on adversarial examples, from small tables whose marks are known."""

import math

import numpy as np
import pytest
from figure_tables import tabulate, text_of
from matplotlib.collections import LineCollection

from figures import (
    adversarial_training,
    bent_pentagons,
    dimensions_per_feature,
    feature_dimensionality,
    feature_graphs,
    geometry_crossing,
    vulnerability,
)
from superposition import plotting

TITLE = {"uniform": {"title": "Many features"}}
ANGLES = 2 * np.pi * np.arange(5) / 5
DIGON = [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)]


def make_uniform(seeds=(0, 1), probabilities=(1.0, 0.4, 0.1)):
    """At each density two digons and a feature that is not represented."""
    models, features = [], []
    for seed in seeds:
        for instance, p in enumerate(probabilities):
            key = {"experiment": "uniform", "seed": seed, "instance": instance, "feature_probability": p}
            shape = {"n_features": 5, "n_hidden": 2, "n_represented": 4, "dimensions_per_feature": 0.4 + 0.2 * seed}
            shape |= {"vulnerability": 2.0, "attack_size": p, "n_superposed": 3}
            models.append(key | shape)
            for feature, direction in enumerate([*DIGON, (0.0, 0.1)]):
                geometry = {
                    "represented": feature < 4,
                    "component": feature // 2,
                    "dimensionality": 0.5,
                    "lowest_loss": True,
                }
                features.append(key | geometry | {"feature": feature, "direction": np.float32(direction)})
    return {"models": tabulate("models", models), "features": tabulate("features", features)}


def make_pentagons(ratios=(0.1, 0.5, 2.0), digons_below=0.2, seeds=(0, 1)):
    """At each ratio a pentagon and two digons; the digons are the best fit below a ratio."""
    models, features = [], []
    for seed in seeds:
        for point, ratio in enumerate(ratios):
            for restart in range(2):
                key = {
                    "experiment": "uniform",
                    "seed": seed,
                    "instance": 2 * point + restart,
                    "last_probability": ratio,
                }
                best = restart == (ratio < digons_below)
                shape = {"n_represented": 5 - restart, "n_antipodal_pairs": 2 * restart, "gap_deviation": 1.0}
                shape |= {"loss": 1.0 if best else 1.5}
                models.append(key | shape | {"lowest_loss": best})
                vectors = [*DIGON, (0.0, 0.0)] if restart else np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
                for feature, direction in enumerate(vectors):
                    features.append(key | {"feature": feature, "direction": np.float32(direction)})
    return {"models": tabulate("models", models), "features": tabulate("features", features)}


UNIFORM = (dimensions_per_feature, feature_dimensionality, feature_graphs, vulnerability, adversarial_training)
PENTAGONS = (bent_pentagons, geometry_crossing)


@pytest.mark.parametrize("module", [*UNIFORM, *PENTAGONS])
@pytest.mark.parametrize("few", [False, True])
def test_figures_are_drawn_with_axes_named(module, few):
    make = make_pentagons if module in PENTAGONS else make_uniform
    tables = make(seeds=(3,), **{"ratios" if module in PENTAGONS else "probabilities": (0.5,)}) if few else make()
    figure = module.draw(tables, TITLE)
    with plotting.style():
        figure.draw_without_rendering()
    assert figure.get_size_inches()[0] == pytest.approx(plotting.TEXT_WIDTH)
    assert "Many features" in text_of(figure)


def test_dimensions_per_feature_are_means_over_seeds():
    left, right = dimensions_per_feature.draw(make_uniform(), TITLE).axes
    curve = next(line for line in left.lines if len(line.get_xdata()) == 3)
    np.testing.assert_allclose(curve.get_xydata(), [[1, 0.5], [2.5, 0.5], [10, 0.5]])
    crowd = next(line for line in right.lines if len(line.get_xdata()) == 3)
    np.testing.assert_allclose(crowd.get_ydata(), [2, 2, 2])


def test_the_bound_is_that_of_compressed_sensing():
    right = dimensions_per_feature.draw(make_uniform(), TITLE).axes[1]
    rarity, bound = next(line for line in right.lines if len(line.get_xdata()) > 100).get_data()
    p = 1 / rarity
    np.testing.assert_allclose(bound, -1 / (p * np.log(p)))


def test_represented_features_stand_out_on_the_lines():
    ax = feature_dimensionality.draw(make_uniform(), TITLE).axes[0]
    pale, dark = ax.collections
    assert (len(pale.get_offsets()), len(dark.get_offsets())) == (3, 12)  # of the first seed alone
    levels = {line.get_ydata()[0] for line in ax.lines if line.get_linestyle() != "-"}
    assert {1, 3 / 4, 2 / 3, 1 / 2, 2 / 5, 3 / 8} <= levels


def test_points_of_neighbouring_densities_do_not_mix():
    ax = feature_dimensionality.draw(make_uniform(probabilities=(1.0, 0.9)), TITLE).axes[0]
    x = np.concatenate([collection.get_offsets()[:, 0] for collection in ax.collections])
    middle = math.sqrt(1 / 0.9)
    assert ((x < middle).sum(), (x > middle).sum()) == (5, 5)


def test_graphs_join_the_features_of_a_component_and_no_others():
    panel = feature_graphs.draw(make_uniform(), TITLE).axes[0]
    edges = next(each for each in panel.collections if isinstance(each, LineCollection)).get_segments()
    dots = panel.collections[-1].get_offsets()
    assert len(dots) == 4
    joined = {frozenset(int(np.abs(dots - end).sum(1).argmin()) for end in edge) for edge in edges}
    assert joined == {frozenset((0, 1)), frozenset((2, 3))}


def test_components_do_not_overlap():
    component = np.repeat([0, 1, 2, 3], [12, 5, 2, 2])
    places = feature_graphs.place_components(component, np.random.default_rng(0).normal(size=(21, 3)))
    centres = np.stack([places[component == label].mean(0) for label in range(4)])
    radii = np.array([np.linalg.norm(places[component == label] - centres[label], axis=1).max() for label in range(4)])
    distances = np.linalg.norm(centres[:, None] - centres, axis=-1) + 1e9 * np.eye(4)
    assert (distances > radii[:, None] + radii).all()


def test_densities_nearest_to_those_wanted_are_shown_once():
    assert feature_graphs.choose_densities(np.array([0.2, 0.41, 0.01])) == [0.41, 0.2]


def test_no_represented_feature_is_said():
    tables = make_uniform()
    tables["features"]["represented"] = False
    assert "no feature is represented" in text_of(feature_graphs.draw(tables, TITLE))


def test_the_varied_feature_points_right():
    columns = np.array([(0.0, 1.0), (1.0, 0.0), (-2.0, 2.0)])
    turned = bent_pentagons.orient(columns)
    np.testing.assert_allclose(turned[-1], [math.sqrt(8), 0], atol=1e-12)
    np.testing.assert_allclose(turned @ turned.T, columns @ columns.T, atol=1e-12)  # turned, and nothing else
    np.testing.assert_allclose(bent_pentagons.orient(columns * [[1], [1], [0]])[0], [1, 0], atol=1e-12)


def test_pentagons_and_digons_are_the_best_fits():
    left, right = bent_pentagons.draw(make_pentagons(), TITLE).axes[:2]
    assert (left.get_title(), right.get_title()) == (
        "pentagons, relative density 0.5 to 2",
        "two digons, relative density 0.1",
    )
    nothing = bent_pentagons.draw(make_pentagons(digons_below=0.0), TITLE)
    assert "no best fit is two digons" in text_of(nothing)


def test_differences_change_sign_where_the_geometry_does():
    right = geometry_crossing.draw(make_pentagons(), TITLE).axes[1]
    lines = [line.get_xydata() for line in right.lines if len(line.get_xdata()) == 3]
    assert len(lines) == 2  # seeds
    # Digons have 1 to the pentagon's 1.5 at ratio 0.1, then 1.5 to its 1.
    np.testing.assert_allclose(lines[0], [[0.1, 1 / 1.5 - 1], [0.5, 0.5], [2.0, 0.5]])


def test_vulnerability_is_drawn_against_features_per_dimension():
    against = vulnerability.draw(make_uniform(), TITLE).axes[2]
    points = {tuple(np.round(point, 6)) for point in against.collections[0].get_offsets()}
    assert points == {(2.5, 2.0), (round(1 / 0.6, 6), 2.0)}


def test_attacked_models_are_drawn_per_hidden_dimension():
    crowd = adversarial_training.draw(make_uniform(), TITLE).axes[0]
    curves = [line.get_xydata() for line in crowd.lines if len(line.get_xdata()) == 3]
    np.testing.assert_allclose(curves[0], [[0.1, 2], [0.4, 2], [1.0, 2]])
    assert any(np.allclose(curve, [[0.1, 1.5], [0.4, 1.5], [1.0, 1.5]]) for curve in curves)
