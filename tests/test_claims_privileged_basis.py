"""Every claim on neurons, on tables that satisfy it, on tables that break it, and on what it is made of."""

import numpy as np
import pandas as pd
import pytest
from builders import CONFIG, check_schema
from claim_checks import check_reproduced, list_parts
from claim_tables import change
from privileged_tables import list_neurons, make_tables, make_ten, shared, signed_pairs

from superposition.claims import asymmetric_motif, computation, hidden_penalty, privileged_basis
from superposition.claims.judging import judge_claims

CLAIMS = [
    *privileged_basis.CLAIMS,
    *computation.CLAIMS,
    *asymmetric_motif.CLAIMS,
    *hidden_penalty.CLAIMS,
]
EXPERIMENTS = set(CONFIG["toy_models"])


def judge(tables, available=EXPERIMENTS):
    return judge_claims(CLAIMS, tables, set(available))


def of(experiment, probability=None, best=True) -> str:
    """The query of an experiment's rows."""
    parts = [f"experiment == '{experiment}'"]
    parts += [f"feature_probability == {probability}"] if probability is not None else []
    return " and ".join(parts + ["lowest_loss"] * best)


TEN, LINEAR, BIASED = "neurons_ten_in_five", "directions_ten_in_five", "biased_neurons_ten_in_five"
SIX, HUNDRED, TWENTY = (
    "absolute_value_three_in_six",
    "absolute_value_hundred_in_forty",
    "absolute_value_twenty_in_ten",
)
PENALISED = "penalised_twenty_in_five"
LARGEST = f"experiment == '{PENALISED}' and hidden_penalty == 0.015"


def make_poly(where):
    return change("neurons", where, monosemantic=False, polysemantic=True, n_dominant=2)


def make_mono(where):
    return change("neurons", where, monosemantic=True, polysemantic=False, n_dominant=1)


