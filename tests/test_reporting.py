"""What the paper quotes: digits of numbers, thresholds and verdicts in words."""

import math

import pandas as pd
import pytest

from superposition import reporting
from superposition.reporting import (
    count_verdicts,
    describe_claims,
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
        (0.02357, "0.02357"),
        (1_234_567, "1,234,567"),
        (0.316227766017, "≈ 0.3162"),
        (-0.954548456662, "≈ −0.9545"),
        (1234.56789, "≈ 1,235"),
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
    row |= {"experiments": "tiny relu"}
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
    assert described[0]["experiments"] == ["tiny", "relu"]
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


def test_no_measured_number_is_lost_to_formatting():
    for exponent in range(-8, 12):
        for mantissa in (1.0, 1.2345, -4.999, 9.994, -9.996):
            value = mantissa * 10**exponent
            text = format_number(value).replace("−", "-").replace(",", "").replace("×10", "e").translate(DIGITS)
            assert math.isclose(float(text), value, rel_tol=6e-3)
