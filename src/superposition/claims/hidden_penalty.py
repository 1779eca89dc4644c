"""Claims on a penalty that removes superposition."""

import pandas as pd

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.privileged_basis import SECTION
from superposition.claims.selections import increases, of_experiment, share_per_seed

PENALISED = "penalised_twenty_in_five"
STRATEGIC = 'Elhage et al. 2022, "The Strategic Picture of Superposition"'


def over_penalties(tables: Tables, column: str) -> pd.DataFrame:
    """Mean over restarts: seeds x penalties, from none to the largest."""
    models = of_experiment(tables["models"], PENALISED)
    return models.pivot_table(column, "seed", "hidden_penalty", aggfunc="mean")


def at_largest_penalty(tables: Tables) -> pd.DataFrame:
    models = of_experiment(tables["models"], PENALISED)
    return models[models["hidden_penalty"] == models["hidden_penalty"].max()]


def freed_share(tables: Tables) -> pd.Series:
    """Share of restarts at the largest penalty without superposition, with a feature, at most one a dimension."""
    models = at_largest_penalty(tables)
    few = models["n_represented"].between(1, models["n_hidden"])
    return share_per_seed(models, (models["n_superposed"] == 0) & few)


CLAIMS = [
    Claim(
        "T16",
        SECTION,
        STRATEGIC,
        "A penalty on the activity of the hidden layer removes superposition, at the price of a higher loss.",
        (PENALISED,),
        ("hidden_penalty",),
        (
            Part(
                "share of restarts without superposition and with at most one feature a dimension, largest penalty",
                freed_share,
                ">=",
                (0.75,),
            ),
            Part(
                "increases of the features in superposition along the penalties",
                lambda t: increases(over_penalties(t, "n_superposed")),
                "=",
                (0,),
            ),
            Part(
                "error with the largest penalty over the error without",
                lambda t: (losses := over_penalties(t, "loss")).iloc[:, -1] / losses.iloc[:, 0],
                ">",
                (1,),
            ),
            Part(
                "alignment of represented features with the hidden units, largest penalty",
                lambda t: at_largest_penalty(t).groupby("seed")["basis_alignment"].mean(),
                ">",
                (0.95,),
            ),
        ),
    ),
]