BREAKING = {
    ("A2.1-a", 0): make_poly(f"{of(TEN, 0.75)} and neuron == 4"),
    ("A2.1-b", 0): make_poly(f"{of(TEN, 0.75)} and neuron > 2"),
    ("A2.1-b", 1): make_mono(f"{of(TEN, 0.01)} and neuron == 0"),
    ("A2.1-c", 0): make_poly(of(TEN, 0.1)),
    ("A2.1-c", 1): make_mono(f"{of(TEN, 0.35)} and neuron == 4"),
    ("A2.1-d", 0): change("models", of(TEN, 0.01), n_represented=8),
    ("A2.1-e", 0): make_poly(f"{of('neurons_five_in_five')} and neuron == 0"),
    ("A2.1-e", 1): make_mono(of("neurons_six_in_five")),
    ("A2.1-e", 2): make_poly(of("neurons_eight_in_five")),
    ("T12-a", 0): change("models", of(TEN, 0.75), basis_alignment=0.93),
    ("T12-a", 1): change("models", f"{of(TEN, 0.75)} and seed == 1", basis_alignment=0.85),
    ("T12-a", 2): change("models", f"{of(LINEAR, 0.75)} and seed == 1", basis_alignment=0.95),
    ("T12-b", 0): make_poly(f"{of(TEN, 0.75)} and neuron > 2"),
    ("T12-b", 1): make_mono(of(TEN, 0.35)),
    ("T12-b", 2): make_poly(of(TEN, 0.15)),
    ("T12-b", 3): make_mono(of(TEN, 0.12)),
    ("T12-b", 4): make_mono(f"{of(TEN, 0.02)} and neuron == 0 and seed == 2"),
    ("T12-c", 0): change("models", of(TEN, 0.75), n_represented=6),
    ("T12-c", 1): change("models", of(TEN, 0.35), n_represented=5),
    ("T12-c", 2): change("models", of(TEN, 0.15), n_represented=5),
    ("T12-c", 3): change("models", of(TEN, 0.12), n_represented=9),
    ("T12-c", 4): change("models", of(TEN, 0.06), n_represented=10),
    ("T12-c", 5): change("models", of(TEN, 0.04), n_represented=8),
    ("T12-d", 0): change("neurons", f"{of(TEN, 0.35)} and neuron == 4 and seed == 0", W_in=shared(10, 4)),
    ("T12-e", 0): change("neurons", of(BIASED), bias=-0.1),
    ("T12-e", 1): change("neurons", of(BIASED), fraction_active=0.5),
    ("T12-e", 2): change("models", of(BIASED), basis_alignment=0.99),
    ("T13", 0): change("models", of(SIX), loss=2e-5),
    ("T13", 1): make_poly(f"{of(SIX)} and neuron == 5"),
    ("T13", 2): change("neurons", f"{of(SIX)} and neuron == 5", W_in=shared(3, 2)),
    ("T13", 3): change("neurons", f"{of(SIX)} and neuron == 5", W_out=shared(3, 2)),
    ("T13", 4): change("models", of(SIX, best=False), loss=2e-4),
    ("T14-a", 0): make_poly(f"{of(HUNDRED, 1.0)} and neuron < 3"),
    ("T14-a", 1): make_poly(f"{of(HUNDRED, 0.3)} and neuron < 3"),
    ("T14-b", 0): make_poly(f"{of(HUNDRED, 0.3)} and neuron < 4"),
    ("T14-b", 1): make_mono(f"{of(HUNDRED, 0.03)} and neuron < 30"),
    ("T14-b", 2): make_mono(f"{of(HUNDRED, 0.001)} and neuron < 10"),
    ("T14-b", 3): make_mono(f"{of(HUNDRED, 0.003)} and neuron < 2"),
    ("T14-c", 0): make_mono(f"experiment == '{HUNDRED}' and feature_probability in (0.03, 0.1)"),
    ("T14-d", 0): change("features", f"experiment == '{HUNDRED}' and feature > 5", negative_response=0.1),
    ("T14-e", 0): make_poly(f"{of(HUNDRED, 0.03)} and neuron < 10"),
    ("T14-f", 0): change("neurons", f"{of(HUNDRED, 0.03)} and polysemantic", W_in=shared(100, 3, 4, weights=(1, 0.9))),
    ("A2.3-a", 0): make_poly(f"{of(TWENTY, 0.5, best=False)} and neuron < 4"),
    ("A2.3-b", 0): change("neurons", f"{of(TWENTY, 0.5)} and neuron == 1", W_out=-shared(20, 1)),
    ("T15-a", 0): change("neurons", f"experiment == '{TWENTY}'", inhibitor=-1),
    ("T15-b", 0): change(
        "neurons", f"{of(TWENTY, best=False)} and neuron == 7", W_out=shared(20, 4, 10, weights=(9, 1))
    ),
    ("T16", 0): change("models", f"{LARGEST} and restart == 0", n_superposed=2),
    ("T16", 1): change("models", f"experiment == '{PENALISED}' and hidden_penalty == 0.005", n_superposed=9),
    ("T16", 2): change("models", LARGEST, loss=1e-4),
    ("T16", 3): change("models", LARGEST, basis_alignment=0.9),
}


def test_every_part_has_tables_that_break_it():
    assert list(BREAKING) == list_parts(CLAIMS)


@pytest.mark.parametrize("seeds", [(0, 1, 2), (5,)])
def test_satisfying_tables(seeds):
    judged = check_schema(judge(make_tables(seeds)), "claims")
    check_reproduced(judged, seeds)


@pytest.mark.parametrize(("claim", "part"), BREAKING)
def test_breaking_tables(claim, part):
    judged = judge(BREAKING[claim, part](make_tables())).set_index(["claim", "part"])
    assert judged.loc[(claim, part), "verdict"] == "failed"
    assert judged.loc[(claim, part), "n_seeds"] == 3


def test_order_of_rows_does_not_matter():
    tables = make_tables()
    shuffled = {name: table.sample(frac=1, random_state=0) for name, table in tables.items()}
    pd.testing.assert_frame_equal(judge(shuffled), judge(tables))


