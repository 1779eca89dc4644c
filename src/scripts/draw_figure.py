"""Draw one figure from the tables of its experiments."""

import importlib

from scripts.command_line import provenance, run
from superposition.plotting import save_figure
from superposition.storage import load_tables


def draw_figure(spec: dict, pdf: str, png: str, **tables: list[str]) -> None:
    module = importlib.import_module(spec["figure"])
    figure = module.draw({name: load_tables(paths) for name, paths in tables.items() if paths}, spec["experiments"])
    save_figure(figure, pdf, png, provenance(spec))


if __name__ == "__main__":
    run(
        draw_figure,
        files=["pdf", "png"],
        lists=[
            "models",
            "features",
            "hidden_samples",
            "training_history",
            "saes",
            "latents",
            "single_feature_responses",
            "sae_history",
        ],
    )
