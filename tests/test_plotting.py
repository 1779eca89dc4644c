"""Files that say where they come from and nothing of when; colours and elements that figures share."""

import re

import matplotlib
import numpy as np
import pytest
from matplotlib.artist import Artist
from matplotlib.colors import to_rgba
from PIL import Image

from superposition import plotting


def draw_line(slope: float = 1.0):
    with plotting.style():
        figure = plotting.make_figure(height=2)
        ax = figure.subplots()
        ax.plot([0, 1], [0, slope])
        ax.set(xlabel="feature probability $p$")
        plotting.set_title(figure, "A line")
    return figure


def save(figure, folder, metadata=None) -> tuple[bytes, bytes]:
    pdf, png = folder / "line.pdf", folder / "line.png"
    plotting.save_figure(figure, pdf, png, metadata or {})
    return pdf.read_bytes(), png.read_bytes()


def test_two_drawings_of_the_same_data_give_the_same_bytes(tmp_path):
    first = save(draw_line(), tmp_path)
    assert save(draw_line(), tmp_path) == first
    assert save(draw_line(slope=2), tmp_path) != first


def test_both_files_have_the_same_layout(tmp_path):
    class Recorder(Artist):
        def draw(self, renderer):
            positions.append(figure.axes[0].get_position().bounds)

    figure, positions = draw_line(), []
    figure.add_artist(Recorder())
    save(figure, tmp_path)
    assert len(positions) >= 2
    assert len(set(positions)) == 1


def test_settings_of_the_user_neither_change_a_figure_nor_are_changed(tmp_path):
    expected = save(draw_line(), tmp_path)
    with matplotlib.rc_context({"font.size": 20, "axes.grid": True, "savefig.bbox": "tight", "pdf.fonttype": 3}):
        before = dict(matplotlib.rcParams)
        assert save(draw_line(), tmp_path) == expected
        assert dict(matplotlib.rcParams) == before


def test_both_files_name_their_origin_and_no_date(tmp_path):
    pdf, _ = save(draw_line(), tmp_path, {"commit": "0123abc", "config": "f00d"})
    assert b"/Keywords (commit 0123abc, config f00d)" in pdf
    assert not re.search(rb"/(CreationDate|ModDate|Creator|Producer)\b", pdf)
    with Image.open(tmp_path / "line.png") as image:
        assert image.text == {"commit": "0123abc", "config": "f00d"}


def test_the_files_have_the_size_of_print(tmp_path):
    pdf, _ = save(draw_line(), tmp_path)
    assert b"/MediaBox [ 0 0 453.6 144 ]" in pdf  # 6.3 and 2 inches of 72 points
    with Image.open(tmp_path / "line.png") as image:
        assert image.size == (1890, 600)  # the same inches at 300 dots


@pytest.mark.parametrize("format", ["pdf", "png"])
def test_a_drawing_that_fails_leaves_the_files_as_they_were(tmp_path, format):
    class Broken(Artist):
        def draw(self, renderer):
            if f"backend_{'agg' if format == 'png' else 'mixed'}" in type(renderer).__module__:
                raise RuntimeError("cannot be drawn")

    figure = draw_line()
    figure.set_layout_engine("none")
    figure.draw_without_rendering = lambda: None  # else the first pass would fail, before any file is touched
    figure.add_artist(Broken())
    (tmp_path / "line.pdf").write_text("old")
    with pytest.raises(RuntimeError, match="cannot be drawn"):
        save(figure, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["line.pdf"]
    assert (tmp_path / "line.pdf").read_text() == "old"


@pytest.mark.parametrize("colors", [plotting.IMPORTANCE, plotting.SPARSITY])
def test_sequential_colours_only_darken(colors):
    """Then they can be told apart without colour vision, and in grey print."""
    luminance = colors(np.linspace(0, 1, 50))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) < 0).all()
    assert luminance[0] - luminance[-1] > 0.4


def test_equal_values_all_get_the_last_colour():
    mappable = plotting.color_values([1.0, 1.0], plotting.IMPORTANCE)
    assert tuple(mappable.to_rgba(1.0)) == plotting.IMPORTANCE(1.0)


def test_values_span_the_colours_on_a_logarithmic_scale():
    mappable = plotting.color_values([1, 10, 100], plotting.SPARSITY, log=True)
    np.testing.assert_allclose(mappable.to_rgba(np.log(10)), plotting.SPARSITY(0.5))


def test_sweeps_differ_in_colour_and_keep_it_in_every_figure():
    colors = plotting.color_sweeps(["a", "b"])
    assert to_rgba(colors["a"]) != to_rgba(colors["b"])
    assert plotting.color_sweeps(["a", "b", "c"])["a"] == colors["a"]


def test_spread_points_fill_the_width_and_never_coincide():
    offsets = plotting.spread_points(100, width=0.5)
    assert (np.abs(offsets) <= 0.25).all()
    assert np.diff(np.sort(offsets)).min() > 0
    assert np.diff(np.sort(offsets)).max() < 0.5 / 100 * 3


@pytest.mark.parametrize(
    ("count", "expected"), [(1, (1, 1)), (5, (1, 5)), (6, (2, 3)), (8, (2, 4)), (11, (3, 4)), (15, (3, 5))]
)
def test_panels_fill_their_grid(count, expected):
    assert plotting.arrange_panels(count) == expected


def test_planes_show_the_largest_coordinate_and_always_the_unit_circle():
    # the largest of 0.5, 2 and 3 is 3, and a margin of 8 %
    assert plotting.limit_of_planes(np.array([[0.5, -2.0]]), np.array([[3.0, 0.0]])) == pytest.approx(3.24)
    assert plotting.limit_of_planes(np.array([[0.1, 0.1]])) == pytest.approx(1.08)
    assert plotting.limit_of_planes(np.empty((0, 2))) == pytest.approx(1.08)


def test_long_titles_stay_within_the_text(tmp_path):
    figure = draw_line()
    with plotting.style():
        plotting.set_title(figure, "a sparse autoencoder " * 9)
        figure.draw_without_rendering()
        title = figure._suptitle.get_window_extent()
    assert title.x1 <= figure.bbox.width


@pytest.mark.parametrize(("probability", "text"), [(1.0, "$p$ = 1"), (0.3270, "$p$ = 0.33"), (0.0196, "$p$ = 0.02")])
def test_probabilities_have_two_digits(probability, text):
    assert plotting.format_probability(probability) == text


def test_titles_that_begin_alike_are_joined():
    blocks = [{"title": "Ten features, few samples"}, {"title": "Ten features, many samples"}, {"title": "Others"}]
    by_name = dict(enumerate(blocks))
    assert plotting.title_of({0: by_name[0], 1: by_name[1]}) == "Ten features, few samples and many samples"
    assert plotting.title_of(by_name) == "Ten features, few samples; ten features, many samples; others"
    assert plotting.title_of({0: by_name[0]}) == "Ten features, few samples"


@pytest.mark.parametrize(
    ("titles", "joined"),
    [
        (["Six features", "Ten features"], "Six features and ten features"),
        (["Ten, dense", "Ten, Rare", "Ten, ReLU"], "Ten, dense, rare and ReLU"),
        (["Gated", "TopK", "ReLU"], "Gated, TopK and ReLU"),
    ],
)
def test_joined_titles_read_as_one_sentence(titles, joined):
    assert plotting.title_of({title: {"title": title} for title in titles}) == joined
