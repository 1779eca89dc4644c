"""The paper's tables of methods: configurations as they were run, in words."""

from builders import sae, toy_model

from superposition.methods import describe_configurations


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
