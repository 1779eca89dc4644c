"""The paper's tables of methods: configurations as they were run, in words."""

import pytest
import yaml
from builders import CONFIG, ROOT, finite_data, sae, toy_model

from pipeline.configuration import load_configuration
from superposition.finite_data_methods import describe_finite_data
from superposition.methods import describe_configurations
from superposition.sae_options import OPTIONS, describe_options

SCHEMA = ROOT / "schemas/config.schema.yaml"
TOLD_ELSEWHERE = {"title", "source", "toy_model", "dictionary", "architecture", "n_latents", "restarts", "fit_samples"}
TOLD_ELSEWHERE |= {"sparsity_penalty", "k", "target_l0", "sweep"}
TOLD_ELSEWHERE |= {f"resampling.{key}" for key in ("method", "every", "window")}
TOLD_ELSEWHERE |= {
    f"training.{key}"
    for key in ("steps", "batch_size", "optimizer", "weight_decay", "learning_rate", "schedule", "warmup_steps")
}
WITHOUT_EFFECT = {f"training.{key}" for key in ("log_every", "snapshots", "engine")}  # on what is trained


def configurations(toy=None, autoencoder=None):
    described = describe_configurations(
        {
            "toy_models": {"tiny": toy_model(seeds=4, **(toy or {}))},
            "saes": {"relu": sae(**(autoencoder or {}))},
            "dictionaries": {},
        }
    )
    return described["toy_models"][0], described["saes"][0]


def test_configurations_in_words():
    toy, autoencoder = configurations(
        {"source": "ARENA 1.5.4", "features": {"feature_probability": 0.025}, "training": {"steps": 5_000}}
    )
    assert toy == {
        "id": "tiny",
        "title": "tiny toy models",
        "source": "ARENA 1.5.4",
        "model": "relu output",
        "shape": "5 → 2",
        "probability": "0.025",
        "importance": "uniform",
        "seeds": "4",
        "restarts": "2",
        "training": "Adam, learning rate 0.001 (constant), 5,000 steps of 64",
        "held_out": "500",
    }
    expected = {
        "id": "relu",
        "activations": "tiny",
        "latents": "5",
        "penalty": "0.2",
        "resampling": "none",
        "seeds": "4",
        "restarts": "2",
    }
    assert expected.items() <= autoencoder.items()


def test_what_is_swept_replaces_the_single_value():
    toy, autoencoder = configurations(
        {"sweep": {"feature_probability": [1.0, 0.1], "learning_rate": [0.01, 0.002]}},
        {"sweep": {"sparsity_penalty": {"spacing": "linear", "start": 0, "stop": 1, "points": 3}}},
    )
    assert toy["probability"] == "1, 0.1"
    assert "learning rate 0.01, 0.002 (constant)" in toy["training"]
    assert autoencoder["penalty"] == "3 values from 0 to 1, linear"


def test_the_k_that_training_begins_with_is_told():
    _, autoencoder = configurations(autoencoder={"architecture": "topk", "k": 2, "k_start": 4})
    assert autoencoder["penalty"].endswith("k = 2 (at first 4)")


def test_scaled_activations_are_told():
    _, autoencoder = configurations(autoencoder={"training": {"normalise_activations": "sqrt_d_in"}})
    assert autoencoder["training"].endswith("steps of 64, activations of mean length √d")


def test_all_of_a_training_is_told():
    changes = {"optimizer": "adamw", "weight_decay": 0.01, "schedule": "cosine", "warmup_steps": 10}
    toy, _ = configurations({"training": changes, "importance": {"curve": "geometric", "base": 0.9}})
    expected = "AdamW, learning rate 0.001 (cosine after 10 steps of warm-up), weight decay 0.01, 20 steps of 64"
    assert toy["training"] == expected
    assert toy["importance"] == "0.9ⁱ"
    _, autoencoder = configurations(autoencoder={"resampling": {"method": "simple", "every": 2500, "window": 500}})
    assert autoencoder["resampling"] == "simple, every 2,500 steps, silent for 500"


def test_a_model_is_told_with_its_features_and_initial_weights():
    toy, _ = configurations(
        {"model": {"kind": "absolute_value", "init_std": 0.02}, "features": {"magnitude": "signed_uniform"}}
    )
    assert toy["model"] == "absolute value, features in [−1, 1], initial standard deviation 0.02"


