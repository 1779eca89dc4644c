"""The figures of neurons, from tables that are written by hand: what their marks must be, and when little is there."""

import numpy as np
import pytest
from figure_tables import make_toy_models, tabulate, texts
from matplotlib.patches import Rectangle
from privileged_tables import list_neurons, make_twenty, signed_pairs

from figures import (
    asymmetric_motif,
    basis_alignment,
    computing_neurons,
    discrete_neurons,
    hidden_penalty,
    neuron_staircase,
    neurons,
    neurons_by_probability,
    six_neurons,
)
from superposition import plotting

TITLES = {"exact": {"title": "Exact neurons"}}
MODULES = [
    asymmetric_motif,
    basis_alignment,
    computing_neurons,
    discrete_neurons,
    hidden_penalty,
    neuron_staircase,
    neurons_by_probability,
    six_neurons,
]


def make_tables(W_1, W_2=None, probabilities=(0.5,), seeds=(0,), **columns) -> dict:
    """The best model of each seed and point, whose neurons read W_1 and write W_2 (neurons, features)."""
    tables = {"neurons": [], "models": [], "features": []}
    for seed in seeds:
        for point, p in enumerate(probabilities):
            keys = {"experiment": "exact", "seed": seed, "point": point, "instance": point, "restart": 0}
            keys |= {"feature_probability": p, "lowest_loss": True}
            tables["neurons"] += list_neurons(keys, np.float32(W_1), W_2, bias=0.0, **columns)
            tables["models"].append(keys | {"n_hidden": len(W_1), "n_represented": 3, "n_superposed": 1})
            for i, direction in enumerate(np.transpose(W_1)):
                tables["features"].append(keys | {"feature": i, "direction": np.float32(direction)})
    return {name: tabulate(name, rows) for name, rows in tables.items()}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
@pytest.mark.parametrize(
    "tables",
    [
        make_tables(signed_pairs(3)),
        make_tables(np.zeros((4, 6))),
        make_tables(np.ones((1, 1))),
        make_tables(*make_twenty(), probabilities=(0.5, 0.1, 0.0), seeds=(1, 2)),
    ],
    ids=["exact", "dead", "one neuron, one feature", "never present"],
)
def test_figures_survive(module, tables):
    figure = module.draw(tables, TITLES)
    with plotting.style():
        figure.draw_without_rendering()
    assert any("Exact neurons" in text for text in texts(figure))


@pytest.mark.parametrize("module", [m for m in MODULES if m not in (basis_alignment, hidden_penalty)])
def test_models_without_neurons_leave_a_note(module):
    tables = make_tables(signed_pairs(3))
    figure = module.draw(tables | {"neurons": tables["neurons"].head(0)}, TITLES)
    assert any(text.startswith(("no model", "no neuron")) for text in texts(figure))


def stacks_of(ax) -> dict[float, float]:
    """Place -> height of each stack."""
    heights = {}
    for patch in ax.patches:
        if isinstance(patch, Rectangle) and patch.get_width() == pytest.approx(0.8):
            x = round(patch.get_x() + 0.4, 6)
            heights[x] = heights.get(x, 0) + patch.get_height()
    return heights


def test_stacks_are_as_high_as_the_weights_together():
    W = np.array([[1.0, -0.5, 0.25], [0.0, 2.0, 0.0]])
    figure = neurons_by_probability.draw(make_tables(W), TITLES)
    assert stacks_of(figure.axes[1]) == pytest.approx({0: 1.75, 1: 2.0})
    image = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(image, W.T)


def test_largest_weight_is_at_the_bottom_in_the_colour_of_its_feature():
    figure = neurons_by_probability.draw(make_tables(np.array([[0.5, 0.0, -1.0]])), TITLES)
    lowest = min(figure.axes[1].patches, key=lambda patch: patch.get_y())
    assert lowest.get_height() == 1
    np.testing.assert_allclose(lowest.get_facecolor(), neurons.color_features(3)[2])
    assert [text.get_text() for text in figure.axes[1].texts] == ["3", "1"]


def test_hidden_biases_are_marked():
    tables = make_tables(signed_pairs(2))
    assert not neurons_by_probability.draw(tables, TITLES).axes[1].lines
    tables["neurons"]["bias"] = [0.5, 1.0, -0.5, 0.25]
    [marks] = neurons_by_probability.draw(tables, TITLES).axes[1].lines
    assert marks.get_ydata().tolist() == [0.5, 1.0, -0.5, 0.25]


