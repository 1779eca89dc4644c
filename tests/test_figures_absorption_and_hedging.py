"""The figure of the absorption and hedging scores, from small tables."""

import numpy as np
import pytest
from figure_tables import make_saes

from figures import absorption_and_hedging
from superposition import plotting

TITLES = {
    "one": {"title": "A parent, ReLU"},
    "two": {"title": "BatchTopK"},
    "pair_narrow": {"title": "Correlated features, one latent"},
    "pair_wide": {"title": "Correlated features, two latents"},
    "family": {"title": "A parent and its child"},
    "tree": {"title": "A tree"},
}


def make_tables():
    tables = make_saes(names=("one", "two", "pair_narrow", "pair_wide"))
    tables["saes"]["mode"] = tables["latents"]["mode"] = "as_trained"
    dictionaries = {"one": "family", "two": "tree", "pair_narrow": "pair", "pair_wide": "pair"}
    tables["saes"]["dictionary"] = tables["saes"]["sae"].map(dictionaries)
    tables["saes"]["absorption"] = tables["saes"]["sae"].map({"one": 0.8, "two": 0.2})
    latents = tables["latents"]
    narrow, wide = latents["sae"].eq("pair_narrow") & latents["latent"].eq(0), latents["sae"].eq("pair_wide")
    axes, mixed = np.eye(20), (np.eye(20)[0] + np.eye(20)[1]) * 0.5**0.5
    latents["decoder"] = [mixed if one else axes[latent] for one, latent in zip(narrow, latents["latent"], strict=True)]
    tables["latents"] = latents[narrow | (wide & latents["latent"].lt(2))]
    return tables


def draw(tables):
    with plotting.style():
        figure = absorption_and_hedging.draw(tables, TITLES)
        figure.draw_without_rendering()
    return figure


def means(ax) -> list[float]:
    return [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "D"]


def test_scores_are_drawn_under_their_dictionaries():
    left, right = draw(make_tables()).axes
    assert means(left) == pytest.approx([0.8, 0.2])
    assert [label.get_text() for label in left.get_yticklabels()] == ["ReLU", "BatchTopK"]
    assert [text.get_text() for text in left.texts] == ["A parent and its child", "A tree"]
    assert [label.get_text() for label in right.get_yticklabels()] == ["Correlated\nfeatures"]
    assert means(right) == pytest.approx([0.65], abs=0.05)


def test_undefined_scores_are_said():
    tables = make_tables()
    tables["saes"]["absorption"] = np.nan
    tables["latents"] = tables["latents"].iloc[:0]
    left, right = draw(tables).axes
    assert (left.texts[0].get_text(), right.texts[0].get_text()) == ("no absorption defined", "no hedging defined")
