"""Claims on five architectures and a thousand features: do those that reconstruct best find the features best?"""

import numpy as np
import pandas as pd

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.sae_hierarchies import SECTION, trained
from superposition.claims.selections import correlate

BENCHMARK = "Chanin 2026 (SynthSAEBench), in small"
PURSUIT = "synth_matching_pursuit"
OTHERS = ("synth_relu", "synth_jumprelu", "synth_batchtopk", "synth_matryoshka")
FIGURES = ("reconstruction_and_quality",)


def settings(tables: Tables, *sweeps: str) -> pd.DataFrame:
    """Mean over restarts at each seed, sweep and point, the index of the L0 that is asked for."""
    saes = pd.concat([trained(tables, "saes", sae) for sae in sweeps])
    columns = ["fvu", "mcc", "latent_precision", "latent_recall", "l0"]
    return saes.groupby(["seed", "sae", "point"])[columns].mean().reset_index()


def agreement(tables: Tables) -> pd.Series:
    """Spearman's rank correlation over architectures of explained variance with MCC, mean over the values of L0."""
    means = settings(tables, PURSUIT, *OTHERS)
    at_points = [correlate(rows.assign(ev=-rows["fvu"]), "ev", "mcc") for _, rows in means.groupby("point")]
    return pd.concat(at_points, axis=1).mean(axis=1, skipna=False)


def change_with_l0(tables: Tables, column: str) -> pd.Series:
    """At the largest L0 less at the smallest, mean over architectures."""
    points = settings(tables, PURSUIT, *OTHERS).pivot_table(column, ["seed", "sae"], "point")
    return (points[points.columns.max()] - points[points.columns.min()]).groupby("seed").mean()


def pursuit_less_best(tables: Tables, column: str, best: str) -> pd.Series:
    """Matching pursuit's value less the best of the others ("min" or "max"), the largest such difference over L0."""
    own = settings(tables, PURSUIT).set_index(["seed", "point"])[column]
    others = settings(tables, *OTHERS).groupby(["seed", "point"])[column].agg(best)
    return (own - others).groupby("seed").agg(lambda values: np.max(values.to_numpy()))


CLAIMS = [
    Claim(
        "S13-disagreement",
        SECTION,
        BENCHMARK,
        "Reconstruction and the quality of latents disagree.",
        (PURSUIT, *OTHERS),
        FIGURES,
        (
            Part(
                "rank correlation of explained variance with MCC over architectures, mean over L0",
                agreement,
                "<",
                (0.5,),
            ),
        ),
    ),
    Claim(
        "S13-L0",
        SECTION,
        BENCHMARK,
        "The more latents are active, the lower their precision and the higher their recall.",
        (PURSUIT, *OTHERS),
        FIGURES,
        (
            Part(
                "precision at the largest L0 less at the smallest, mean over architectures",
                lambda t: change_with_l0(t, "latent_precision"),
                "<",
                (0,),
            ),
            Part(
                "recall at the largest L0 less at the smallest, mean over architectures",
                lambda t: change_with_l0(t, "latent_recall"),
                ">",
                (0,),
            ),
        ),
    ),
    Claim(
        "S13-pursuit",
        SECTION,
        BENCHMARK,
        "Matching pursuit reconstructs best of all and does not find the features best.",
        (PURSUIT, *OTHERS),
        FIGURES,
        (
            Part(
                "its FVU less the lowest of the others, the larger difference over L0",
                lambda t: pursuit_less_best(t, "fvu", "min"),
                "<",
                (0,),
            ),
            Part(
                "its MCC less the highest of the others, the larger difference over L0",
                lambda t: pursuit_less_best(t, "mcc", "max"),
                "<",
                (0,),
            ),
        ),
    ),
]
