"""What a sound configuration becomes: complete, and the same for every way of writing the same values."""

import json
from collections import OrderedDict

import pytest
from configurations import LEFT_OUT, REAL, SCHEMA, edit, effective, make_project, small

from pipeline.configuration import count_instances
from pipeline.sae_checks import SAE_SOURCES
from pipeline.schema_check import load_schema
from superposition.features import LOWEST_MAGNITUDE
from superposition.toy_models import KINDS, identity


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("project"))


def test_defaults_are_filled_at_every_level(project):
    config = effective(small(), project)
    assert config["toy_models"]["sparse"] == {
        "title": "Sparse features",
        "source": "",
        "model": {"kind": "linear", "n_features": 5, "n_hidden": 2, "init_std": "xavier"}
        | {"output_bias": True, "hidden_bias": False},
        "features": {"correlated_sets": 0, "anticorrelated_sets": 0, "set_size": 2, "probability_of": "feature"}
        | {"magnitude": "uniform", "feature_probability": 1.0, "last_probability": 1.0},
        "importance": {"curve": "uniform", "base": 1.0, "last_importance": 1.0},
        "sweep": {},
        "restarts": 1,
        "training": {
            "steps": 10_000,
            "batch_size": 1024,
            "optimizer": "adam",
            "weight_decay": 0.0,
            "learning_rate": 1e-3,
            "schedule": "constant",
            "warmup_steps": 0,
            "hidden_penalty": 0.0,
            "attack_size": 0.0,
            "log_every": 100,
            "snapshots": 0,
            "engine": "auto",
        },
        "evaluation": {"n_samples": 100_000},
        "seeds": 2,
    }
    sae = config["saes"]["relu"]
    assert sae["instance"] == "lowest_loss"
    resampling = {"method": "none", "every": 2500, "window": 500, "scale": 0.5, "reset_moments": False}
    assert sae["resampling"] == resampling
    assert sae["training"]["steps"] == 20_000
    assert sae["training"]["snapshots"] == 51
    named = {"toy_models": ["dense"], "saes": ["relu"], "finite_data": [], "dictionaries": []}
    assert config["figures"]["drawing"] == named | {"script": "drawing", "film": False}
    assert (config["seeds"], config["first_seed"]) == (2, 0)


def test_a_toy_model_has_the_seeds_of_the_paper_or_fewer(project):
    raw = edit(edit(small(), "seeds", 7), "toy_models.dense.seeds", 3)
    config = effective(raw, project)
    assert [block["seeds"] for block in config["toy_models"].values()] == [3, 7]
    assert json.dumps(effective(edit(raw, "toy_models.sparse.seeds", 7.0), project)) == json.dumps(config)


def test_settings_of_one_architecture_are_its_own(project):
    assert not {"threshold_init", "bandwidth"} & set(effective(small(), project)["saes"]["relu"])
    jumprelu = edit(small(), "saes.relu.architecture", "jumprelu")
    sae = effective(edit(jumprelu, "saes.relu.bandwidth", 1), project)["saes"]["relu"]
    assert (sae["threshold_init"], sae["bandwidth"]) == (0.1, 1.0)


def test_sections_without_which_a_paper_can_do_default_to_empty(project):
    config = effective({"toy_models": small()["toy_models"]}, project)
    assert [config[key] for key in ("saes", "finite_data", "dictionaries", "figures", "seeds")] == [{}, {}, {}, {}, 5]


def test_the_papers_own_configuration_is_sound(project):
    config = effective(REAL, project)
    assert list(config["figures"]) == list(REAL["figures"])
    assert count_instances(config["toy_models"]["five_in_two"]) == 8 * 16


def test_an_effective_configuration_is_its_own_effective_configuration(project):
    once = effective(REAL, project)
    assert json.dumps(effective(once, project)) == json.dumps(once)


def test_input_is_left_as_it_was(project):
    raw = small()
    effective(raw, project)["toy_models"]["dense"]["title"] = "changed"
    assert raw == small()


