"""The table `hidden_samples`: a few held-out hidden vectors of the best models, to look at."""

import pandas as pd

from superposition.features import SparseSamples
from superposition.toy_model_measurement.models import encode_samples
from superposition.toy_models import KINDS, Parameters

N_PLOTTED = 250  # hidden vectors kept per point, as in the source's scatter plots
LARGEST = 100  # models; of a finer sweep nobody plots hidden vectors


def tabulate_hidden_samples(
    keys: pd.DataFrame, experiment: dict, parameters: Parameters, samples: SparseSamples
) -> pd.DataFrame:
    """The first held-out samples with a feature present, seen in the hidden space of the models in `keys`; of the first
    LARGEST of them."""
    kind = KINDS[experiment["model"]["kind"]]
    frames = []
    for row in keys.head(LARGEST).itertuples():
        with_features = samples.offsets[row.held_out].diff().nonzero()[:N_PLOTTED, 0]
        needed = int(with_features[-1]) + 1 if len(with_features) else 0
        x = samples.to_dense(row.held_out, needed)[with_features]
        frames.append(
            pd.DataFrame(
                {
                    "experiment": row.experiment,
                    "seed": row.seed,
                    "instance": row.instance,
                    "point": row.point,
                    "feature_probability": row.feature_probability,
                    "sample": range(len(x)),
                    "n_present": (x != 0).sum(-1).numpy(),
                    "x": list(x.numpy()),
                    "hidden": list(encode_samples(kind, parameters, row.instance, x).numpy()),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
