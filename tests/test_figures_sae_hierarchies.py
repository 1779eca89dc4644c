"""Figures of autoencoders on hierarchies: what they choose, how they order it, what they say of nothing."""

import numpy as np
import pandas as pd
import pytest
from figure_tables import make_saes, texts
from matplotlib.figure import Figure

from figures import composed_features, cosine_heatmaps, reconstruction_and_quality

TITLES = {"swept": {"title": "Two penalties"}}


def test_the_autoencoder_shown_is_the_median_one_of_the_first_point():
    saes = make_saes(names=("swept",), restarts=3, penalties=(0.2, 0.05))["saes"]
    saes["matched_cosine"] = np.where(saes["point"] == 0, [0.9, 0.5, 0.7] * 4, 0.6)
    chosen = cosine_heatmaps.choose_autoencoder(saes, "swept")
    assert chosen[["seed", "instance"]].to_numpy().tolist() == [[0, 2]]


def test_latents_stand_in_the_order_of_their_features():
    latents = pd.DataFrame({"latent": range(4), "feature": pd.array([2, None, 0, 1], dtype="Int32")})
    assert cosine_heatmaps.order_latents(latents)["latent"].tolist() == [2, 3, 0, 1]


@pytest.mark.parametrize(("kept", "note"), [(True, "1.00"), (False, "too many features")])
def test_cosines_are_written_or_their_absence_is(kept, note):
    tables = make_saes(names=("swept",))
    if not kept:
        tables["latents"]["decoder_cosines"] = [np.empty(0)] * len(tables["latents"])
    written = texts(cosine_heatmaps.draw(tables, TITLES))
    assert written.count(note) == (10 if kept else 1)  # the diagonals of decoder and encoder


def test_every_cosine_is_written_on_its_cell():
    figure = cosine_heatmaps.draw(make_saes(names=("swept",)), TITLES)
    ax = figure.axes[0]
    [image] = ax.images
    cosines = image.get_array()
    rows, columns = cosines.shape
    assert image.get_extent() == [0.5, columns + 0.5, rows + 0.5, 0.5]  # counted from one
    written = {text.get_position(): float(text.get_text().replace("\N{MINUS SIGN}", "-")) for text in ax.texts}
    cells = {(column + 1, row + 1): cosines[row, column] for row, column in np.ndindex(rows, columns)}
    assert written == pytest.approx(cells, abs=0.006)


def test_features_and_sums_are_the_declared_ones():
    directions = {"directions": {"vectors": [[1, 0], [-1, 0], [0, 1], [0, -1]]}}
    figure = composed_features.draw(make_saes(names=("swept",)), TITLES | {"data": directions})
    rays = {tuple(np.round(line.get_xydata()[1], 3)) for line in figure.axes[0].lines}
    assert rays >= {
        (1, 0),
        (-1, 0),
        (0, 1),
        (0, -1),
        (0.707, 0.707),
        (-0.707, 0.707),
        (0.707, -0.707),
        (-0.707, -0.707),
    }
    assert {"feature", "sum"} <= set(texts(figure))


def test_a_plane_of_three_dimensions_is_not_drawn():
    latents = pd.DataFrame({"decoder": [np.eye(3)[0]]})
    figure = Figure()
    composed_features.draw_plane(figure.subplots(), latents, np.empty((0, 2)), "black")
    assert "3 dimensions" in texts(figure)


def test_the_ends_of_a_line_say_how_many_latents_are_active():
    tables = make_saes(names=("swept",), penalties=(0.2, 0.05))
    tables["saes"]["l0"] = np.where(tables["saes"]["point"] == 0, 5.0, 10.2)
    tables["saes"] = pd.concat([tables["saes"], tables["saes"].assign(mode="threshold", l0=99.0)])
    assert {"5", "10"} <= set(texts(reconstruction_and_quality.draw(tables, TITLES)))
    assert "99" not in texts(reconstruction_and_quality.draw(tables, TITLES))