@pytest.mark.parametrize(
    ("path", "one", "other"),
    [
        ("seeds", 10, 10.0),
        ("toy_models.dense.training.steps", 5000, 5000.0),
        ("toy_models.dense.evaluation.n_samples", 1000, 1e3),
        ("saes.relu.sparsity_penalty", 1, 1.0),
        ("saes.relu.sparsity_penalty", 0.0, -0.0),
        ("saes.relu.instance", 3, 3.0),
        ("toy_models.dense.sweep.feature_probability", [1, 0], [1.0, -0.0]),
        ("toy_models.sparse.features.feature_probability", LEFT_OUT, 1),
        ("toy_models.sparse.training", {}, {"learning_rate": 0.001}),
    ],
)
def test_equal_values_give_equal_json(project, path, one, other):
    configs = [edit(small(), path, value) if value is not LEFT_OUT else small() for value in (one, other)]
    first, second = (json.dumps(effective(config, project)) for config in configs)
    assert first == second


def test_a_number_has_the_type_of_its_schema(project):
    raw = edit(edit(small(), "saes.relu.sparsity_penalty", 1), "seeds", 3.0)
    config = effective(raw, project)
    assert type(config["saes"]["relu"]["sparsity_penalty"]) is float
    assert type(config["seeds"]) is int


def test_ordered_mappings_are_mappings(project):
    ordered = json.loads(json.dumps(small()), object_pairs_hook=OrderedDict)
    assert json.dumps(effective(ordered, project)) == json.dumps(effective(small(), project))


@pytest.mark.parametrize(
    ("sweep", "restarts", "instances"),
    [
        ({}, 1, 1),
        ({}, 16, 16),
        ({"learning_rate": [0.1, 0.01, 0.001]}, 2, 6),  # 3 x 2
        ({"learning_rate": [0.1, 0.01], "feature_probability": {"points": 8}}, 5, 80),  # 2 x 8 x 5
    ],
)
def test_instances_are_combinations_times_restarts(sweep, restarts, instances):
    assert count_instances({"sweep": sweep, "restarts": restarts}) == instances


def test_keys_that_limit_each_other_may_be_equal(project):
    raw = edit(small(), "toy_models.dense.training", {"steps": 50, "log_every": 50, "warmup_steps": 50})
    raw = edit(raw, "saes.relu.resampling", {"window": 70, "every": 70})
    config = effective(raw, project)
    assert config["toy_models"]["dense"]["training"]["warmup_steps"] == 50
    assert config["saes"]["relu"]["resampling"]["window"] == 70


def test_the_last_instance_can_be_asked_for(project):
    assert effective(edit(small(), "saes.relu.instance", 11), project)["saes"]["relu"]["instance"] == 11


def test_the_schema_offers_what_the_library_has():
    (toy_model,) = load_schema(SCHEMA)["properties"]["toy_models"]["patternProperties"].values()
    model, features = toy_model["properties"]["model"], toy_model["properties"]["features"]
    assert model["properties"]["kind"]["enum"] == list(KINDS)
    assert features["properties"]["magnitude"]["enum"] == list(LOWEST_MAGNITUDE)
    linear_hidden = [name for name, kind in KINDS.items() if kind.tied and kind.hidden is identity]
    assert SAE_SOURCES["model", "kind"] == linear_hidden


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("magnitude", LOWEST_MAGNITUDE)
@pytest.mark.parametrize("init_std", ["xavier", 0.02])
def test_any_kind_goes_with_any_features(project, kind, magnitude, init_std):
    raw = edit(small(), "toy_models.sparse.model", {"kind": kind, "n_features": 3, "n_hidden": 6, "init_std": init_std})
    raw = edit(raw, "toy_models.sparse.features", {"magnitude": magnitude})
    block = effective(raw, project)["toy_models"]["sparse"]
    assert (block["model"]["kind"], block["model"]["init_std"]) == (kind, init_std)
    assert block["features"]["magnitude"] == magnitude
