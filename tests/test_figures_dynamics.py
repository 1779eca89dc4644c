"""Figures and films of learning dynamics, from trainings that are made up, and how films are written."""

import io

import numpy as np
import pytest
from dynamics_tables import make_dynamics
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from PIL import Image

from figures import energy_levels, geometric_transformations
from superposition import films, plotting

LEVELS = {"energy_levels": {"title": "Energy levels"}}
OCTAHEDRA = {"octahedra_of_two_sets": {"title": "Two sets"}, "octahedra_of_three_sets": {"title": "Three sets"}}


def of(tables: dict, experiments: dict) -> dict:
    return {name: rows[rows["experiment"].isin(list(experiments))] for name, rows in tables.items()}


@pytest.fixture(scope="module")
def tables():
    return make_dynamics(seeds=(0, 1))


def finish(figure):
    with plotting.style():
        figure.draw_without_rendering()
    return figure


# Energy levels


def test_the_first_model_with_a_swap_is_shown(tables):
    rows = energy_levels.choose_model(of(tables, LEVELS)["dynamics"])
    assert set(zip(rows["seed"], rows["instance"], strict=True)) == {(0, 1)}
    assert rows["step"].is_monotonic_increasing
    assert rows["step"].iloc[0] == 100


def test_without_a_swap_the_best_model_is_shown(tables):
    dynamics = of(tables, LEVELS)["dynamics"]
    rows = energy_levels.choose_model(dynamics[dynamics["instance"] == 0])
    assert set(rows["instance"]) == {0}


def test_the_swap_is_shaded_and_its_features_coloured(tables):
    upper, lower = finish(energy_levels.draw(of(tables, LEVELS), LEVELS)).axes
    up, down = plotting.SWEEPS[:2]
    curves = [line for line in upper.lines if len(line.get_xdata()) == 100]
    colors = [to_rgba(line.get_color()) for line in curves]
    assert colors == [to_rgba(color) for color in [down, *[plotting.GREY] * 8, up]]
    [shade] = lower.patches
    assert 4000 <= shade.get_x() < shade.get_x() + shade.get_width() <= 4300
    assert len(lower.lines[0].get_xdata()) == 100


def test_a_frame_ends_where_it_is(tables):
    rows = energy_levels.choose_model(of(tables, LEVELS)["dynamics"])
    _, lower = finish(energy_levels.draw_until(rows, LEVELS, 20)).axes
    assert lower.lines[0].get_xdata().tolist() == list(range(100, 2101, 100))
    assert not lower.patches  # the swap is still to come
    assert lower.get_xlim() == (100, 10_000)


# Geometric transformations


def test_a_frame_of_directions_is_orthonormal_and_begins_with_the_first_feature(tables):
    rows = geometric_transformations.choose_model(tables["dynamics"], "octahedra_of_two_sets")
    frame = geometric_transformations.make_frame(rows)
    np.testing.assert_allclose(frame.T @ frame, np.eye(3), atol=1e-7)
    directions = geometric_transformations.stack_weights(rows)[-1].T @ frame
    np.testing.assert_allclose(directions[:3], np.eye(3), atol=1e-6)  # the first set is an orthonormal triple
    np.testing.assert_allclose(directions[3:], -np.eye(3), atol=1e-6)


def test_projection_keeps_length_and_the_upright():
    vectors = np.random.default_rng(0).normal(size=(5, 3))
    points, depths = geometric_transformations.project(vectors, 40.0)
    np.testing.assert_allclose((points**2).sum(1) + depths**2, (vectors**2).sum(1))
    [top], _ = geometric_transformations.project(np.array([[0.0, 0.0, 1.0]]), 40.0)
    assert top[0] == pytest.approx(0)
    assert top[1] > 0.9


def test_snapshots_are_where_the_geometry_changes():
    W = np.zeros((101, 2, 2))
    W[:, 0, 0] = np.concatenate([np.zeros(50), np.linspace(0, 1, 11), np.ones(40)])
    chosen = geometric_transformations.choose_by_change(W, 5)
    assert chosen[0] == 0
    assert all(50 < snapshot <= 60 for snapshot in chosen[1:-1])
    assert chosen[-1] == 100
    assert geometric_transformations.choose_by_change(W, 5, even=1.0).tolist() == [0, 25, 50, 75, 100]
    assert geometric_transformations.choose_by_change(W * 0, 3).tolist() == [0, 0, 100]


