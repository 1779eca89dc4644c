"""Small tables of toy models and autoencoders that obey the schema, for the tests of figures."""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from superposition.storage import check_table

ROOT = Path(__file__).resolve().parents[1]
TABLES = yaml.safe_load((ROOT / "schemas/tables.yaml").read_text())
ANY_VALUE = {"string": "", "bool": False, "int32": 0, "int64": 0, "float32": 0.5, "float64": 0.5}
PENTAGON = np.exp(2j * np.pi * np.arange(5) / 5)


def tabulate(name: str, rows: list[dict]) -> pd.DataFrame:
    """The table `name` as read from a file; a column that the rows leave out has some value of its type."""
    columns = TABLES[name]["columns"]
    values = {column: ANY_VALUE.get(entry["type"]) for column, entry in columns.items()}
    frame = pd.DataFrame([values | row for row in rows], columns=list(columns))
    return check_table(frame, TABLES[name], where=name).to_pandas()


def make_toy_models(name="base", seeds=(0, 1), probabilities=(0.025,), restarts=2, n_hidden=2) -> dict:
    """Pentagons, turned by 0.1 radians from seed to seed; the last restart has the lowest loss. Taken for neurons, the
    hidden units read and write the rows of W."""
    tables = {"models": [], "features": [], "neurons": [], "hidden_samples": []}
    for seed, (point, p), restart in product(seeds, enumerate(probabilities), range(restarts)):
        model = {"experiment": name, "seed": seed, "point": point, "restart": restart, "feature_probability": p}
        model |= {"instance": point * restarts + restart, "lowest_loss": restart == restarts - 1}
        measured = {"n_represented": 5 - restart, "frobenius_norm_squared": 5.0 - restart, "n_hidden": n_hidden}
        tables["models"].append(model | measured)
        directions = np.zeros((5, n_hidden))
        directions[:, 0], directions[:, -1] = (
            (PENTAGON * np.exp(0.1j * seed)).real,
            (PENTAGON * np.exp(0.1j * seed)).imag,
        )
        for feature, direction in enumerate(directions):
            row = {"feature": feature, "importance": 0.9**feature, "norm": 1.0, "max_cosine": 0.31}
            tables["features"].append(model | row | {"direction": direction})
        for neuron, row in enumerate(directions.T):
            first, second = np.argsort(-np.abs(row), kind="stable")[:2]
            about = {"neuron": neuron, "n_dominant": 4, "monosemantic": False, "polysemantic": True, "bias": 0.1 * seed}
            about |= {"largest_feature": first, "second_feature": second, "inhibitor": 1 - neuron if p < 0.1 else -1}
            tables["neurons"].append(model | about | {"W_in": row, "W_out": row})
        if model["lowest_loss"] and p > 0:
            for sample in range(4):
                row = {"sample": sample, "n_present": 1 + sample % 2, "hidden": 0.5 * directions[sample]}
                row["x"] = 0.5 * np.eye(5)[sample]
                tables["hidden_samples"].append(
                    {key: model[key] for key in model.keys() - {"restart", "lowest_loss"}} | row
                )
    return {table: tabulate(table, rows) for table, rows in tables.items()}


def make_saes(
    names=("none", "simple"),
    seeds=(0, 1),
    restarts=2,
    snapshots=True,
    dead=(),
    gamma=0.75,
    resampled_at=30,
    penalties=(0.2,),
) -> dict:
    """Autoencoders of `base`'s instance 1. Latent 4 of the last restart of "simple" is resampled.

    Args:
        dead: the latents that never fire; with none, every feature is recovered
    """
    tables = {"saes": [], "latents": [], "single_feature_responses": [], "sae_history": []}
    rows = np.stack([PENTAGON.real, PENTAGON.imag], axis=1)
    for sae, seed, (point, penalty), restart in product(names, seeds, enumerate(penalties), range(restarts)):
        instance = point * restarts + restart
        key, mode = {"sae": sae, "seed": seed, "instance": instance}, {"mode": "as_trained"}
        about = {"toy_model": "base", "model_instance": 1, "n_features": 5, "n_latents": 5, "sparsity_penalty": penalty}
        about |= {"point": point, "restart": restart}
        scores = {"n_dead": len(dead), "n_recovered": 5 - len(dead), "full_recovery": not dead, "gamma": gamma}
        tables["saes"].append(key | about | mode | scores | {"mmcs_truth": 0.9, "mmcs_truth_floor": 0.8})
        for latent in range(5):
            latents = {"latent": latent, "dead": latent in dead, "encoder": rows[latent], "decoder": rows[latent]}
            latents |= dict.fromkeys(("encoder_cosines", "decoder_cosines"), rows @ rows[latent])
            tables["latents"].append(key | mode | latents)
        for sample, length in enumerate([0.1, 0.5, 1.0] if not dead else []):
            response = {"sample": sample, "length": length, "activation": max(0.0, length - 0.2)}
            tables["single_feature_responses"].append(key | mode | response)
        for step in range(0, 41, 10):
            active = np.array([np.nan if step == 0 else 0.0 if latent in dead else 0.02 for latent in range(5)])
            resampled = np.arange(5) == (
                4 if sae == "simple" and instance == restarts - 1 and step == resampled_at else -1
            )
            entry = key | {"step": step, "fraction_active": active, "resampled": resampled}
            if snapshots and step % 20 == 0:
                entry |= {
                    "W_enc": rows.T.flatten(),
                    "W_dec": rows.flatten(),
                    "b_enc": np.full(5, -0.1),
                    "threshold": np.full(5, 0.1),
                    "b_dec": np.zeros(2),
                }
            tables["sae_history"].append(entry)
    return {table: tabulate(table, rows) for table, rows in tables.items()}


def merge(*parts: dict) -> dict:
    """The rows of all parts, table by table."""
    names = {name for part in parts for name in part}
    return {name: pd.concat([part[name] for part in parts if name in part], ignore_index=True) for name in names}


def texts(figure) -> list[str]:
    """What is written in a figure."""
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")) if text.get_text()]


def text_of(figure) -> str:
    return " ".join(texts(figure))
