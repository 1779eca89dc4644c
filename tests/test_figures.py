"""Figures of the paper, drawn from small tables that obey the schema, and what some of their marks must be.

The figures of other sections have tables of their own, in test_figures_<section>.py.
"""

import importlib
import re
from pathlib import Path

import docutils.core
import numpy as np
import pytest
import yaml
from docutils import nodes
from figure_tables import PENTAGON, make_saes, make_toy_models, merge, text_of
from finite_data_tables import make_finite_data
from matplotlib.colors import to_rgba

from figures import (
    features_in_2d,
    hidden_samples_in_2d,
    represented_features,
)
from pipeline.fingerprint import list_texts
from scripts.draw_figure import read_tables
from superposition import plotting

ROOT = Path(__file__).resolve().parents[1]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
SECTIONS = ("nonprivileged_basis", "double_descent", "sparse_autoencoders")
FIGURES = {
    name: CONFIG["figures"][name]
    for section in SECTIONS
    for name in re.findall(r'#drawn\("(\w+)"\)', (ROOT / f"paper/sections/{section}.typ").read_text())
}
EXPERIMENTS = {
    "sweep": {"title": "From dense to sparse"},
    "base": {"title": "Sparse features"},
    "none": {"title": "Left dead", "resampling": {"method": "none", "every": 20}, "training": {"steps": 40}},
    "finite": {"title": "From few to many samples"},
    "swept": {"title": "Two penalties", "resampling": {"method": "none", "every": 20}, "training": {"steps": 40}},
    "simple": {"title": "Resampled", "resampling": {"method": "simple", "every": 20}, "training": {"steps": 40}},
}


def stand_in(name: str) -> str:
    """Which of EXPERIMENTS plays the part of an experiment of the paper."""
    if name in CONFIG["finite_data"]:
        return "finite"
    if name in CONFIG["toy_models"]:
        return "sweep" if CONFIG["toy_models"][name].get("sweep") else "base"
    if CONFIG["saes"][name].get("sweep"):
        return "swept"
    return "none" if CONFIG["saes"][name].get("resampling", {}).get("method", "none") == "none" else "simple"


def make_every_sae(**changes) -> dict:
    return merge(make_saes(**changes), make_saes(names=("swept",), penalties=(0.2, 0.05), **changes))


def draw(figure_id: str, tables: dict):
    """The figure as the paper declares it, from `tables` and the stand-ins for its experiments."""
    figure = FIGURES[figure_id]
    names = [
        stand_in(name)
        for name in [*figure.get("toy_models", []), *figure.get("saes", []), *figure.get("finite_data", [])]
    ]
    module = importlib.import_module(f"figures.{figure.get('script', figure_id)}")
    kinds = {"toy_models": "experiment", "saes": "sae", "finite_data": "experiment"}
    keys = {column for kind, column in kinds.items() if figure.get(kind)}
    read = {name: tables[name] for name in tables if name in list_texts(module.__name__, ROOT / "src")}
    chosen = {table: frame[frame.iloc[:, 0].isin(names)] for table, frame in read.items() if frame.columns[0] in keys}
    return module.draw(chosen, {name: EXPERIMENTS[name] for name in names})


@pytest.fixture(scope="module")
def small():
    return merge(
        make_toy_models("sweep", probabilities=(1.0, 0.1, 0.02)),
        make_toy_models(),
        make_every_sae(),
        make_finite_data(),
    )


@pytest.mark.parametrize("figure_id", FIGURES)
def test_every_figure_is_drawn_and_always_the_same(figure_id, small, tmp_path, monkeypatch):
    monkeypatch.setitem(plotting.STYLE, "savefig.dpi", 50)  # as good here, and faster
    files = []
    for copy in ("a", "b"):
        pdf, png = tmp_path / f"{copy}.pdf", tmp_path / f"{copy}.png"
        plotting.save_figure(draw(figure_id, small), pdf, png, {"commit": "0"})
        files.append((pdf.read_bytes(), png.read_bytes()))
    assert files[0] == files[1]
    assert b"/MediaBox [ 0 0 453.6 " in files[0][0]


SCARCE = {
    "one of everything": merge(
        make_toy_models("sweep", seeds=(3,), probabilities=(0.5,), restarts=1),
        make_toy_models(seeds=(3,)),
        make_every_sae(seeds=(3,), restarts=1),
        make_finite_data(seeds=(3,), sizes=(5,)),
    ),
    "never present": merge(
        make_toy_models("sweep", probabilities=(0.0, 0.0)), make_toy_models(probabilities=(0.0,)), make_every_sae()
    ),
    "all dead": merge(make_toy_models(), make_every_sae(dead=(0, 1, 2, 3, 4), gamma=None)),
    "no plane": merge(
        make_toy_models("sweep", n_hidden=3),
        make_toy_models(n_hidden=3),
        make_every_sae(),
        make_finite_data(n_hidden=3),
    ),
    "no snapshots": merge(make_toy_models(), make_every_sae(snapshots=False)),
}
CASES = [(figure_id, "one of everything") for figure_id in FIGURES]
CASES += [("importance_and_probability", "never present"), ("features_in_2d", "never present")]
CASES += [("sae_fraction_active", "never present")]
CASES += [(name, "all dead") for name in FIGURES if name.startswith(("sae_", "reconstruction", "architectures_"))]


