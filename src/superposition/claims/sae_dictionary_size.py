"""Claims on ReLU autoencoders of a random dictionary: penalty, number of latents, dead latents, other methods."""

import numpy as np
import pandas as pd

from superposition.claims.benchmark_selections import RELU, SECTION, extreme, settings_of
from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import correlate, of_experiment

SHARKEY = "Sharkey et al. 2022"
SMALLER, LARGER, LARGEST = "benchmark_relu_64", "benchmark_relu_256", "benchmark_relu_512"
SIZES = (SMALLER, RELU, LARGER, LARGEST)
RESAMPLED = "benchmark_resampled"
LINEAR_METHODS = {"benchmark_pca": "principal components", "benchmark_ica": "independent components"}
RANDOM = "benchmark_random"
FIGURES = ("benchmark_sizes",)


def by_penalty(tables: Tables, sae: str, column: str) -> pd.DataFrame:
    """(seeds, penalties) of a sweep."""
    return settings_of(tables, sae).pivot(index="seed", columns="sparsity_penalty", values=column)


def good_penalty(tables: Tables) -> pd.Series:
    """Per seed, the penalty of the sizes' sweeps with the highest MMCS where there are as many latents as features."""
    shared = by_penalty(tables, SMALLER, "mmcs_truth").columns
    return by_penalty(tables, RELU, "mmcs_truth")[shared].idxmax(axis=1)


def at_good_penalty(tables: Tables, sae: str, column: str) -> pd.Series:
    values, chosen = by_penalty(tables, sae, column), good_penalty(tables)
    return pd.Series({seed: values.loc[seed, chosen[seed]] for seed in values.index}, dtype=float)


def best_of_sizes(tables: Tables, sizes: tuple[str, ...]) -> pd.Series:
    """Per seed, the highest MMCS at any penalty and of any of the sizes."""
    return pd.concat([extreme(tables, sae, "mmcs_truth", "max") for sae in sizes], axis=1).max(axis=1)


def loss_at_end(tables: Tables, end: int) -> pd.Series:
    """By how much the MMCS at the first (0) or last (-1) penalty is below the highest."""
    scores = by_penalty(tables, RELU, "mmcs_truth")
    return scores.max(axis=1) - scores.iloc[:, end]


def gain_with_size(tables: Tables) -> pd.Series:
    return at_good_penalty(tables, RELU, "mmcs_truth") - at_good_penalty(tables, SMALLER, "mmcs_truth")


def kept_beyond(tables: Tables) -> pd.Series:
    """The lowest MMCS with at least as many latents as features, over the highest of all sizes."""
    scores = pd.concat([at_good_penalty(tables, sae, "mmcs_truth") for sae in SIZES], axis=1)
    return scores.iloc[:, 1:].min(axis=1) / scores.max(axis=1)


def dead_share(tables: Tables, sae: str) -> pd.Series:
    return at_good_penalty(tables, sae, "n_dead") / at_good_penalty(tables, sae, "n_latents")


def miscount(tables: Tables) -> pd.Series:
    """|live latents of the largest size / features - 1|"""
    live = at_good_penalty(tables, LARGEST, "n_latents") - at_good_penalty(tables, LARGEST, "n_dead")
    return (live / at_good_penalty(tables, LARGEST, "n_features") - 1).abs()


def decoders(tables: Tables, sae: str) -> dict[tuple[int, float], np.ndarray]:
    """(seed, penalty) -> the unit decoder rows of its first restart, (n_latents, d_in)."""
    saes = of_experiment(tables["saes"], sae)
    first = saes[(saes["mode"] == "as_trained") & (saes["restart"] == 0)]
    latents = of_experiment(tables["latents"], sae).merge(first[["seed", "instance", "mode", "sparsity_penalty"]])
    groups = latents.groupby(["seed", "sparsity_penalty"])
    return {key: np.stack(rows["decoder"].tolist()) for key, rows in groups}


def steps_between_peaks(tables: Tables) -> pd.Series:
    """Steps of the penalty from where the MMCS with the truth is highest to where that with more latents is."""
    own, larger = decoders(tables, RELU), decoders(tables, LARGER)
    agreement = {key: float((own[key] @ rows.T).max(axis=1).mean()) for key, rows in larger.items()}
    by_seed = pd.Series(agreement).unstack()
    truth = by_penalty(tables, RELU, "mmcs_truth").loc[by_seed.index]
    peaks = truth.columns.get_indexer(by_seed.idxmax(axis=1)) - truth.columns.get_indexer(truth.idxmax(axis=1))
    return pd.Series(np.abs(peaks), index=by_seed.index, dtype=float)


