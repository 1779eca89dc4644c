"""Claims on what moves double descent: hidden dimensions, length of training, weight decay."""

from itertools import combinations

import numpy as np
import pandas as pd

from superposition.claims.finite_data_selections import of_grid, per_seed
from superposition.claims.judging import Claim, Part, Tables
from superposition.regimes import measure_bump

SECTION = "double_descent"
PLANE, LONGER, DECAY = "samples_and_dimensions", "longer_training", "stronger_decay"
STRONG_DECAY = 1.0


def on_plane(tables: Tables, measure) -> pd.Series:
    return per_seed(of_grid(tables, PLANE), measure)


def largest_rise(models: pd.DataFrame, along: str, across: str) -> float:
    """Largest rise of the mean test loss from a smaller to a larger value of `along`, `across` being the same, in
    standard errors of the difference. NaN if no place has models that differ."""
    rises = []
    for _, rows in models.groupby(across):
        places = rows.groupby(along)["test_loss"].agg(["mean", "sem"]).sort_index()
        for (_, low), (_, high) in combinations(places.iterrows(), 2):
            error = np.hypot(low["sem"], high["sem"])
            if error > 0:
                rises.append((high["mean"] - low["mean"]) / error)
    return float(max(rises, default=np.nan))


def order_of_peaks(models: pd.DataFrame) -> float:
    """Spearman correlation of the number of hidden dimensions with the T at which the mean test loss is largest; NaN if
    that is one T for all."""
    peaks = models.pivot_table("test_loss", "n_hidden", "n_samples").idxmax(axis=1)
    if peaks.nunique() == 1:
        return float("nan")
    return float(peaks.corr(pd.Series(peaks.index, peaks.index), method="spearman"))


def ratio_of_variations(models: pd.DataFrame) -> float:
    """Median over T of the coefficient of variation of the test loss, with four or more hidden dimensions over two."""
    losses = models.groupby(["n_hidden", "n_samples"])["test_loss"]
    variation = (losses.std() / losses.mean()).reset_index()
    return (
        variation.loc[variation["n_hidden"] >= 4, "test_loss"].median()
        / variation.loc[variation["n_hidden"] == 2, "test_loss"].median()
    )


def losses_of_best(models: pd.DataFrame, swept: str) -> pd.DataFrame:
    """Test loss of the best fits of one seed: values of the swept parameter x numbers of samples."""
    return models[models["lowest_training_loss"]].pivot_table("test_loss", swept, "n_samples")


def smallest_growth_of_bump(tables: Tables) -> pd.Series:
    def growth(models: pd.DataFrame) -> float:
        return losses_of_best(models, "steps").sort_index().apply(measure_bump, axis=1).diff().min()

    return per_seed(of_grid(tables, LONGER), growth)


def bump_under_strong_decay(tables: Tables) -> pd.Series:
    def rise(models: pd.DataFrame) -> float:
        curve = losses_of_best(models, "weight_decay").loc[STRONG_DECAY].sort_index()
        return curve.max() / curve.iloc[0]

    return per_seed(of_grid(tables, DECAY), rise)


CLAIMS = [
    Claim(
        "D2-a",
        SECTION,
        "Henighan et al. 2023",
        "More hidden dimensions can hurt, and so can more samples.",
        (PLANE,),
        ("samples_and_dimensions",),
        (
            Part(
                "largest rise of the test loss with m",
                lambda t: on_plane(t, lambda models: largest_rise(models, "n_hidden", "n_samples")),
                ">",
                (3,),
                "standard errors",
            ),
            Part(
                "largest rise of the test loss with T",
                lambda t: on_plane(t, lambda models: largest_rise(models, "n_samples", "n_hidden")),
                ">",
                (3,),
                "standard errors",
            ),
        ),
    ),
    Claim(
        "D2-b",
        SECTION,
        "Henighan et al. 2023",
        "The more hidden dimensions, the more samples it takes to be past the rise of the test loss.",
        (PLANE,),
        ("samples_and_dimensions",),
        (
            Part(
                "rank correlation of m with the T of the largest test loss",
                lambda t: on_plane(t, order_of_peaks),
                ">=",
                (0.7,),
            ),
        ),
    ),
    Claim(
        "D2-c",
        SECTION,
        "Henighan et al. 2023",
        "With more than three hidden dimensions, models with other samples and initial weights differ less.",
        (PLANE,),
        ("samples_and_dimensions",),
        (
            Part(
                "coefficient of variation of the test loss, m ≥ 4 over m = 2",
                lambda t: on_plane(t, ratio_of_variations),
                "<",
                (1,),
            ),
        ),
    ),
    Claim(
        "D3-a",
        SECTION,
        "Henighan et al. 2023, appendix",
        "The longer the training, the higher the rise of the test loss.",
        (LONGER,),
        ("longer_training_and_decay",),
        (Part("smallest growth of the rise from one length to the next", smallest_growth_of_bump, ">", (0,)),),
    ),
    Claim(
        "D3-b",
        SECTION,
        "Henighan et al. 2023, appendix",
        "With a hundred times the weight decay the test loss rises no higher than with the smallest training set.",
        (DECAY,),
        ("longer_training_and_decay",),
        (Part("largest test loss over that of the smallest training set", bump_under_strong_decay, "<=", (1.01,)),),
    ),
]