@pytest.mark.parametrize(("figure_id", "case"), CASES)
def test_every_figure_survives_data_that_leave_little_to_draw(figure_id, case):
    figure = draw(figure_id, SCARCE[case])
    with plotting.style():
        figure.draw_without_rendering()
    assert re.search(r"From few to many|From dense to sparse|Sparse features|Left dead|Two penalties", text_of(figure))


def test_features_and_points_of_a_sweep_are_counted_from_one():
    importance, probability = draw("importance_and_probability", SCARCE["one of everything"]).axes
    assert [bar.get_center()[0] for bar in importance.patches] == [1, 2, 3, 4, 5]
    assert list(probability.lines[0].get_xdata()) == [1]


@pytest.mark.parametrize(
    ("figure_id", "case", "note"),
    [
        ("features_in_2d", "no plane", "3 hidden dimensions"),
        ("hidden_samples_in_2d", "no plane", "3 hidden dimensions"),
        ("hidden_samples_in_2d", "never present", "$p$ = 0"),
        ("features_and_points", "no plane", "3 hidden"),
        ("represented_features", "never present", "no feature is ever present"),
        ("sae_training_film", "no plane", "3 dimensions"),
        ("sae_training_film", "no snapshots", "no snapshots"),
        ("sae_architectures_film", "no snapshots", "no snapshots"),
        ("sae_shrinkage", "all dead", "no autoencoder recovers every feature"),
        ("sae_shrinkage", "all dead", "no autoencoder fires"),
    ],
)
def test_an_empty_panel_says_why(figure_id, case, note):
    figure = draw(figure_id, SCARCE[case])
    with plotting.style():
        figure.draw_without_rendering()
    assert note in text_of(figure)


@pytest.mark.parametrize("figure_id", ["sae_training_film", "sae_fraction_active", "sae_shrinkage"])
def test_a_figure_that_needs_the_toy_model_asks_for_it(figure_id):
    with pytest.raises(ValueError, match="toy_models has to name base"):
        draw(figure_id, make_saes())


def test_a_table_that_was_not_read_is_an_error_for_people():
    tables, _ = read_tables({"reads": {}, "seeds": {}, "experiments": {}, "order": []})
    with pytest.raises(ValueError, match="needs the table 'sets': allowed are"):
        tables["sets"]


def test_features_are_those_of_the_lowest_loss_at_the_lowest_seed(small):
    axes = draw("features_in_2d", small).axes[:3]
    assert [ax.get_title() for ax in axes] == ["$p$ = 1", "$p$ = 0.1", "$p$ = 0.02"]
    ends = [line.get_xydata()[-1] for line in axes[2].lines if len(line.get_xdata()) == 2]
    np.testing.assert_allclose(ends, np.stack([PENTAGON.real, PENTAGON.imag], axis=1), atol=1e-6)
    # two seeds, three points, two restarts: instance 5 is the last restart of the last point
    model = features_in_2d.choose_models(small["features"][small["features"]["experiment"] == "sweep"])[2]
    assert set(zip(model.features["seed"], model.features["instance"], strict=True)) == {(0, 5)}


def test_without_a_sweep_the_best_model_of_each_seed_is_shown(small):
    axes = draw("sparse_features_in_2d", small).axes[:2]
    assert [ax.get_title() for ax in axes] == ["seed 0", "seed 1"]
    first_feature = axes[1].lines[0].get_xydata()[-1]
    np.testing.assert_allclose(first_feature, [np.cos(0.1), np.sin(0.1)], atol=1e-6)


def test_many_points_are_thinned_out_from_first_to_last():
    features = make_toy_models("sweep", seeds=(0,), probabilities=tuple(np.linspace(1, 0.1, 40)))["features"]
    models = features_in_2d.choose_models(features)
    assert len(models) == features_in_2d.MOST_PANELS
    assert (models[0].title, models[-1].title) == ("$p$ = 1", "$p$ = 0.1")


def test_hidden_samples_are_those_of_the_model_shown(small):
    model = features_in_2d.choose_models(small["features"])[0]
    chosen = hidden_samples_in_2d.choose_samples(small["hidden_samples"], model)
    assert set(chosen["instance"]) == {1}
    assert chosen["n_present"].to_list() == [1, 1, 2, 2]