def test_neurons_are_sorted_by_their_largest_feature_dead_ones_last():
    W = np.array([[0.0, 0, 0], [0, 0, 1.0], [0, 1, 0], [1, 0, 0]])
    tables = make_tables(W)
    assert computing_neurons.sort_neurons(tables["neurons"]).tolist() == [3, 2, 1, 0]
    [ax] = computing_neurons.draw(tables, TITLES).axes
    assert ax.get_title(loc="right") == "3 for one feature, 0 for several, 1 dead"


def test_staircase_counts_neurons_and_computed_features():
    tables = make_tables(np.array([[1.0, 0, 0], [1, 1, 0], [0, 0, 0]]), probabilities=(1.0, 0.1))
    tables["features"]["positive_response"] = [0.9, 0.9, 0.1] * 2
    tables["features"]["negative_response"] = [0.9, 0.1, 0.9] * 2
    tables["features"]["represented"] = True
    left, right = neuron_staircase.draw(tables, TITLES).axes
    curves = {c.get_label(): c[0].get_ydata().tolist() for ax in (left, right) for c in ax.containers}
    assert curves == {
        "one feature": [1, 1],
        "several": [1, 1],
        "none (dead)": [1, 1],
        "$|W_i| > 0.5$": [3, 3],
        "$|x_i|$ comes out, both signs": [1, 1],
    }


def test_circuit_is_scaled_and_sorted():
    tables = make_tables(2 * signed_pairs(2), np.float32(np.abs(signed_pairs(2)) / 2))
    figure = six_neurons.draw(tables, TITLES)
    numbers = [text for text in texts(figure) if text[0] in "+−"]
    assert sorted(numbers) == sorted(["+1.00"] * 6 + ["−1.00"] * 2)
    assert six_neurons.place_of(np.array([0, -2.0])) == (1, True)


def test_large_models_are_no_circuit():
    figure = six_neurons.draw(make_tables(np.eye(20)), TITLES)
    assert "no model with up to 16 neurons" in texts(figure)


def test_example_of_a_motif_is_the_one_with_the_strongest_inhibition():
    tables = make_tables(*make_twenty(), seeds=(3, 4))
    assert asymmetric_motif.find_example(tables["neurons"]) is None
    rows = tables["neurons"]
    rows.loc[(rows["seed"] == 4) & (rows["neuron"] == 7), "inhibitor"] = 0
    rows.loc[(rows["seed"] == 4) & (rows["neuron"] == 8), "inhibitor"] = 1
    weights = np.zeros(20, dtype=np.float32)
    weights[11] = -2  # neuron 1 inhibits the second feature of neuron 8
    rows.at[rows.index[(rows["seed"] == 4) & (rows["neuron"] == 1)][0], "W_out"] = weights
    model, neuron = asymmetric_motif.find_example(rows)
    assert (model.seed, neuron) == (4, 8)
    figure = asymmetric_motif.draw(tables, TITLES)
    assert "−2.00" in texts(figure)


def test_labels_of_discrete_weights_are_those_of_the_large_ones():
    figure = discrete_neurons.draw(make_tables(np.array([[1.0, 0.2, -0.5]]), np.float32([[0, 3.0, 0]])), TITLES)
    above, below = figure.axes
    assert sorted(text.get_text() for text in above.texts) == ["1", "3"]
    assert [text.get_text() for text in below.texts] == ["2"]


def test_penalties_are_places_in_their_order():
    tables = make_toy_models(probabilities=(0.5, 0.5, 0.5), seeds=(0, 1))
    models = tables["models"]
    models["hidden_penalty"] = models["point"].map({0: 0.1, 1: 0.0, 2: 0.01})
    models["loss"] = 1.0 + 10 * models["hidden_penalty"]
    left, _, right = hidden_penalty.draw(tables, {"base": {"title": "Penalised"}}).axes
    assert [label.get_text() for label in left.get_xticklabels()] == ["0", "0.01", "0.1"]
    [line] = right.lines
    np.testing.assert_allclose(line.get_ydata(), [1, 1.1, 2])