def test_models_whose_alignment_is_undefined_do_not_count_as_unaligned():
    tables = change("models", of(BIASED), basis_alignment=np.nan)(make_tables())
    judged = judge(tables).set_index(["claim", "part"])
    assert judged.loc[("T12-e", 2), "verdict"] == "not measured"


def test_claims_without_their_experiments_are_not_measured():
    for missing in sorted({name for claim in CLAIMS for name in claim.experiments}):
        judged = judge(make_tables(), EXPERIMENTS - {missing})
        expected = [claim.id for claim in CLAIMS for _ in claim.parts if missing in claim.experiments]
        assert judged.loc[judged["verdict"] == "not measured", "claim"].tolist() == expected


def test_probabilities_out_of_reach_are_not_measured():
    tables = make_tables()
    for name, table in tables.items():
        tables[name] = table[~table["feature_probability"].between(0.0, 0.5) | (table["experiment"] == PENALISED)]
    judged = judge(tables).set_index(["claim", "part"])["verdict"]
    unmeasured = [("A2.1-b", 0), ("A2.1-b", 1), ("A2.1-c", 0), ("A2.1-d", 0), ("T12-b", 1), ("T12-b", 4), ("T12-c", 5)]
    unmeasured += [("T12-d", 0), ("T14-a", 1), ("T14-b", 1), ("T14-b", 2), ("T14-c", 0), ("T14-d", 0), ("T14-e", 0)]
    assert set(judged[unmeasured]) == {"not measured"}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (make_ten(0.35)[3:], 1),
        ([shared(10, 3, 5), shared(10, 4, 6)], 0),  # nothing in both
        ([shared(10, 3, 5), shared(10, 3, 5)], 0),  # two in both
        ([shared(10, 3, 5), shared(10, 5, 4), shared(10, 6, 7)], 0),  # three neurons
        ([shared(10, 3, 5, weights=(1, -0.8)), shared(10, 4, 5, weights=(1, 0.8))], 0),  # silenced in one
    ],
)
def test_binary_codes(rows, expected):
    neurons = pd.DataFrame(list_neurons({"seed": 0}, np.stack([shared(10, 0), *rows])))
    assert privileged_basis.is_binary_code(neurons) == expected


def test_reciprocity_by_hand():
    def correlate(read_in, read_out):
        rows = [np.stack([shared(4, 0, 1, weights=(1, w)) for w in weights]) for weights in (read_in, read_out)]
        return asymmetric_motif.reciprocity(pd.DataFrame(list_neurons({"seed": 0}, *rows)))

    assert correlate([0.5, 0.6, 0.8], [2, 1 / 0.6, 1.25]) == pytest.approx(-1)
    assert correlate([0.5, 0.6, 0.8], [0.5, 0.6, 0.8]) == pytest.approx(1)
    assert np.isnan(correlate([0.5], [2]))


def test_read_out_does_not_see_a_neurons_scale():
    neurons = pd.DataFrame(list_neurons({"seed": 0}, 4 * signed_pairs(3), np.abs(signed_pairs(3)) / 4))
    assert computation.read_out_error(neurons) == 0
    assert computation.of_both_signs(neurons, range(3)) == 3


def test_no_polysemantic_neurons_have_no_second_weight():
    neurons = pd.DataFrame(list_neurons({"seed": 0}, signed_pairs(3)))
    assert np.isnan(computation.median_second_weight(neurons))
    assert np.isnan(computation.quartile_difference(neurons.head(3)))


@pytest.mark.parametrize(
    ("claim", "part", "breaking", "verdict"),
    [
        ("T12-a", 2, change("models", of(LINEAR, 0.75), rotated_alignment=float("nan")), "not measured"),
        ("T16", 0, change("models", LARGEST, n_represented=0, n_superposed=0), "failed"),
    ],
)
def test_nothing_is_not_what_a_claim_asks_for(claim, part, breaking, verdict):
    assert judge(breaking(make_tables())).set_index(["claim", "part"]).loc[(claim, part), "verdict"] == verdict