def test_represented_features_are_summarised_seed_by_seed():
    tables = make_toy_models("sweep", probabilities=(1.0, 0.1), restarts=3)
    tables["models"]["n_represented"] = [5, 4, 2] * 2 + [2, 2, 2] * 2
    left, right = draw("represented_features", tables).axes
    # seed 0 has 5, 4 and 2 features at both points, the median 4; seed 1 has 2: the mean over seeds is 3
    line = next(line for line in left.lines if len(line.get_xdata()) == 2)
    np.testing.assert_allclose(line.get_xydata(), [[1, 3], [10, 3]])
    # |W|^2 / m = 5/2, 4/2, 3/2 at both seeds
    assert [2.0, 2.0] in [list(line.get_ydata()) for line in right.lines]
    # at each point 4 of 6 restarts have 2 features: their circle has two thirds of the largest area
    shares = dict(zip(left.collections[0].get_offsets()[:, 1], left.collections[0].get_sizes(), strict=False))
    assert shares[2.0] == pytest.approx(represented_features.BUBBLE * 2 / 3)


def test_activity_marks_resampled_and_dead_latents():
    tables = merge(make_toy_models(), make_saes(dead=(0,)))
    axes = draw("sae_fraction_active", tables).axes
    last_of_simple = next(ax for ax in axes if ax.get_title(loc="left").startswith("instance 1") and len(ax.lines) > 11)
    curves = [line for line in last_of_simple.lines if len(line.get_xdata()) == 4]
    colors = [to_rgba(line.get_color()) for line in curves]
    expected = [plotting.GREY, plotting.INK, plotting.INK, plotting.INK, plotting.RESAMPLED]
    assert colors == [to_rgba(color) for color in expected]
    triangles = [line.get_xdata().tolist() for line in last_of_simple.lines if line.get_marker() == "^"]
    assert triangles == [[], [], [], [], [30]]


def test_recovery_bars_are_means_over_seeds():
    tables = make_saes(names=("none",), seeds=(0, 1))
    tables["saes"]["n_dead"] = [0, 1, 1, 1]  # seed 0 has one half without dead latents, seed 1 none
    left, _, right = draw("sae_recovery", tables).axes
    assert [bar.get_height() for bar in left.patches] == [0.25, 0.75]
    floor = next(line for line in right.lines if line.get_color() == plotting.GREY)
    assert list(floor.get_ydata()) == [0.8, 0.8]


def test_intervals_are_drawn_only_where_seeds_differ():
    tables = make_saes(names=("none",), seeds=(0, 1))
    assert not draw("sae_recovery", tables).axes[0].containers[1:]
    tables["saes"]["n_dead"] = [0, 1, 1, 1]
    assert len(draw("sae_recovery", tables).axes[0].containers[1:]) == 2


def test_reconstruction_is_drawn_against_recovery():
    tables = make_saes(names=("swept",), penalties=(0.2, 0.05))
    tables["saes"]["fvu"] = [0.1, 0.3, 0.01, 0.03] * 2
    tables["saes"]["full_recovery"] = [True, True, True, False, True, False, False, False]
    left, right = draw("reconstruction_and_recovery", tables).axes
    diamonds = [line.get_xydata()[0] for line in left.lines if line.get_marker() == "D"]
    np.testing.assert_allclose(diamonds, [[0.2, 0.75], [0.02, 0.25]])
    assert [text.get_text() for text in left.texts] == ["$\\lambda$ = 0.2", "$\\lambda$ = 0.05"]
    assert [line.get_xydata()[0].tolist() for line in right.lines if line.get_marker() == "D"] == [[0, 5], [0, 5]]


def test_shrinkage_theory_starts_at_half_of_lambda_d(small):
    ax = draw("sae_shrinkage", small).axes[0]
    lines = {line.get_label(): line.get_xydata() for line in ax.lines}
    theory = next(points for label, points in lines.items() if "lambda" in label)
    # lambda = 0.2 and d = 2: zero up to 0.2, then c - 0.2
    np.testing.assert_allclose(theory[:, 1], np.maximum(0, theory[:, 0] - 0.2))


@pytest.mark.parametrize("figure_id", CONFIG["figures"])
def test_captions_are_plain_text_without_results(figure_id):
    caption = (ROOT / f"paper/captions/{figure_id}.rst").read_text()
    (paragraph,) = docutils.core.publish_doctree(caption, settings_overrides={"halt_level": 1}).children
    assert isinstance(paragraph, nodes.paragraph)
    assert all(isinstance(child, nodes.Text) for child in paragraph.children)
    assert paragraph.astext().endswith(".")
    assert not re.search(r"[{}\d]", caption)  # no template, no typed number
