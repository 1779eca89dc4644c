"""Draw one figure from the tables of its experiments. Every module in src/figures ends with a call of `draw_figure`."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from scripts.command_line import provenance, run
from superposition.plotting import save_figure
from superposition.storage import load_tables

TABLES = [
    "models",
    "features",
    "sets",
    "neurons",
    "dynamics",
    "hidden_samples",
    "training_history",
    "saes",
    "latents",
    "single_feature_responses",
    "sae_history",
    "finite_models",
    "finite_features",
    "training_points",
    "finite_history",
]


def draw_figure(draw: Callable[[dict[str, pd.DataFrame], dict[str, dict]], Figure]) -> None:
    """Call `draw` with what the command line names.

    Args:
        draw: (tables by name, each with the rows of all experiments and seeds; configuration blocks by experiment id,
            in the order of the figure's own block)
    """

    def step(spec: dict, pdf: str, png: str, **tables: list[str]) -> None:
        experiments = {name: spec["experiments"][name] for name in spec["order"]}
        figure = draw({name: load_tables(paths, name) for name, paths in tables.items() if paths}, experiments)
        save_figure(figure, pdf, png, provenance(spec))

    run(step, files=["pdf", "png"], lists=TABLES, name=Path(draw.__code__.co_filename).stem)
