"""Tables that satisfy every claim on neurons, written by hand: two restarts a point, the first of them the best."""

import numpy as np
import pandas as pd
import torch
from builders import CONFIG

from superposition.toy_model_measurement.neurons import count_dominant, find_second

TOY_MODELS = CONFIG["toy_models"]
TEN, BEST_COUNTS = 10, {0.75: 5, 0.35: 3, 0.15: 2, 0.12: 1, 0.1: 1}  # monosemantic neurons, zero where sparser
REPRESENTED = {0.75: 5, 0.35: 6, 0.15: 7, 0.12: 7, 0.1: 7, 0.06: 8, 0.04: 10, 0.02: 10, 0.01: 10}
HUNDRED_COUNTS = {1.0: 40, 0.3: 39, 0.1: 35, 0.03: 20, 0.01: 0, 0.003: 0, 0.001: 0}


def shared(n_features: int, *features: int, weights=(1.0, 0.5)) -> np.ndarray:
    """A row of W: one weight per feature; the last counts for all that follow."""
    row = np.zeros(n_features, dtype=np.float32)
    row[list(features)] = [weights[min(i, len(weights) - 1)] for i in range(len(features))]
    return row


def make_ten(probability: float) -> np.ndarray:
    """(5, 10): as many monosemantic neurons as claimed, a binary code at p = 0.35, pairs of features elsewhere."""
    own = BEST_COUNTS.get(probability, 0)
    rows = [shared(TEN, feature) for feature in range(own)]
    code = [shared(TEN, 3, 5, weights=(1, 0.8)), shared(TEN, 4, 5, weights=(1, 0.8))]
    rest = code if probability == 0.35 else [shared(TEN, 5 + k, (6 + k) % TEN) for k in range(5 - own)]
    return np.stack(rows + rest)


def signed_pairs(n_features: int) -> np.ndarray:
    """(2 n, n): for each feature a neuron of either sign."""
    return np.concatenate([np.eye(n_features), -np.eye(n_features)]).astype(np.float32)


def make_hundred(own: int) -> np.ndarray:
    """(40, 100): the most important features have neurons of their own; one neuron is dead."""
    rows = [shared(100, k) for k in range(own)] + [shared(100, 20 + k, 60 + k) for k in range(40 - own)]
    if own == 39:
        rows[-1] = np.zeros(100, dtype=np.float32)
    return np.stack(rows)


def make_twenty() -> tuple[np.ndarray, np.ndarray]:
    """(10, 20) twice: three pairs of signs, one more neuron for a feature, three neurons with two unequal features."""
    W_1, ratios = signed_pairs(3), (0.3, 0.5, 0.9)
    W_1 = np.pad(W_1, ((0, 0), (0, 17)))
    extra = [shared(20, 3), *(shared(20, 4 + k, 10 + k, weights=(1, r)) for k, r in enumerate(ratios))]
    read = [shared(20, 3), *(shared(20, 4 + k, 10 + k, weights=(r, 1)) for k, r in enumerate(ratios))]
    return np.concatenate([W_1, extra]), np.concatenate([np.abs(W_1), read])


def list_neurons(keys: dict, W_1: np.ndarray, W_2=None, **columns) -> list[dict]:
    W = torch.from_numpy(np.asarray(W_1))
    counts, seconds, largest = count_dominant(W), find_second(W), W.abs().argmax(-1)
    W_2 = W_1 if W_2 is None else W_2
    return [
        keys
        | {"neuron": k, "n_dominant": n, "monosemantic": n == 1, "polysemantic": n > 1}
        | {"largest_feature": int(largest[k]), "second_feature": int(seconds[k]), "inhibitor": -1}
        | {"bias": 0.5, "fraction_active": 0.95, "W_in": W_1[k], "W_out": W_2[k]}
        | columns
        for k, n in enumerate(counts.tolist())
    ]


def list_models(experiment: str, seed: int) -> list[dict]:
    """The keys of every model: two restarts at each point."""
    sweep = TOY_MODELS[experiment].get("sweep", {})
    probabilities = sweep.get("feature_probability", [1.0])
    penalties = sweep.get("hidden_penalty", [0.0])
    points = [(p, penalty) for p in probabilities for penalty in penalties]
    return [
        {"experiment": experiment, "seed": seed, "point": point, "restart": restart, "lowest_loss": restart == 0}
        | {"instance": 2 * point + restart, "feature_probability": p, "hidden_penalty": penalty, "loss": 1e-6}
        for point, (p, penalty) in enumerate(points)
        for restart in range(2)
    ]


def make_tables(seeds=(0, 1, 2)) -> dict[str, pd.DataFrame]:
    models, features, neurons = [], [], []
    for seed in seeds:
        for key in list_models("neurons_ten_in_five", seed):
            p = key["feature_probability"]
            aligned = {"n_represented": REPRESENTED[p], "basis_alignment": 0.99, "rotated_alignment": 0.9}
            models.append(key | aligned)
            neurons += list_neurons(key, make_ten(p))
        for key in list_models("directions_ten_in_five", seed):
            models.append(key | {"basis_alignment": 0.8, "rotated_alignment": 0.9})
        for key in list_models("biased_neurons_ten_in_five", seed):
            models.append(key | {"basis_alignment": 0.8, "rotated_alignment": 0.9})
            neurons += list_neurons(key, make_ten(0.04))
        for n, word in ((5, "five"), (6, "six"), (8, "eight")):
            [key, _] = list_models(f"neurons_{word}_in_five", seed)
            rows = [shared(n, k) for k in range(4)] + [shared(n, *range(4, n), weights=(1,))]
            neurons += list_neurons(key, np.stack(rows))
        for key in list_models("absolute_value_three_in_six", seed):
            models.append(key)
            neurons += list_neurons(key, 2 * signed_pairs(3), np.abs(signed_pairs(3)) / 2)
        for key in list_models("absolute_value_hundred_in_forty", seed):
            p = key["feature_probability"]
            neurons += list_neurons(key, make_hundred(HUNDRED_COUNTS[p]))
            for i in range(100):
                responses = {"positive_response": 0.9, "negative_response": 0.9 if i < 24 else 0.1}
                features.append(key | {"feature": i} | responses)
        for key in list_models("absolute_value_twenty_in_ten", seed):
            rows = list_neurons(key, *make_twenty())
            rows[7]["inhibitor"] = 0 if key["restart"] == 0 else -1
            neurons += rows
        for key in list_models("penalised_twenty_in_five", seed):
            free = key["hidden_penalty"] > 0.01
            shape = {"n_represented": 4, "n_hidden": 5, "n_superposed": 0} if free else {}
            shape |= {"basis_alignment": 1.0 if free else 0.8, "loss": 3e-3 if free else 1e-3}
            models.append(key | {"n_represented": 8, "n_hidden": 5, "n_superposed": 6} | shape)
    decoy = {"experiment": "decoy", "lowest_loss": True}  # rows that are no claim's business
    models.append(models[0] | decoy | {"n_represented": 99, "basis_alignment": 0.0})
    neurons.append(neurons[0] | decoy | {"bias": -99.0, "monosemantic": False})
    features.append(features[0] | decoy)
    return {"models": pd.DataFrame(models), "features": pd.DataFrame(features), "neurons": pd.DataFrame(neurons)}
