"""The tables of a toy-model experiment at one seed (see schemas/tables.yaml): one module per table.

The W that is measured is W_1 where there are two matrices.
"""

import numpy as np
import pandas as pd

from superposition.evaluation import held_out_losses, lowest_loss_instances
from superposition.features import SparseSamples, feature_importance
from superposition.runs import held_out_of_instances, list_instances, parameter_of_instances
from superposition.toy_model_measurement.checks import check_models
from superposition.toy_model_measurement.dynamics import tabulate_dynamics
from superposition.toy_model_measurement.features import tabulate_features
from superposition.toy_model_measurement.hidden_samples import tabulate_hidden_samples
from superposition.toy_model_measurement.models import tabulate_models
from superposition.toy_model_measurement.neurons import tabulate_neurons
from superposition.toy_model_measurement.sets import tabulate_sets
from superposition.toy_models import Parameters

SWEPT = ("feature_probability", "last_probability", "last_importance", "hidden_penalty", "attack_size")


def measure_toy_models(
    name: str, experiment: dict, seed: int, parameters: Parameters, samples: SparseSamples, history: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Tables `models`, `features`, `sets`, `neurons`, `hidden_samples` and `dynamics` of all instances.

    Raises geometry.InvariantError if a model or a measurement contradicts a theorem.
    """
    instances, held_out = list_instances(experiment), held_out_of_instances(experiment)
    points, importance = instances["point"].to_numpy(), feature_importance(experiment)
    losses = held_out_losses(experiment["model"]["kind"], parameters, samples, held_out, importance)
    best = np.zeros(len(instances), dtype=bool)
    best[list(lowest_loss_instances(losses, points))] = True
    swept = {parameter: parameter_of_instances(experiment, parameter) for parameter in SWEPT}
    keys = instances[["instance", "point", "restart"]].assign(experiment=name, seed=seed, lowest_loss=best, **swept)
    keys["held_out"] = held_out
    check_models(experiment, parameters, samples, held_out, name, seed)
    short = keys.drop(columns=list(SWEPT[1:]))
    tables = {
        "models": tabulate_models(keys, experiment, parameters, samples, losses),
        "features": tabulate_features(keys, experiment, parameters, samples),
        "sets": tabulate_sets(short, experiment, parameters),
        "neurons": tabulate_neurons(short, experiment, parameters, samples),
        "hidden_samples": tabulate_hidden_samples(keys[best], experiment, parameters, samples),
        "dynamics": tabulate_dynamics(short, experiment, history),
    }
    return {table: rows.drop(columns="held_out", errors="ignore") for table, rows in tables.items()}