def test_panels_plateaus_and_marks(tables):
    figure = finish(geometric_transformations.draw(of(tables, OCTAHEDRA), OCTAHEDRA))
    first, second = figure.subfigs
    assert (first.get_suptitle(), second.get_suptitle()) == ("Two sets", "Three sets")
    *panels, loss = first.axes
    assert len(panels) == geometric_transformations.N_PANELS
    assert panels[-1].get_title() == "step 8,000"
    bars = [line for line in loss.lines if line.get_linewidth() == 5]
    assert [round(float(bar.get_ydata()[0]), 1) for bar in bars] == [1.0, 0.4, 0.1]


# Both


@pytest.mark.parametrize(("module", "experiments"), [(energy_levels, LEVELS), (geometric_transformations, OCTAHEDRA)])
def test_nothing_kept_is_said_in_the_figure_and_no_film(module, experiments, tables, tmp_path):
    empty = of(tables, experiments)
    empty["dynamics"] = empty["dynamics"].head(0)
    figure = finish(module.draw(empty, experiments))
    assert module.NO_DYNAMICS in " ".join(text.get_text() for ax in figure.axes for text in ax.texts)
    with pytest.raises(ValueError, match="a film needs a frame"):
        films.save_film(module.film(empty, experiments), tmp_path / "film.gif", {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("module", "experiments"), [(energy_levels, LEVELS), (geometric_transformations, OCTAHEDRA)])
def test_films_are_the_same_bytes_and_small(module, experiments, tables, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "N_FRAMES", 4)
    contents = []
    for copy in ("a", "b"):
        path = tmp_path / f"{copy}.gif"
        films.save_film(module.film(of(tables, experiments), experiments), path, {"commit": "0", "config": "1"})
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    image = Image.open(io.BytesIO(contents[0]))
    assert image.n_frames == 4
    assert len(contents[0]) / 4 * 72 < 2_000_000
    assert image.info["comment"] == b"commit 0, config 1"


def test_frames_of_a_film_repeat_and_the_last_one_stays(tmp_path):
    figures = [Figure(figsize=(1, 1)) for _ in range(3)]
    for index, figure in enumerate(figures):
        figure.add_axes((0, 0, 1, 1)).axvspan(0, index + 1, color=plotting.SWEEPS[index])
    films.save_film(figures, tmp_path / "film.gif", {})
    image = Image.open(io.BytesIO((tmp_path / "film.gif").read_bytes()))
    assert image.info["loop"] == 0
    durations, centres = [], []
    for frame in range(3):
        image.seek(frame)
        durations.append(image.info["duration"])
        centres.append(image.convert("RGB").getpixel((50, 50)))
    assert durations == [films.FRAME_TIME, films.FRAME_TIME, films.FRAME_TIME * films.LAST_FRAMES]
    assert image.size == (films.FRAME_DPI, films.FRAME_DPI)
    expected = [255 * np.array(to_rgba(color))[:3] for color in plotting.SWEEPS[:3]]
    np.testing.assert_allclose(centres, expected, atol=3)


def test_rare_colours_survive_and_frequent_ones_are_exact(tmp_path):
    # a background, a thousand shades of grey, and a line of a colour that nothing else has
    pixels = np.full((100, 100, 3), 255, np.uint8)
    pixels[:40] = np.random.default_rng(0).integers(0, 255, (40, 100, 1))
    pixels[90, :20] = (184, 53, 143)
    image = Image.fromarray(pixels)
    reduced = np.asarray(films.reduce_colors(image, films.make_palette([image])).convert("RGB")).astype(int)
    assert (reduced[50:90] == 255).all()
    assert np.abs(reduced[90, :20] - (184, 53, 143)).max() < 40
    assert np.abs(reduced[:40] - pixels[:40]).max() < 40
