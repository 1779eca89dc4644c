"""Claims on three architectures of autoencoders of the 5-in-2 toy model, each at two penalties."""

import numpy as np
import pandas as pd

from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import correlate
from superposition.claims.sparse_autoencoders import ARENA, BASE, SECTION, saes_of

RELU, GATED, JUMPRELU = "relu_two_penalties", "gated_two_penalties", "jumprelu_two_penalties"
STRONG = {GATED: 1.0, JUMPRELU: 0.1}  # the chapter's penalties
WEAK = {GATED: 0.2, JUMPRELU: 0.01}
UNBIASED = (0.97, 1.03)
FIGURES = ("sae_architectures_film", "architectures_shrinkage", "reconstruction_and_recovery")


def mean_at(tables: Tables, sae: str, penalty: float, column: str) -> pd.Series:
    """Mean over the autoencoders of one penalty; NaN at a seed where any autoencoder's value is undefined."""
    table = saes_of(tables, sae)
    return table[np.isclose(table["sparsity_penalty"], penalty)].groupby("seed")[column].mean(skipna=False)


def difference_at(tables: Tables, sae: str, column: str) -> pd.Series:
    """The mean at the weak penalty less that at the strong one."""
    return mean_at(tables, sae, WEAK[sae], column) - mean_at(tables, sae, STRONG[sae], column)


def rank_correlation(tables: Tables) -> pd.Series:
    """Spearman's rank correlation, over all architectures and penalties, of mean FVU and share of full recoveries."""
    settings = pd.concat([saes_of(tables, sae) for sae in (RELU, GATED, JUMPRELU)])
    means = settings.groupby(["seed", "sae", "sparsity_penalty"])[["fvu", "full_recovery"]].mean()
    return correlate(means.reset_index(), "fvu", "full_recovery")


def list_parts(sae: str, fewest: int) -> tuple[Part, ...]:
    """What is claimed alike of the two architectures without shrinkage; `fewest` of 16 recover all features."""
    strong, weak = f"λ = {STRONG[sae]:g}", f"λ = {WEAK[sae]:g}"
    return (
        Part(f"γ at {strong}", lambda t: mean_at(t, sae, STRONG[sae], "gamma"), "in", UNBIASED),
        Part(
            f"share that recover all five features at {strong}",
            lambda t: mean_at(t, sae, STRONG[sae], "full_recovery"),
            ">=",
            (fewest / 16,),
        ),
        Part(
            f"share that recover all five features at {weak}",
            lambda t: mean_at(t, sae, WEAK[sae], "full_recovery"),
            "<=",
            (2 / 16,),
            origin="calibrated",
        ),
        Part(f"FVU at {weak} less FVU at {strong}", lambda t: difference_at(t, sae, "fvu"), "<", (0.0,)),
    )


CLAIMS = [
    Claim(
        "A5.4",
        SECTION,
        ARENA,
        "Gated autoencoders do not shrink; a weak penalty improves their reconstruction and costs them features.",
        (BASE, GATED),
        FIGURES,
        list_parts(GATED, fewest=9),
    ),
    Claim(
        "A5.5",
        SECTION,
        ARENA,
        "JumpReLU autoencoders do not shrink; a weak penalty improves their reconstruction and costs them features.",
        (BASE, JUMPRELU),
        FIGURES,
        list_parts(JUMPRELU, fewest=8),
    ),
    Claim(
        "A5.7",
        SECTION,
        "this paper: the six settings of section 5 of ARENA 1.5.4 together",
        "Autoencoders that reconstruct better recover fewer features.",
        (BASE, RELU, GATED, JUMPRELU),
        ("reconstruction_and_recovery",),
        (
            Part(
                "rank correlation of FVU and share that recover all five features, over architectures and penalties",
                rank_correlation,
                ">=",
                (0.7,),
            ),
        ),
    ),
]
