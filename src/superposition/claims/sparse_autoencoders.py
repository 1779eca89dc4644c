"""Claims on ReLU autoencoders of the 5-in-2 toy model: dead latents, their resampling, and shrinkage."""

import pandas as pd

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import is_pentagon, of_experiment, share_per_seed

SECTION = "sparse_autoencoders"
ARENA = "ARENA 1.5.4, section 5"
BASE = "five_in_two_sparse"
PLAIN, SIMPLE, ADVANCED = "relu_no_resampling", "relu_simple_resampling", "relu_advanced_resampling"
SHRINKAGE = 0.2  # lambda d / 2 of both sweeps: lambda = 0.2, d = 2
LINE_TOLERANCE = 0.05


def saes_of(tables: Tables, sae: str) -> pd.DataFrame:
    return of_experiment(tables["saes"], sae)


def share_of_saes(tables: Tables, sae: str, condition: str) -> pd.Series:
    table = saes_of(tables, sae)
    return share_per_seed(table, table.eval(condition))


def mean_over_saes(tables: Tables, sae: str, column: str) -> pd.Series:
    """NaN at a seed where any autoencoder's value is undefined."""
    return saes_of(tables, sae).groupby("seed")[column].mean(skipna=False)


def mean_over_full_recoveries(tables: Tables, sae: str, column: str) -> pd.Series:
    """NaN at a seed where no autoencoder recovers every feature, or one that does has an undefined value."""
    table = saes_of(tables, sae)
    means = table[table["full_recovery"]].groupby("seed")[column].mean(skipna=False)
    return means.reindex(table["seed"].unique())


def pentagons(tables: Tables) -> pd.Series:
    models = of_experiment(tables["models"], BASE)
    return share_per_seed(models, is_pentagon(models))


def gain_in_full_recovery(tables: Tables, sae: str, over: str) -> pd.Series:
    return mean_over_saes(tables, sae, "full_recovery") - mean_over_saes(tables, over, "full_recovery")


def excess_over_symmetric(tables: Tables, coefficient: str) -> pd.Series:
    fitted = mean_over_full_recoveries(tables, SIMPLE, f"shrinkage_{coefficient}")
    return fitted - mean_over_saes(tables, SIMPLE, f"symmetric_{coefficient}")


CLAIMS = [
    Claim(
        "A5.0",
        SECTION,
        ARENA,
        "Five equally important, sparse features in two dimensions form a pentagon.",
        (BASE,),
        ("sparse_features_in_2d",),
        (Part("share of restarts that are pentagons", pentagons, ">=", (15 / 16,)),),
    ),
    Claim(
        "A5.1",
        SECTION,
        ARENA,
        "Without resampling, autoencoders are left with dead latents and often miss a feature.",
        (BASE, PLAIN),
        ("sae_training_film", "sae_fraction_active", "sae_recovery"),
        (
            Part(
                "share of autoencoders with a dead latent",
                lambda t: share_of_saes(t, PLAIN, "n_dead >= 1"),
                ">=",
                (0.4,),
            ),
            Part(
                "share that recover all five features",
                lambda t: mean_over_saes(t, PLAIN, "full_recovery"),
                "<",
                (0.6,),
            ),
        ),
    ),
    Claim(
        "A5.2",
        SECTION,
        ARENA,
        "Resampling dead latents to random directions leaves none dead and recovers more features.",
        (BASE, PLAIN, SIMPLE),
        ("sae_training_film", "sae_fraction_active", "sae_recovery"),
        (
            Part(
                "share of autoencoders without a dead latent",
                lambda t: share_of_saes(t, SIMPLE, "n_dead == 0"),
                ">=",
                (15 / 16,),
            ),
            Part(
                "share that recover all five features",
                lambda t: mean_over_saes(t, SIMPLE, "full_recovery"),
                ">=",
                (10 / 16,),
            ),
            Part("gain over no resampling", lambda t: gain_in_full_recovery(t, SIMPLE, PLAIN), ">", (0.0,)),
        ),
    ),
    Claim(
        "A5.3",
        SECTION,
        ARENA,
        "Resampling dead latents to badly reconstructed inputs leaves none dead and recovers as many features.",
        (BASE, SIMPLE, ADVANCED),
        ("sae_training_film", "sae_fraction_active", "sae_recovery"),
        (
            Part(
                "share of autoencoders without a dead latent",
                lambda t: share_of_saes(t, ADVANCED, "n_dead == 0"),
                ">=",
                (15 / 16,),
            ),
            Part(
                "share that recover all five features",
                lambda t: mean_over_saes(t, ADVANCED, "full_recovery"),
                ">=",
                (12 / 16,),
            ),
            Part(
                "gain over simple resampling",
                lambda t: gain_in_full_recovery(t, ADVANCED, SIMPLE),
                ">=",
                (-2 / 16,),
            ),
        ),
    ),
    Claim(
        "A5-shrinkage",
        SECTION,
        "Rajamanoharan et al. 2024 (Gated SAEs), section 3.1",
        "The L1 penalty biases magnitudes: reconstructions are shrunk.",
        (BASE, PLAIN, SIMPLE, ADVANCED),
        ("sae_shrinkage",),
        (
            Part("γ without resampling", lambda t: mean_over_saes(t, PLAIN, "gamma"), "<", (0.85,)),
            Part("γ with simple resampling", lambda t: mean_over_saes(t, SIMPLE, "gamma"), "<", (0.85,)),
            Part("γ with advanced resampling", lambda t: mean_over_saes(t, ADVANCED, "gamma"), "<", (0.85,)),
        ),
    ),
    Claim(
        "A5-shrinkage-line",
        SECTION,
        "derived from the loss for a feature on its own; Rajamanoharan et al. 2024 (Gated SAEs), figure 2",
        "On a lone feature of length c a recovered latent reads f = max(0, c − λd/2).",
        (BASE, SIMPLE),
        ("sae_shrinkage",),
        (
            Part(
                "slope of f on c, autoencoders that recover all five",
                lambda t: mean_over_full_recoveries(t, SIMPLE, "shrinkage_slope"),
                "in",
                (1 - LINE_TOLERANCE, 1 + LINE_TOLERANCE),
                origin="derived",
            ),
            Part(
                "intercept of f on c, autoencoders that recover all five",
                lambda t: mean_over_full_recoveries(t, SIMPLE, "shrinkage_intercept"),
                "in",
                (-SHRINKAGE - LINE_TOLERANCE, -SHRINKAGE + LINE_TOLERANCE),
                origin="derived",
            ),
        ),
    ),
    Claim(
        "A5-shrinkage-symmetric",
        SECTION,
        "this paper: the loss minimised over autoencoders that treat all features alike",
        "Superposition makes the line steeper and start later: features set off each other's latents.",
        (BASE, SIMPLE),
        ("sae_shrinkage",),
        (
            Part(
                "slope of f on c less that of the optimal symmetric autoencoder",
                lambda t: excess_over_symmetric(t, "slope"),
                "in",
                (-LINE_TOLERANCE, LINE_TOLERANCE),
                origin="derived",
            ),
            Part(
                "intercept of f on c less that of the optimal symmetric autoencoder",
                lambda t: excess_over_symmetric(t, "intercept"),
                "in",
                (-LINE_TOLERANCE, LINE_TOLERANCE),
                origin="derived",
            ),
        ),
    ),
]
