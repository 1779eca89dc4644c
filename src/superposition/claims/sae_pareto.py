"""Claims on architectures of autoencoders of a random dictionary: bias, error at equal L0, recovery."""

import pandas as pd

from superposition.claims.benchmark_selections import (
    RELU,
    SECTION,
    at_true_l0,
    extreme,
    largest_bias,
    mean_fvu_ratio,
    settings_of,
    share_not_worse,
)
from superposition.claims.judging import Claim, Part, Tables
from superposition.claims.selections import correlate

GATED, JUMPRELU, TOPK, BATCHTOPK = (f"benchmark_{kind}" for kind in ("gated", "jumprelu", "topk", "batchtopk"))
FROZEN = "benchmark_frozen"
MODES = ("as_trained", "threshold")  # whole batches, samples one by one
PARETO, RECOVERY = ("benchmark_pareto",), ("benchmark_recovery",)


def threshold_error(tables: Tables) -> pd.Series:
    """Per seed, the largest |L0 by the threshold / L0 of whole batches - 1| over k."""
    together, alone = (settings_of(tables, BATCHTOPK, mode).set_index(["seed", "point"]) for mode in MODES)
    return (alone["l0"] / together["l0"] - 1).abs().groupby("seed").max()


def largest_dead_share(tables: Tables) -> pd.Series:
    """Per seed, the largest share of TopK's latents that are dead, over k."""
    settings = settings_of(tables, TOPK).set_index("seed")
    return (settings["n_dead"] / settings["n_latents"]).groupby("seed").max()


CLAIMS = [
    Claim(
        "S4-shrinkage",
        SECTION,
        "Rajamanoharan et al. 2024 (Gated SAEs)",
        "ReLU autoencoders shrink, the more the stronger the penalty; gated ones do not.",
        (RELU, GATED),
        RECOVERY,
        (
            Part("ReLU: highest γ", lambda t: extreme(t, RELU, "gamma", "max"), "<", (1.0,)),
            Part("ReLU: lowest γ", lambda t: extreme(t, RELU, "gamma", "min"), "<=", (0.9,)),
            Part(
                "ReLU: rank correlation of γ and penalty",
                lambda t: correlate(settings_of(t, RELU), "sparsity_penalty", "gamma"),
                "<=",
                (-0.9,),
            ),
            Part("gated: largest |γ − 1|", lambda t: largest_bias(t, GATED), "<=", (0.03,)),
            Part("gated: highest FVU", lambda t: extreme(t, GATED, "fvu", "max"), "<", (0.5,)),
        ),
    ),
    Claim(
        "S4-front",
        SECTION,
        "Rajamanoharan et al. 2024 (Gated SAEs)",
        "Gated autoencoders reconstruct better than ReLU ones with equally many active latents.",
        (RELU, GATED),
        PARETO,
        (
            Part(
                "share of the shared range of L0 where FVU is not higher",
                lambda t: share_not_worse(t, GATED, RELU),
                ">=",
                (0.8,),
            ),
        ),
    ),
    Claim(
        "S5-front",
        SECTION,
        "Rajamanoharan et al. 2024 (JumpReLU SAEs)",
        "JumpReLU autoencoders do not shrink, and reconstruct better than ReLU and as well as gated and TopK ones.",
        (RELU, GATED, JUMPRELU, TOPK),
        PARETO + RECOVERY,
        (
            Part("largest |γ − 1|", lambda t: largest_bias(t, JUMPRELU), "<=", (0.05,)),
            Part(
                "share of the shared range of L0 where FVU is not higher than ReLU's",
                lambda t: share_not_worse(t, JUMPRELU, RELU),
                ">=",
                (0.8,),
            ),
            Part("mean ratio of FVU to gated, equal L0", lambda t: mean_fvu_ratio(t, JUMPRELU, GATED), "<=", (1.1,)),
            Part("mean ratio of FVU to TopK, equal L0", lambda t: mean_fvu_ratio(t, JUMPRELU, TOPK), "<=", (1.1,)),
        ),
    ),
    Claim(
        "S6-topk",
        SECTION,
        "Gao et al. 2024",
        "TopK autoencoders do not shrink, and reconstruct better than ReLU ones with equally many active latents.",
        (RELU, TOPK),
        PARETO + RECOVERY,
        (
            Part("largest |γ − 1|", lambda t: largest_bias(t, TOPK), "<=", (0.03,)),
            Part("mean ratio of FVU to ReLU, equal L0", lambda t: mean_fvu_ratio(t, TOPK, RELU), "<", (1.0,)),
        ),
    ),
    Claim(
        "S6-recovery",
        SECTION,
        "Gao et al. 2024",
        "With k the true number of features per sample, TopK autoencoders recover the features.",
        (TOPK,),
        RECOVERY,
        (
            Part(
                "share of the features with a latent at a cosine above 0.9",
                lambda t: at_true_l0(t, TOPK, "n_recovered_90") / at_true_l0(t, TOPK, "n_features"),
                ">=",
                (0.9,),
            ),
        ),
    ),
    Claim(
        "S6-dead",
        SECTION,
        "Gao et al. 2024",
        "Begun along their decoders and helped by the auxiliary loss, hardly any latents of TopK autoencoders die.",
        (TOPK,),
        ("benchmark_scores",),
        (Part("largest share of dead latents over k", largest_dead_share, "<=", (0.1,)),),
    ),
    Claim(
        "S7-batchtopk",
        SECTION,
        "Bussmann et al. 2024",
        "Choosing over the batch lets samples differ in how many latents they need.",
        (TOPK, BATCHTOPK),
        PARETO,
        (
            Part("mean ratio of FVU to TopK, equal L0", lambda t: mean_fvu_ratio(t, BATCHTOPK, TOPK), "<=", (0.98,)),
            Part(
                "standard deviation of L0 over samples, k nearest the truth",
                lambda t: at_true_l0(t, BATCHTOPK, "l0_std"),
                ">",
                (0.0,),
                unit="latents",
            ),
            Part(
                "correlation over samples of L0 and features present, k nearest the truth",
                lambda t: at_true_l0(t, BATCHTOPK, "l0_correlation"),
                ">=",
                (0.6,),
            ),
        ),
    ),
    Claim(
        "S7-threshold",
        SECTION,
        "Bussmann et al. 2024",
        "A threshold learned along the way keeps the number of active latents when samples are encoded one by one.",
        (BATCHTOPK,),
        ("benchmark_pareto",),
        (Part("largest relative change of L0", threshold_error, "<=", (0.05,)),),
    ),
    Claim(
        "S-frozen",
        SECTION,
        "Korznikov et al. 2026",
        "A decoder of frozen random directions explains variance and recovers nothing.",
        (BATCHTOPK, FROZEN),
        ("benchmark_scores",),
        (
            Part("explained variance", lambda t: 1 - at_true_l0(t, FROZEN, "fvu"), ">=", (0.25,), origin="calibrated"),
            Part(
                "features recovered at a cosine above 0.9",
                lambda t: at_true_l0(t, FROZEN, "n_recovered_90"),
                "<=",
                (1.0,),
                origin="calibrated",
            ),
            Part(
                "F1, less that of the trained decoder",
                lambda t: at_true_l0(t, FROZEN, "f1") - at_true_l0(t, BATCHTOPK, "f1"),
                "<",
                (0.0,),
            ),
        ),
    ),
]
