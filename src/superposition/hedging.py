"""Hedging between two sweeps: one with too few latents, and one with more that began at the same place."""

import numpy as np
import pandas as pd

from superposition import metrics
from superposition.seeding import numpy_generator

KEY = ["seed", "instance"]


def tabulate_hedging(latents: pd.DataFrame, narrow: str, wide: str) -> pd.DataFrame:
    """Columns `seed`, `instance` and `hedging_rate`, a row for each autoencoder that both sweeps have; see
    `metrics.hedging_rate`, which takes chance off.

    Args:
        latents: the table `latents`
        narrow, wide: ids of two sweeps on the same data, alike but for the number of latents; those that both have must
            begin at the same places
    """
    decoders = [
        {key: np.stack(rows.sort_values("latent")["decoder"].tolist()) for key, rows in own.groupby(KEY)}
        for own in (latents[(latents["sae"] == sae) & (latents["mode"] == "as_trained")] for sae in (narrow, wide))
    ]
    rows = [
        (*key, metrics.hedging_rate(control, decoders[1][key], numpy_generator(key[0], narrow, "hedging", key[1])))
        for key, control in decoders[0].items()
        if key in decoders[1]
    ]
    return pd.DataFrame(rows, columns=[*KEY, "hedging_rate"])
