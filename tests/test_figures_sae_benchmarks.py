"""Figures of the benchmark's autoencoders, from small tables."""

import numpy as np
import pytest
from benchmark_tables import make_benchmark
from builders import CONFIG
from matplotlib.text import Text

from figures import benchmark_pareto, benchmark_recovery, benchmark_scores, benchmark_sizes
from superposition import plotting

MODULES = {module.__name__.rpartition(".")[2]: module for module in (benchmark_pareto, benchmark_recovery)}
MODULES |= {"benchmark_scores": benchmark_scores, "benchmark_sizes": benchmark_sizes}


def draw(name: str, tables=None, saes=None):
    """The figure as the paper declares it, of all its sweeps or of some."""
    names = saes or CONFIG["figures"][name]["saes"]
    tables = tables or make_benchmark((0, 1))
    blocks = {sae: {"title": CONFIG["saes"][sae]["title"]} for sae in names}
    chosen = {"saes": tables["saes"][tables["saes"]["sae"].isin(names)].reset_index(drop=True)}
    with plotting.style():
        figure = MODULES[name].draw(chosen, blocks)
        figure.draw_without_rendering()
    return figure


def written(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("name", MODULES)
def test_every_figure_is_drawn(name):
    assert draw(name).axes


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize(
    "change",
    [{"l0": 0.0, "gamma": np.nan, "fvu": 1.0}, {"fvu": np.nan, "gamma": np.nan}, {"f1": np.nan, "f1_ceiling": np.nan}],
    ids=["all dead", "constant activations", "never present"],
)
def test_every_figure_bears_undefined_values(name, change):
    tables = make_benchmark((0,))
    tables["saes"] = tables["saes"].assign(**change)
    assert draw(name, tables).axes


@pytest.mark.parametrize("name", MODULES)
def test_every_figure_bears_a_single_sweep(name):
    assert draw(name, saes=["benchmark_relu"]).axes


def test_a_panel_for_each_architecture_with_its_own_curve_on_top():
    axes = [ax for ax in draw("benchmark_pareto").axes if ax.lines]
    assert len(axes) == 8
    for ax in axes:
        colours = [line.get_color() for line in ax.lines if line.get_marker() == "o"]
        assert len(colours) == 9  # the eight in grey, and its own
        assert colours[:8] == [plotting.FAINT] * 8
        [title] = [text for text in ax.findobj(Text) if text.get_text() == ax.get_title(loc="left")]
        assert colours[8] == title.get_color()


def test_curves_are_means_over_seeds_in_the_mode_of_training():
    tables = make_benchmark((0, 1))
    own = tables["saes"]["sae"].eq("benchmark_batchtopk")
    tables["saes"].loc[own & tables["saes"]["seed"].eq(1), "fvu"] *= 3
    tables["saes"].loc[own & tables["saes"]["mode"].eq("threshold"), "fvu"] = 99.0
    figure = draw("benchmark_pareto", tables, saes=["benchmark_batchtopk"])
    [line] = [line for line in figure.axes[0].lines if line.get_color() == plotting.SWEEPS[0]]
    assert line.get_xdata() == pytest.approx([2, 3, 5, 8, 12])
    assert line.get_ydata() == pytest.approx([2 * 0.25 / k for k in (2, 3, 5, 8, 12)])


def test_pairs_that_were_not_run_stay_empty():
    recovery, dead, _ = draw("benchmark_sizes").axes
    assert len(written(recovery)) == 7 + 3 * 3
    assert written(dead)[-1] == ".72"  # 370 of 512


def read_tables(figure) -> list[dict[str, dict[str, str]]]:
    """Of each table, row -> column -> what is written."""
    tables = []
    for ax in figure.axes:
        rows = [label.get_text() for label in ax.get_yticklabels()]
        columns = [label.get_text() for label in ax.get_xticklabels()]
        numbers = np.array(written(ax)).reshape(len(rows), len(columns))
        tables.append({row: dict(zip(columns, own, strict=True)) for row, own in zip(rows, numbers, strict=True)})
    return tables


def test_the_table_has_the_setting_nearest_the_true_l0():
    above, below = read_tables(draw("benchmark_scores"))
    assert [*above][-2:] == [*below][-2:] == ["Chance", "Truth known"]
    assert (above["TopK"]["$L_0$"], above["TopK"]["FVU"]) == ("5.0", "0.06")
    chance = above["Chance"] | below["Chance"]
    assert (chance["matched\ncosine"], chance["FVU"], chance["F1"]) == ("0.30", "", "0.10")


def test_means_in_the_table_have_their_intervals():
    tables = make_benchmark((0, 1))
    own = tables["saes"]["sae"].eq("benchmark_topk")
    tables["saes"].loc[own, "f1"] = np.where(tables["saes"].loc[own, "seed"].eq(0), 0.5, 0.7)
    tables["saes"].loc[own, "n_recovered_90"] = np.where(tables["saes"].loc[own, "seed"].eq(0), 118, 122)
    above, below = read_tables(draw("benchmark_scores", tables))
    assert (below["TopK"]["F1"], below["BatchTopK"]["F1"]) == ("0.60±.10", "0.60")
    assert above["TopK"]["recov-\nered"] == "120±2"


def test_scores_that_no_method_has_are_left_out():
    tables = make_benchmark((0, 1))
    tables["saes"] = tables["saes"].assign(restart_mcc=np.nan, restart_mcc_floor=0.2, absorption_floor=0.3)
    _, below = read_tables(draw("benchmark_scores", tables))
    assert not {"PW-MCC", "absorp-\ntion"} & below["TopK"].keys()
    tables["saes"].loc[tables["saes"]["sae"].eq("benchmark_topk"), "restart_mcc"] = 0.9
    _, below = read_tables(draw("benchmark_scores", tables))
    assert (below["TopK"]["PW-MCC"], below["ReLU"]["PW-MCC"], below["Chance"]["PW-MCC"]) == ("0.90", "", "0.20")
