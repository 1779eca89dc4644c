"""The table `sets`: one row per set of features of each model."""

import pandas as pd

from superposition.features import SparseFeatures, feature_probability, make_distribution
from superposition.set_geometry import describe_set
from superposition.toy_models import KINDS, Parameters

MEASURED = (
    "min_cosine",
    "max_cosine",
    "mean_abs_cosine",
    "mean_abs_cosine_across",
    "weakest_opposition",
    "local_dimensionality",
    "min_norm",
    "max_norm",
)


def list_sets(distribution: SparseFeatures) -> list[slice]:
    """The features of every set, the correlated sets first."""
    size = distribution.set_size
    return [slice(begin, begin + size) for begin in range(0, distribution.n_in_sets, size)]


def list_correlated_sets(experiment: dict) -> list[slice]:
    distribution = make_distribution(experiment["features"], feature_probability(experiment))
    return list_sets(distribution)[: distribution.correlated_sets]


def tabulate_sets(keys: pd.DataFrame, experiment: dict, parameters: Parameters) -> pd.DataFrame:
    """Zero rows where no features form a set."""
    distribution = make_distribution(experiment["features"], feature_probability(experiment))
    sets = list_sets(distribution)
    if not sets:
        return keys.head(0).assign(
            set=pd.Series(dtype="int64"),
            correlated=pd.Series(dtype="bool"),
            **{name: pd.Series(dtype="float64") for name in MEASURED},
        )
    W = KINDS[experiment["model"]["kind"]].directions(parameters)
    rows = [describe_set(matrix, members) for matrix in W for members in sets]
    kinds = [index < distribution.correlated_sets for index in range(len(sets))]
    repeated = keys.loc[keys.index.repeat(len(sets))].reset_index(drop=True)
    numbered = repeated.assign(set=list(range(len(sets))) * len(keys), correlated=kinds * len(keys))
    return pd.concat([numbered, pd.DataFrame(rows, columns=list(MEASURED))], axis=1)
