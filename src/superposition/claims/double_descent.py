"""Claims on finite data: from memorised samples to learned features, and the test loss in between."""

import numpy as np
import pandas as pd

from superposition.claims.double_descent_variants import CLAIMS as VARIANTS
from superposition.claims.finite_data_selections import at_largest, at_sizes, curves, of_best_fits, per_seed
from superposition.claims.judging import Claim, Part, Tables
from superposition.regimes import POINTS_SHARE, find_regimes, measure_bump, point_share

SECTION = "double_descent"
FEW, MANY = "few_samples", "many_samples"
ARENA_FEW, ARENA_MANY, ARENA_OWN = "arena_few_samples", "arena_many_samples", "arena_own_samples"
LOW_LOSS = 0.005  # of samples of length 1


def deviation_from_equal_share(models: pd.DataFrame) -> pd.Series:
    return (point_share(models) - 1).abs()


def relative_gap_deviation(models: pd.DataFrame) -> pd.Series:
    """Largest deviation of the angles between neighbours, in units of 360 / T degrees."""
    return models["point_gap_deviation"] * models["n_samples"] / 360


def is_polygon(models: pd.DataFrame) -> pd.Series:
    """Whether a model has its training points on a regular polygon, and no error on them."""
    return (
        (models["train_loss"] < LOW_LOSS)
        & (deviation_from_equal_share(models) <= 0.05)
        & (models["variation_of_point_dimensionality"] <= 0.12)
        & (relative_gap_deviation(models) <= 0.2)
        & (models["radius_ratio"] <= 1.15)
    )


def is_between(models: pd.DataFrame) -> pd.Series:
    """Neither do the points share the hidden dimensions, nor does any feature have much of one."""
    return (models["largest_dimensionality"] < 0.2) & (point_share(models) < POINTS_SHARE)


def peaks_inside(curve: pd.Series) -> float:
    """1 if the largest value is at neither end."""
    values = curve.sort_index().to_numpy()
    return float(0 < int(np.argmax(values)) < len(values) - 1)


def at_smallest(curve: pd.Series) -> float:
    return curve.sort_index().iloc[0]


def ratio_of_regimes(models: pd.DataFrame) -> float:
    regimes = find_regimes(models)
    return regimes.generalisation_begins / regimes.memorisation_ends


