"""What the paper quotes: digits of numbers, thresholds and verdicts in words, and configurations as they were run."""

import math

import pandas as pd
import pytest
from builders import sae, toy_model

from superposition import reporting
from superposition.reporting import (
    count_verdicts,
    describe_claims,
    describe_configurations,
    describe_values,
    format_number,
    format_setting,
    format_threshold,
)

NAN = float("nan")
DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.000123, "1.23×10⁻⁴"),
        (12345.6, "1.23×10⁴"),
        (-0.264, "−0.264"),
        (1.0, "1"),
        (NAN, "–"),
        (0.0, "0"),
        (-0.0, "0"),
        (-3, "−3"),
        (1234567, "1,234,567"),
        (0.5, "0.500"),
        (0.123456, "0.123"),
        (12.3456, "12.3"),
        (123.456, "123"),
        (1234.5, "1,234"),
        (-0.00012345, "−1.23×10⁻⁴"),
        (0.001, "0.00100"),
        (1.5e-10, "1.50×10⁻¹⁰"),
        (2.5e20, "2.50×10²⁰"),
        # rounding carries into the next power of ten
        (0.9996, "1.00"),
        (0.09996, "0.100"),
        (99.96, "100"),
        (9999.6, "1.00×10⁴"),
        (0.00099996, "0.00100"),
    ],
)
def test_measured_numbers(value, text):
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.001, "0.001"),
        (15 / 16, "0.9375"),
        (-0.2 + 0.05, "−0.15"),  # which is -0.15000000000000002
        (2, "2"),
        (20_000, "20,000"),
        (1e-5, "10⁻⁵"),
        (0.05, "0.05"),
    ],
)
def test_chosen_numbers_keep_their_digits(value, text):
    assert format_setting(value) == text


@pytest.mark.parametrize(
    ("relation", "threshold", "text"),
    [
        ("<", [0.05], "< 0.05"),
        ("<=", [1], "≤ 1"),
        (">", [0.0], "> 0"),
        (">=", [0.9375], "≥ 0.9375"),
        ("=", [2.0], "= 2"),
        ("in", [-0.35, -0.15], "∈ [−0.35, −0.15]"),
    ],
)
def test_thresholds(relation, threshold, text):
    assert format_threshold(relation, threshold) == text


def claims_table():
    row = {"section": "s", "source": "Elhage et al. 2022", "sentence": "So it is.", "figures": "one two", "unit": ""}
    row |= {"relation": ">=", "threshold": [0.5], "threshold_origin": "preset", "n_seeds": 5, "low": 0.7, "high": 0.9}
    rows = [
        row | {"claim": "B", "part": 0, "quantity": "share", "value": 0.8125, "verdict": "reproduced"},
        row | {"claim": "B", "part": 1, "quantity": "angle", "unit": "degrees", "value": 0.6, "verdict": "borderline"},
        row
        | {"claim": "A", "part": 0, "quantity": "x", "value": NAN, "low": NAN, "high": NAN, "verdict": "not measured"},
        row | {"claim": "C", "part": 0, "quantity": "y", "value": 0.1, "verdict": "failed", "figures": ""},
        row | {"claim": "C", "part": 1, "quantity": "z", "value": NAN, "verdict": "not measured", "figures": ""},
        row | {"claim": "D", "part": 0, "quantity": "w", "value": 1.0, "verdict": "reproduced"},
    ]
    return pd.DataFrame(rows)


def test_claims_in_words():
    described = describe_claims(claims_table())
    assert [claim["id"] for claim in described] == ["B", "A", "C", "D"]  # the order of the table
    assert [claim["verdict"] for claim in described] == ["borderline", "not measured", "failed", "reproduced"]
    assert [len(claim["parts"]) for claim in described] == [2, 1, 2, 1]
    assert described[0]["figures"] == ["one", "two"]
    assert described[2]["figures"] == []
    assert described[0]["parts"][0] == {
        "quantity": "share",
        "unit": "",
        "value": "0.812",
        "interval": "[0.700, 0.900]",
        "threshold": "≥ 0.5",
        "origin": "preset",
        "seeds": "5",
        "verdict": "reproduced",
    }
    assert described[0]["parts"][1]["unit"] == "degrees"
    assert described[1]["parts"][0]["value"] == "–"
    assert described[1]["parts"][0]["interval"] == ""


def test_counts():
    counts = count_verdicts(describe_claims(claims_table()))
    assert counts == {"reproduced": "1", "borderline": "1", "failed": "1", "not measured": "1", "tested": "3"}
    assert count_verdicts([]) == dict.fromkeys(("reproduced", "borderline", "failed", "not measured", "tested"), "0")


def test_every_verdict_is_counted():
    counted = set(reporting.VERDICTS)
    assert {reporting.judge_whole(pd.Series([verdict])) for verdict in counted} == counted


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"spacing": "geometric", "start": 1.0, "stop": 0.02, "points": 8}, "8 values from 1 to 0.02, geometric"),
        ([1.0, 0.5, 0.001], "1, 0.5, 0.001"),
        (0.025, "0.025"),
        (100_000, "100,000"),
        ("lowest_loss", "lowest_loss"),
    ],
)
def test_values_in_words(value, text):
    assert describe_values(value) == text


def configurations(toy=None, autoencoder=None):
    described = describe_configurations(
        {"toy_models": {"tiny": toy_model(seeds=4, **(toy or {}))}, "saes": {"relu": sae(**(autoencoder or {}))}}
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
        "toy_model": "tiny",
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


def test_no_measured_number_is_lost_to_formatting():
    for exponent in range(-8, 12):
        for mantissa in (1.0, 1.2345, -4.999, 9.994, -9.996):
            value = mantissa * 10**exponent
            text = format_number(value).replace("−", "-").replace(",", "").replace("×10", "e").translate(DIGITS)
            assert math.isclose(float(text), value, rel_tol=6e-3)
