"""Draw one film from the tables of its experiments, as its figure is drawn.

A module in src/figures with a film ends with a call of `draw_figure_or_film`: the command line says which it is.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from scripts.command_line import provenance, run
from scripts.draw_figure import draw_figure, read_tables
from superposition.films import save_film

Tables = dict[str, pd.DataFrame]


def draw_film(film: Callable[[Tables, dict[str, dict]], Iterable[Figure]]) -> None:
    """Call `film`, which gives the frames one after another, with what `draw_figure` would call `draw` with."""

    def step(spec: dict, gif: str) -> None:
        save_film(film(*read_tables(spec)), gif, provenance(spec))

    run(step, files=["gif"], name=f"{Path(film.__code__.co_filename).stem} (film)")


def draw_figure_or_film(draw: Callable, film: Callable) -> None:
    """The film where the command line asks for a GIF, else the figure."""
    if "--gif" in sys.argv:
        draw_film(film)
    else:
        draw_figure(draw)