def claims_at_scale(
    prefix: str, source: str, experiments: tuple[str, ...], sizes: tuple[int, ...], figures: dict[str, tuple[str, ...]]
) -> list[Claim]:
    """The claims of one setting.

    Args:
        experiments: those that the curve over T is put together from, the first with the smallest T, the last with the
            largest
        sizes: numbers of samples at which polygons are claimed
        figures: by what they show: points, curve, norms
    """
    first, last = experiments[:1], experiments[-1:]

    def worst(measure):
        """The largest value over the sizes, of each seed's best fits."""
        return lambda t: per_seed(
            of_best_fits(t, first), lambda models: measure(at_sizes(models, sizes)).max(skipna=False)
        )

    def at_end(column):
        return lambda t: at_largest(of_best_fits(t, last))[column]

    def on_memorised(column, extreme):
        return lambda t: per_seed(
            of_best_fits(t, first), lambda models: models.loc[models["n_samples"] <= 8, column].agg(extreme)
        )

    def on_curve(column, measure):
        return lambda t: curves(t, experiments, column).apply(measure, axis=1)

    def polygons(t: Tables) -> pd.Series:
        models = t["finite_models"][t["finite_models"]["experiment"].isin(first)]
        return per_seed(models, lambda rows: is_polygon(at_sizes(rows, sizes)).mean())

    named = ", ".join(map(str, sizes[:-1])) + f" or {sizes[-1]}"
    return [
        Claim(
            f"{prefix}-a",
            SECTION,
            source,
            f"A model memorises {named} samples by placing them on a regular polygon; its features show none.",
            first,
            figures["points"],
            (
                Part("training loss, largest over T", worst(lambda m: m["train_loss"]), "<", (LOW_LOSS,)),
                Part("|median D_x · T/m − 1|, largest over T", worst(deviation_from_equal_share), "<=", (0.05,)),
                Part(
                    "coefficient of variation of D_x, largest over T",
                    worst(lambda m: m["variation_of_point_dimensionality"]),
                    "<=",
                    (0.12,),
                ),
                Part(
                    "deviation of angles in units of 360°/T, largest over T",
                    worst(relative_gap_deviation),
                    "<=",
                    (0.2,),
                ),
                Part(
                    "longest over shortest hidden vector, largest over T",
                    worst(lambda m: m["radius_ratio"]),
                    "<=",
                    (1.15,),
                ),
                Part("largest dimensionality of a feature", worst(lambda m: m["largest_dimensionality"]), "<", (0.45,)),
                Part("share of all restarts that are such polygons", polygons, ">=", (0.6,)),
            ),
        ),
        Claim(
            f"{prefix}-b",
            SECTION,
            source,
            "With up to eight samples the training loss vanishes; on other samples predicting 0 would be as good.",
            first,
            figures["curve"],
            (
                Part("training loss, largest over T ≤ 8", on_memorised("train_loss", "max"), "<", (LOW_LOSS,)),
                Part("test loss, smallest over T ≤ 8", on_memorised("test_loss", "min"), "in", (0.99, 1.15)),
                Part("test loss, largest over T ≤ 8", on_memorised("test_loss", "max"), "in", (0.99, 1.15)),
            ),
        ),
        Claim(
            f"{prefix}-c",
            SECTION,
            source,
            "With many samples the model learns features: five of them, as a pentagon, each with clearly less than two "
            "fifths of a dimension; the samples have none.",
            last,
            figures["points"],
            (
                Part("features with D ≥ 0.2", at_end("n_large_dimensionality"), "in", (4, 6)),
                Part("largest dimensionality of a feature", at_end("largest_dimensionality"), "<=", (0.39,)),
                Part("fifth largest", at_end("fifth_dimensionality"), ">=", (0.2,)),
                Part("sixth largest", at_end("sixth_dimensionality"), "<=", (0.08,)),
                Part("deviation of the five from a pentagon", at_end("gap_deviation_of_five"), "<", (15,), "degrees"),
                Part("median dimensionality of a sample", at_end("median_point_dimensionality"), "<", (0.01,)),
            ),
        ),
        Claim(
            f"{prefix}-d",
            SECTION,
            source,
            "In between there are models in which neither samples nor features have dimensions of their own.",
            experiments,
            figures["curve"],
            (
                Part(
                    "numbers of samples T where that holds",
                    lambda t: per_seed(of_best_fits(t, experiments), lambda models: is_between(models).sum()),
                    ">=",
                    (1,),
                ),
            ),
        ),
        Claim(
            f"{prefix}-e",
            SECTION,
            source,
            "Double descent: the test loss rises above that of the smallest training sets before it falls below.",
            experiments,
            figures["curve"],
            (
                Part(
                    "largest test loss in between, over the larger at the ends",
                    on_curve("test_loss", measure_bump),
                    ">=",
                    (1.01,),
                ),
                Part(
                    "test loss at the largest T, less that at T = 5",
                    on_curve("test_loss", lambda curve: curve.sort_index().iloc[-1] - curve.get(5, np.nan)),
                    "<",
                    (-0.005,),
                ),
            ),
        ),
        Claim(
            f"{prefix}-f",
            SECTION,
            source,
            "Weights and biases grow with T up to the middle and then shrink, to the norm of about five features.",
            experiments,
            figures["norms"],
            (
                Part(
                    "share of seeds in which |W| peaks in between", on_curve("frobenius_norm", peaks_inside), "=", (1,)
                ),
                Part("share of seeds in which |b| peaks in between", on_curve("bias_norm", peaks_inside), "=", (1,)),
                Part(
                    "|b| / |W| at the smallest T",
                    lambda t: on_curve("bias_norm", at_smallest)(t) / on_curve("frobenius_norm", at_smallest)(t),
                    "<",
                    (1,),
                ),
                Part("|W| at the largest T", at_end("frobenius_norm"), "in", (1.8, 2.9)),
            ),
        ),
        Claim(
            f"{prefix}-order",
            SECTION,
            source,
            "Memorisation ends well before generalisation begins.",
            experiments,
            figures["curve"],
            (
                Part(
                    "smallest T that generalises over largest T that memorises",
                    lambda t: per_seed(of_best_fits(t, experiments), ratio_of_regimes),
                    ">=",
                    (3,),
                ),
            ),
        ),
    ]


CLAIMS = [
    *claims_at_scale(
        "D1",
        "Henighan et al. 2023",
        (FEW, MANY),
        (5, 6, 8, 10, 15, 30),
        {
            "points": ("features_and_points", "double_descent"),
            "curve": ("double_descent",),
            "norms": ("norms_and_losses",),
        },
    ),
    *claims_at_scale(
        "A4",
        "ARENA 1.5.4, section 4; Henighan et al. 2023",
        (ARENA_FEW, ARENA_MANY),
        (5, 6, 8),
        {
            "points": ("arena_dimensionality", "arena_shared_features_and_points"),
            "curve": ("arena_dimensionality", "arena_norms_and_losses"),
            "norms": ("arena_norms_and_losses",),
        },
    ),
    *claims_at_scale(
        "A4-own",
        "ARENA 1.5.4, section 4, each restart with a training set of its own; Henighan et al. 2023",
        (ARENA_OWN,),
        (5, 6, 8),
        {
            "points": ("arena_own_dimensionality", "arena_features_and_points"),
            "curve": ("arena_own_dimensionality", "arena_own_norms_and_losses"),
            "norms": ("arena_own_norms_and_losses",),
        },
    ),
    *VARIANTS,
]