def test_what_departs_from_the_plain_model_is_told():
    settings = {"model": {"output_bias": False, "hidden_bias": True, "kind": "hidden_relu"}}
    settings |= {"features": {"correlated_sets": 1, "anticorrelated_sets": 1, "probability_of": "set"}}
    settings |= {"sweep": {"hidden_penalty": [0.1, 0.2], "last_importance": [1, 2]}, "training": {"attack_size": 0.5}}
    toy, _ = configurations(settings)
    assert toy["model"] == (
        "hidden relu, 1 correlated set of 2, 1 anticorrelated set of 2, no output bias, hidden bias, "
        "penalty on the hidden layer 0.1, 0.2, attacks of length 0.5"
    )
    assert toy["probability"] == "1 (of an anticorrelated set)"
    assert toy["importance"] == "uniform; the last × 1, 2"
    assert configurations({"features": {"last_probability": 0.5}})[0]["probability"] == "1; the last × 0.5"


def test_a_dictionary_that_is_not_trained_says_what_it_was_fitted_to():
    block = {"architecture": "pca", "k": 3, "n_latents": 2, "fit_samples": 20_000}
    assert configurations(autoencoder=block)[1]["training"] == "fitted to 20,000 samples"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, ""),
        ({"tied": True}, "tied"),
        ({"tied": False, "decoder_norm": "free"}, "untied, free rows"),
        ({"decoder": "frozen"}, "decoder frozen"),
        ({"decoder": "soft_frozen", "decoder_cosine": 0.9}, "decoder soft-frozen, within a cosine of 0.9"),
        ({"reconstruction_loss": "sum"}, "error summed over dimensions"),
        ({"initialisation": {"method": "transposed", "norm": 0.1}}, "encoder starts as transpose, initial norm 0.1"),
        ({"prefixes": [16, 32]}, "prefixes 16, 32"),
        ({"prefixes": 5}, "5 drawn prefixes"),
        ({"sweep": {"bandwidth": [0.1, 0.3]}}, "bandwidth 0.1, 0.3"),
        ({"resampling": {"reset_moments": True}}, "moments reset"),
        ({"training": {"decay_steps": 1_000, "beta1": 0.5}}, "rate falls over the last 1,000 steps, β₁ = 0.5"),
    ],
)
def test_options_that_differ_from_their_defaults_are_told(changes, text):
    assert describe_options(sae(**changes)) == text


def list_settings(schema: dict, prefix: str = "") -> dict:
    """The default, None if there is none, of every setting below a schema, by its dotted path."""
    settings = {}
    for key, entry in schema["properties"].items():
        if "properties" in entry and key != "sweep":
            settings |= list_settings(entry, f"{prefix}{key}.")
        else:
            settings[prefix + key] = entry
    return settings


def test_every_setting_of_an_autoencoder_is_told_with_its_default():
    settings = list_settings(yaml.safe_load(SCHEMA.read_text())["$defs"]["sae"])
    assert settings.keys() == {path for path, _, _ in OPTIONS} | TOLD_ELSEWHERE | WITHOUT_EFFECT
    for path, default, phrase in OPTIONS:
        assert settings[path].get("default") == default, path
        choices = set(settings[path].get("enum", [])) - {default}
        assert not choices or choices == set(phrase), path


def test_no_two_sweeps_of_the_paper_look_alike():
    described = describe_configurations(load_configuration(CONFIG, SCHEMA, ROOT))["saes"]
    told = [tuple(text for key, text in row.items() if key not in ("id", "title", "source")) for row in described]
    assert len(set(told)) == len(told)


def test_finite_data_in_words():
    block = finite_data(
        source="Henighan et al. 2023",
        seeds=3,
        restarts=4,
        training_set={"zero_samples": "redraw", "shared": False},
        sweep={"n_samples": [3, 5], "n_hidden": [2, 4]},
    )
    [row] = describe_finite_data({"finite_data": {"points": block}})["finite_data"]
    assert row == {
        "id": "points",
        "title": "tiny finite data",
        "source": "Henighan et al. 2023",
        "shape": "30 → 2, 4",
        "probability": "0.1",
        "samples": "3, 5, none of them zero",
        "restarts": "4, each with its own samples",
        "seeds": "3",
        "training": "AdamW, learning rate 0.02 (cosine after 5 steps of warm-up), weight decay 0.01, 40 steps, "
        "sum over features",
        "held_out": "50",
    }


def test_what_is_swept_on_finite_data_replaces_the_single_value():
    block = finite_data(
        seeds=1, training={"loss": "mean", "warmup_steps": 0}, sweep={"steps": [10, 20], "weight_decay": [0.1, 1]}
    )
    [row] = describe_finite_data({"finite_data": {"points": block}})["finite_data"]
    assert (row["samples"], row["restarts"]) == ("5", "1")
    assert row["training"].endswith("0.02 (cosine), weight decay 0.1, 1, 10, 20 steps, mean over features")
