"""What the paper quotes, as a dictionary of texts: verdicts counted, numbers formatted."""

import math

import pandas as pd

from superposition.claims.judging import judge_whole

VERDICTS = ("reproduced", "borderline", "failed", "not measured")
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
RELATION_SIGNS = {"<=": "≤", ">=": "≥", "in": "∈"}


def format_number(value: float, digits: int = 3) -> str:
    """Three significant digits, whole numbers plain, a true minus sign, a dash for what is undefined."""
    if math.isnan(value):
        return "–"
    rounded = f"{value:.{digits - 1}e}"  # rounding decides the digits: 0.9996 is 1.00, not 1.000
    exponent = int(rounded.partition("e")[2])
    if float(value).is_integer() and abs(value) < 1e15:
        text = f"{int(value):,}"
    elif -3 <= exponent < 4:
        text = f"{value:,.{max(0, digits - 1 - exponent)}f}"
    else:
        text = rounded
    return _tidy(text)


def _tidy(text: str) -> str:
    """A true minus sign, and powers of ten as they are written by hand: 1e-05 becomes 10⁻⁵."""
    mantissa, _, exponent = text.partition("e")
    if exponent:
        power = f"10{str(int(exponent)).translate(SUPERSCRIPTS)}"
        mantissa = {"1": power, "-1": f"-{power}"}.get(mantissa, f"{mantissa}×{power}")
    return mantissa.replace("-", "\N{MINUS SIGN}")


def format_setting(value: float) -> str:
    """A number that somebody chose, such as a threshold, with the digits it was chosen with; of more than six, four."""
    chosen = f"{value:,.12g}"  # not all seventeen digits: sums of floats carry more than were chosen
    digits = chosen.partition("e")[0].replace(".", "").lstrip("-0")
    if len(digits) <= 6 or float(value).is_integer():
        return _tidy(chosen)
    return f"≈ {_tidy(f'{value:,.4g}')}"


def format_threshold(relation: str, threshold: list[float]) -> str:
    if relation == "in":
        return f"{RELATION_SIGNS['in']} [{', '.join(map(format_setting, threshold))}]"
    return f"{RELATION_SIGNS.get(relation, relation)} {format_setting(threshold[0])}"


def describe_part(row: pd.Series) -> dict:
    interval = "" if math.isnan(row["low"]) else f"[{format_number(row['low'])}, {format_number(row['high'])}]"
    return {
        "quantity": row["quantity"],
        "unit": row["unit"],
        "value": format_number(row["value"]),
        "interval": interval,
        "threshold": format_threshold(row["relation"], list(row["threshold"])),
        "origin": row["threshold_origin"],
        "seeds": format_number(row["n_seeds"]),
        "verdict": row["verdict"],
    }


def describe_claims(claims: pd.DataFrame) -> list[dict]:
    """A dictionary per claim with its whole verdict and its parts, from the table `claims`."""
    described = []
    for claim, rows in claims.groupby("claim", sort=False):
        first = rows.iloc[0]
        described.append(
            {
                "id": claim,
                "section": first["section"],
                "source": first["source"],
                "sentence": first["sentence"],
                "experiments": first["experiments"].split(),
                "figures": first["figures"].split(),
                "verdict": judge_whole(rows["verdict"]),
                "parts": [describe_part(row) for _, row in rows.iterrows()],
            }
        )
    return described


def count_verdicts(described: list[dict]) -> dict[str, str]:
    """How many claims were tested, and how many have each verdict."""
    verdicts = [claim["verdict"] for claim in described]
    counts = {verdict: verdicts.count(verdict) for verdict in VERDICTS}
    counts["tested"] = len(verdicts) - counts["not measured"]
    return {name: format_number(count) for name, count in counts.items()}


def describe_values(value) -> str:
    """A configuration value in words: a swept range, a list, a number."""
    if isinstance(value, dict) and "spacing" in value:
        start, stop = format_setting(value["start"]), format_setting(value["stop"])
        return f"{value['points']} values from {start} to {stop}, {value['spacing']}"
    if isinstance(value, list):
        return ", ".join(describe_values(item) for item in value)
    return format_setting(value) if isinstance(value, int | float) else str(value)
