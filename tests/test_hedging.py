"""Hedging between two sweeps, from a table of latents."""

import numpy as np
import pandas as pd
import pytest

from superposition.hedging import tabulate_hedging

ROOT = np.sqrt(0.5)


def make_latents(sae: str, *rows: np.ndarray, seed=0, mode="as_trained") -> pd.DataFrame:
    key = {"sae": sae, "seed": seed, "instance": 0, "mode": mode}
    return pd.DataFrame([key | {"latent": latent, "decoder": row} for latent, row in enumerate(rows)])


def test_a_mixed_latent_hedges_and_a_clean_one_does_not():
    axes = np.eye(50, dtype=np.float32)
    mixed = ROOT * (axes[0] + axes[1])
    latents = pd.concat(
        [
            make_latents("narrow", mixed, seed=0),
            make_latents("narrow", axes[0], seed=1),
            make_latents("narrow", mixed, seed=2),  # which the wide sweep does not have
            make_latents("narrow", axes[0], mode="threshold"),
            *(make_latents("wide", axes[0], axes[1], seed=seed).iloc[::-1] for seed in (0, 1)),
        ]
    )
    rates = tabulate_hedging(latents, "narrow", "wide")
    assert rates["seed"].tolist() == [0, 1]
    assert rates["hedging_rate"].tolist() == pytest.approx([0.68, 0], abs=0.02)
    pd.testing.assert_frame_equal(rates, tabulate_hedging(latents, "narrow", "wide"))
