"""Which models an experiment on finite data has, and the samples they are fitted to."""

import pandas as pd
import torch
import yaml
from builders import CONFIG, ROOT, finite_data
from workflow_runs import overlay

from pipeline.configuration import load_configuration
from superposition.claims.finite_data_selections import of_grid
from superposition.finite_data_runs import DataSets, list_models, list_settings, sample_data_sets

SWEEP = {"n_samples": [3, 7], "weight_decay": [0.0, 0.1]}


def test_settings_are_combinations_with_single_values_for_the_rest():
    settings = list_settings(finite_data(sweep=SWEEP))
    assert settings.to_dict("list") == {
        "point": [0, 1, 2, 3],
        "n_samples": [3, 3, 7, 7],
        "n_hidden": [2] * 4,
        "weight_decay": [0.0, 0.1, 0.0, 0.1],
        "steps": [40] * 4,
    }
    assert list_settings(finite_data())["n_samples"].to_list() == [5]


def test_models_are_settings_times_restarts():
    models = list_models(finite_data(sweep=SWEEP, restarts=3))
    assert models["instance"].to_list() == list(range(12))
    assert models["point"].to_list() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert models["restart"].to_list() == [0, 1, 2] * 4
    assert models["n_samples"].to_list() == [3] * 6 + [7] * 6


def sample(seed=0, **changes) -> DataSets:
    return sample_data_sets("tiny", finite_data(**changes), seed)


def test_one_set_for_each_size_and_one_to_test_on():
    data = sample(sweep=SWEEP)
    assert {size: each.n_samples for size, each in data.training.items()} == {3: 3, 7: 7}
    assert {each.n_points for each in data.training.values()} == {1}
    assert (data.test.n_samples, data.test.n_points, data.test.n_features) == (50, 1, 30)


def test_no_set_is_part_of_another():
    data = sample(sweep=SWEEP, training_set={"zero_samples": "redraw"})
    three, seven, test = data.training[3].to_dense(0), data.training[7].to_dense(0), data.test.to_dense(0)
    for one, other in ((three, seven), (three, test), (seven, test)):
        assert not (one[:, None] == other).all(-1).any()


def test_each_restart_has_its_own_set_if_asked():
    own = sample(training_set={"shared": False}, restarts=3).training[5]
    assert own.n_points == 3
    assert not torch.equal(own.to_dense(0), own.to_dense(1))
    shared = sample(restarts=3).training[5]
    assert torch.equal(shared.to_dense(0), own.to_dense(0))


def test_a_set_does_not_depend_on_the_company_but_on_the_seed():
    alone, together = sample(sweep={"n_samples": [7]}).training[7], sample(sweep=SWEEP).training[7]
    assert torch.equal(alone.to_dense(0), together.to_dense(0))
    assert not torch.equal(alone.to_dense(0), sample(1, sweep=SWEEP).training[7].to_dense(0))


def test_a_file_gives_back_what_it_was_given():
    data = sample(sweep={"n_samples": [10, 3]}, training_set={"shared": False}, restarts=2)
    back = DataSets.from_tensors(data.to_tensors())
    assert list(back.training) == [3, 10]
    assert torch.equal(back.training[10].to_dense(1), data.training[10].to_dense(1))
    assert torch.equal(back.test.to_dense(0), data.test.to_dense(0))


def test_the_grid_for_a_cluster_is_a_valid_configuration():
    grid = yaml.safe_load((ROOT / "docs/double_descent_grid.yaml").read_text())
    config = load_configuration(overlay(CONFIG, grid), ROOT / "schemas/config.schema.yaml", ROOT)
    names = config["figures"]["samples_and_dimensions"]["finite_data"]
    assert names == list(grid["finite_data"])
    settings = {name: list_settings(config["finite_data"][name]) for name in names}
    dimensions = [each["n_hidden"].unique().tolist() for each in settings.values()]
    assert dimensions == [[m] for m in (2, 3, 4, 6, 8, 12, 20, 32, 50, 100)]
    assert {len(each) for each in settings.values()} == {9}
    rows = [pd.DataFrame({"experiment": [name], "seed": 0}) for name in [*names, *CONFIG["finite_data"]]]
    assert set(of_grid({"finite_models": pd.concat(rows)}, names[0])["experiment"]) == set(names)
    assert {config["finite_data"][name]["model"]["n_features"] for name in names} == {10_000}
