"""Draw one figure from the tables of its experiments. Every module in src/figures ends with a call of `draw_figure`."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from scripts.command_line import provenance, run
from scripts.reads import list_reads
from superposition.plotting import save_figure
from superposition.storage import load_tables


def draw_figure(draw: Callable[[dict[str, pd.DataFrame], dict[str, dict]], Figure]) -> None:
    """Call `draw` with what the specification names.

    Args:
        draw: (tables by name, each with the rows of all experiments and seeds; configuration blocks by experiment id,
            in the order of the figure's own block). Of the tables, those are read whose names are written out in the
            module of `draw` or in other modules of src/figures that it imports.
    """

    def step(spec: dict, pdf: str, png: str) -> None:
        save_figure(draw(*read_tables(spec)), pdf, png, provenance(spec))

    run(step, files=["pdf", "png"], name=Path(draw.__code__.co_filename).stem)


class Tables(dict):
    """Tables by name; to ask for one that was not read is a mistake of the figure's block, or of its module."""

    def __missing__(self, name: str) -> None:
        raise ValueError(
            f"needs the table {name!r}: allowed are {[*self]}, those that its module has the names of, of the"
            " experiments that the figure names"
        )


def read_tables(spec: dict) -> tuple[dict[str, pd.DataFrame], dict[str, dict]]:
    """What a figure is drawn from: see `draw` above."""
    experiments = {name: spec["experiments"][name] for name in spec["order"]}
    return Tables({name: load_tables(paths, name) for name, paths in list_reads(spec).items()}), experiments