def excess_over(tables: Tables, sae: str) -> pd.Series:
    """MMCS of autoencoders at their best penalty less that of another method."""
    return extreme(tables, RELU, "mmcs_truth", "max") - extreme(tables, sae, "mmcs_truth", "max")


def ratio_to_left_dead(tables: Tables, column: str) -> pd.Series:
    """A column's mean over penalties with resampling over that without."""
    resampled, left = (settings_of(tables, sae).groupby("seed")[column].mean() for sae in (RESAMPLED, LARGER))
    return resampled / left


CLAIMS = [
    Claim(
        "S1-penalty",
        SECTION,
        SHARKEY,
        "At some penalties, neither weak nor strong, autoencoders recover the features.",
        SIZES,
        FIGURES,
        (
            Part("highest MMCS over penalties and sizes", lambda t: best_of_sizes(t, SIZES[1:]), ">=", (0.9,)),
            Part("that of 128 latents less MMCS at their weakest penalty", lambda t: loss_at_end(t, 0), ">=", (0.15,)),
            Part("the same, at their strongest penalty", lambda t: loss_at_end(t, -1), ">=", (0.15,)),
        ),
    ),
    Claim(
        "S1-size",
        SECTION,
        SHARKEY,
        "Recovery improves up to as many latents as features, and more latents do not harm it.",
        SIZES,
        FIGURES,
        (
            Part("MMCS with 128 latents less that with 64", gain_with_size, ">", (0.0,)),
            Part("lowest MMCS with 128 latents or more, over the highest", kept_beyond, ">=", (0.9,)),
        ),
    ),
    Claim(
        "S1-dead",
        SECTION,
        SHARKEY,
        "Superfluous latents die, so that the living count the features.",
        SIZES,
        FIGURES,
        (
            Part("share of 64 latents that are dead", lambda t: dead_share(t, SMALLER), "<=", (0.05,)),
            Part("share of 128 latents that are dead", lambda t: dead_share(t, RELU), "<=", (0.05,)),
            Part(
                "dead among 512 latents, over the superfluous",
                lambda t: at_good_penalty(t, LARGEST, "n_dead") / (512 - 128),
                ">",
                (0.2,),
            ),
            Part("live latents among 512 over features, difference from 1", miscount, "<=", (0.25,)),
        ),
    ),
    Claim(
        "S1-larger",
        SECTION,
        SHARKEY,
        "Agreement with a larger dictionary shows, without the truth, which penalty recovers it.",
        (RELU, LARGER),
        FIGURES,
        (Part("steps of the penalty between the two maxima", steps_between_peaks, "<=", (1.0,)),),
    ),
    Claim(
        "S1-baselines",
        SECTION,
        SHARKEY,
        "Autoencoders come much closer to the features than linear methods do.",
        (RELU, *LINEAR_METHODS),
        ("benchmark_scores",),
        tuple(
            Part(f"MMCS of autoencoders less that of {title}", lambda t, s=sae: excess_over(t, s), ">=", (0.25,))
            for sae, title in LINEAR_METHODS.items()
        ),
    ),
    Claim(
        "S2-resampling",
        SECTION,
        "Bricken et al. 2023",
        "Resampling dead latents halves their number at no cost to the reconstruction.",
        (LARGER, RESAMPLED),
        ("benchmark_sizes",),
        (
            Part(
                "dead latents with resampling over those without",
                lambda t: ratio_to_left_dead(t, "n_dead"),
                "<=",
                (0.5,),
            ),
            Part("FVU with resampling over FVU without", lambda t: ratio_to_left_dead(t, "fvu"), "<=", (1.02,)),
        ),
    ),
    Claim(
        "S3-front",
        SECTION,
        "Cunningham et al. 2023",
        "The penalty trades latents for error without a knee, and autoencoders find more than chance.",
        (RELU, RANDOM),
        ("benchmark_pareto", "benchmark_scores"),
        (
            Part(
                "rank correlation of FVU and L0 over penalties",
                lambda t: correlate(settings_of(t, RELU), "l0", "fvu"),
                "<=",
                (-0.95,),
            ),
            Part("MMCS less that of random directions", lambda t: excess_over(t, RANDOM), ">=", (0.25,)),
        ),
    ),
]
