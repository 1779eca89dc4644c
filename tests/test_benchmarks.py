"""The benchmark: it runs, it tells a wrong engine from a right one, and it counts and fits as by hand."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from builders import ROOT, check_schema

from benchmarks import __main__ as program
from benchmarks import textbook
from benchmarks.engines import complete, toy_model_engine
from benchmarks.equality import compare, compare_losses
from benchmarks.publishing import publish
from benchmarks.report import NO_ENGINE, line, pair_line, summarise_timing
from benchmarks.scaling import fit_exponent
from benchmarks.timing import Timing, choose_steps
from benchmarks.workloads import list_tiny_workloads, list_workloads, sae_workload, spaced, toy_model_workload
from superposition import saes, toy_models
from superposition.reporting import format_number
from superposition.storage import load_table

MACHINE = {"device": "cpu"}
PUBLISHED = json.loads((ROOT / "paper/benchmark.json").read_text())  # what the paper's text reads


@pytest.fixture(scope="module")
def intro():
    return toy_model_workload("intro", 5, 2, spaced(1, 0.02, 4), base=0.9, batch=128, check_steps=200, repetitions=4)


def wrong_engine(**changes):
    """The engine of `intro`, trained otherwise than the textbook loop."""
    raw = {
        "title": "wrong",
        "model": {"kind": changes.pop("kind", "relu_output"), "n_features": 5, "n_hidden": 2},
        "importance": {"curve": "geometric", "base": changes.pop("base", 0.9)},
        "sweep": {"feature_probability": spaced(1, 0.02, 4)},
        "training": {"batch_size": 128} | changes,
    }
    return toy_model_engine("intro", complete({"toy_models": {"intro": raw}})["toy_models"]["intro"])


# --- the program ---


def test_the_quick_benchmark_writes_tables_and_figures(tmp_path, capsys):
    assert program.main(["--quick", "--results", str(tmp_path)]) == 0
    table = check_schema(load_table(tmp_path / "benchmark.parquet", "benchmark"), "benchmark")
    scaling = check_schema(load_table(tmp_path / "scaling.parquet", "scaling"), "scaling")
    assert list(table["workload"]) == [workload.name for workload in list_tiny_workloads()]
    ready = table[table["ours_steps_per_s"].notna()]
    assert {"intro_2d", "phase_diagram", "importance_nd", "geometry", "sae_relu"} <= set(ready["workload"])
    assert ready["ratio"].between(ready["ratio_low"], ready["ratio_high"]).all()
    np.testing.assert_allclose(ready["roofline_share"] * ready["roofline_gflops"], ready["gflops"])
    assert {"instances", "features", "hidden", "steps", "seeds"} <= set(scaling["size"])
    for name in ("speedups", "scaling"):
        for ending in ("pdf", "png"):
            assert (tmp_path / "benchmark" / f"{name}.{ending}").stat().st_size > 5000
    printed = capsys.readouterr().out
    assert printed.count(NO_ENGINE) == 2 * table["ours_steps_per_s"].isna().sum()
    assert printed.count("same loss") == len(ready)


def test_a_wrong_engine_fails_the_benchmark(intro, tmp_path, monkeypatch, capsys):
    wrong = replace(intro, ours=wrong_engine(learning_rate=2e-3))
    monkeypatch.setattr(program, "list_tiny_workloads", lambda: [wrong])
    assert program.main(["--quick", "--only", "intro", "--results", str(tmp_path)]) == 1
    assert "DIFFERENT LOSS" in capsys.readouterr().out
    assert (tmp_path / "benchmark.parquet").exists()


def test_a_workload_without_an_engine_is_listed(intro, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program, "list_tiny_workloads", lambda: [replace(intro, ours=None)])
    assert program.main(["--quick", "--only", "intro", "--results", str(tmp_path)]) == 0
    [row] = check_schema(load_table(tmp_path / "benchmark.parquet", "benchmark"), "benchmark").to_dict("records")
    assert row["textbook_steps_per_s"] > 0
    assert np.isnan([row["ours_steps_per_s"], row["ratio"], row["roofline_share"]]).all()
    assert not (tmp_path / "scaling.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--device", "cuda"], "benchmarks: there is no GPU that torch can use\n"),
        (["--quick", "--only", "intro_3d"], "benchmarks: --only names intro_3d: allowed are intro_2d, "),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(arguments, expected, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert program.main([*arguments, "--results", str(tmp_path)]) == 2
    printed = capsys.readouterr().out
    assert printed.startswith(expected)
    assert printed.count("\n") == 1
    assert not any(tmp_path.iterdir())


# --- the same work ---


def test_the_engine_ends_at_the_textbook_loops_loss(intro):
    assert compare_losses(intro, "cpu").agrees


@pytest.mark.parametrize(
    "changes",
    [{"learning_rate": 1.1e-3}, {"learning_rate": 9e-4}, {"schedule": "linear"}, {"warmup_steps": 20}],
)
def test_an_engine_that_trains_otherwise_is_found_out(intro, changes):
    comparison = compare_losses(replace(intro, ours=wrong_engine(**changes)), "cpu")
    assert comparison.verdict == "DIFFERENT LOSS"


@pytest.mark.parametrize("changes", [{"kind": "linear"}, {"base": 0.7}])
def test_an_engine_of_another_model_does_not_pass(intro, changes):
    """Better on some instances and worse on others: the mean may be near 0, but not closely so."""
    assert not compare_losses(replace(intro, ours=wrong_engine(**changes)), "cpu").agrees


def test_two_sides_on_the_same_samples_are_equal(intro):
    comparison = compare_losses(replace(intro, ours=intro.textbook), "cpu")
    assert (comparison.difference, comparison.low, comparison.high) == (0, 0, 0)


def test_a_comparison_scales_each_difference_by_the_pairs_mean():
    # 2 (3 - 1) / (3 + 1) = 1 and 2 (1/3 - 1) / (1/3 + 1) = -1: mean 0, but far too wide to mean anything
    comparison = compare(np.array([1.0, 1.0]), np.array([3.0, 1 / 3]))
    assert comparison.difference == pytest.approx(0)
    assert not comparison.agrees
    assert "CANNOT TELL" in str(comparison)


@pytest.mark.parametrize(("factor", "verdict"), [(1 + 1e-5, "same loss"), (1.01, "DIFFERENT LOSS")])
def test_a_difference_without_any_spread_counts_unless_it_is_rounding(factor, verdict):
    losses = np.array([1.0, 2.0, 3.0])
    assert compare(losses, factor * losses).verdict == verdict


def test_the_interval_of_a_comparison_is_students():
    # differences 0.02 (1, 2, 3): mean 0.04, standard deviation 0.02, t(0.9995, 2 degrees of freedom) = 31.599
    comparison = compare(np.ones(3), np.array([(2 + d) / (2 - d) for d in (0.02, 0.04, 0.06)]))
    reach = 31.5991 * 0.02 / math.sqrt(3)
    assert (comparison.difference, comparison.low, comparison.high) == pytest.approx(
        (0.04, 0.04 - reach, 0.04 + reach), rel=1e-5
    )


@pytest.mark.parametrize("loss", [np.nan, np.inf, 0.0])
def test_a_loss_that_is_no_loss_is_refused(loss):
    with pytest.raises(ValueError, match="losses of the engine must be finite and above 0"):
        compare(np.ones(3), np.array([1.0, loss, 1.0]))


# --- the textbook losses ---


def test_textbook_losses_are_those_of_the_specification():
    generators = [torch.Generator().manual_seed(seed) for seed in range(3)]
    models, x = toy_models.initialise("relu_output", 5, 2, generators), torch.rand(64, 3, 5)
    importance = torch.tensor([1.0, 0.5, 0.25, 2.0, 1.0])
    expected = toy_models.reconstruction_loss("relu_output", models, x, importance)
    torch.testing.assert_close(textbook.toy_model_loss(models, x, importance), expected)
    autoencoders, h = textbook.start_saes("relu", 2, 5, generators), torch.randn(64, 3, 2)
    expected = saes.ReluSae().losses(autoencoders, h, torch.full((3,), 0.2)).total
    torch.testing.assert_close(textbook.relu_sae_loss(autoencoders, h, 0.2), expected)


def gated(b_mag: float) -> dict[str, torch.Tensor]:
    """One input dimension, one latent: projected = h, gate = h - 1/2, magnitude = ReLU(2 h + b_mag)."""
    ones = {"W_gate": torch.ones(1, 1, 1), "W_dec": torch.ones(1, 1, 1), "b_dec": torch.zeros(1, 1)}
    biases = {"b_gate": torch.full((1, 1), -0.5), "b_mag": torch.full((1, 1), b_mag)}
    return ones | biases | {"r_mag": torch.full((1, 1), math.log(2))}


def test_the_gated_loss_by_hand():
    # h = 1: gate 0.5, z = h' = 2 + 0.25; (1 - 2.25)^2 + 0.2 x 0.5 + (1 - 0.5)^2 = 1.5625 + 0.1 + 0.25 = 1.9125
    # h = 1/4: gate -0.25, so z = 0 although the magnitude is 0.75; (1/4)^2 + 0 + (1/4)^2 = 0.125
    loss = textbook.gated_sae_loss(gated(0.25), torch.tensor([[[1.0]], [[0.25]]]), 0.2)
    torch.testing.assert_close(loss, torch.tensor([(1.9125 + 0.125) / 2]))


def test_the_auxiliary_loss_trains_the_gate_and_not_the_decoder():
    parameters = {name: tensor.requires_grad_(True) for name, tensor in gated(-10.0).items()}  # magnitude 0
    textbook.gated_sae_loss(parameters, torch.ones(1, 1, 1), 0.0).sum().backward()
    # (1 - gate)^2 with gate = 0.5: dL/db_gate = -2 x 0.5; (h - b_dec)^2 of the reconstruction: dL/db_dec = -2, and
    # through the gate, where b_dec counts as -h, +1
    assert parameters["b_gate"].grad.item() == pytest.approx(-1)
    assert parameters["b_dec"].grad.item() == pytest.approx(-2 + 1)
    assert parameters["W_dec"].grad.item() == 0


# --- numbers ---


def test_products_are_counted_by_hand():
    # 3 instances x 7 samples x 5 products x 2 flops x (5 x 2)
    assert toy_model_workload("counted", 5, 2, [0.5], restarts=3, batch=7).flops == 2100
    # 2 instances x 8 samples x (h = W x: 2 x 2 x 5, and 5 or 7 products of 2 x 2 x 5)
    assert sae_workload("counted", "relu", 0.2, instances=2, batch=8).flops == 16 * 20 * (1 + 5)
    assert sae_workload("counted", "gated", 0.2, instances=2, batch=8).flops == 16 * 20 * (1 + 7)


def test_a_row_holds_medians_and_the_range_of_the_ratios(intro):
    # ratios 40, 20, 30; ours 400 steps/s of 128 x 4 samples; flops per step set to 1e9: 400 of 800 GFLOP/s
    timing = Timing(np.array([10.0, 20, 15]), np.array([400.0, 400, 450]), np.array([700.0, 800, 900]))
    row = summarise_timing(replace(intro, flops=1e9, targets={"cpu": 40.0}), timing, MACHINE)
    assert (row["ratio"], row["ratio_low"], row["ratio_high"]) == (30, 20, 40)
    assert (row["textbook_steps_per_s"], row["ours_steps_per_s"], row["ours_samples_per_s"]) == (15, 400, 204_800)
    assert (row["gflops"], row["roofline_share"], row["target"], row["n_pairs"]) == (400, 0.5, 40, 3)
    assert all(text in line(row) for text in ("intro", "30.0", "[20.0, 40.0]", ">= 40", "0.50"))


def test_every_paper_size_workload_names_its_target():
    targets = {workload.name: workload.targets["cpu"] for workload in list_workloads()}
    assert targets.pop("double_descent") == 100
    assert {targets.pop("importance_nd"), targets.pop("geometry")} == {10}
    assert set(targets.values()) == {40}


def test_steps_are_chosen_to_last(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("benchmarks.timing.read_clock", lambda device: clock[0])

    def engine(steps, seed, device):
        clock[0] += 0.01 * steps

    # 1, 4, 16, 64 steps take 0.01 to 0.64 s; the last passes half a second
    assert choose_steps(engine, "cpu", 1.0) == 100


def test_the_exponent_of_a_power_is_its_exponent():
    values = pd.Series([1, 2, 4, 8])
    assert fit_exponent(values, 3 * values**1.5) == pytest.approx((1.5, 1.5, 1.5))
    # 1, e, 1, e against 0, 1, 2, 3 (in units of ln 2): slope 0.2 / ln 2; residuals -0.2, 0.6, -0.6, 0.2, so its
    # standard error is sqrt(0.8 / 2 / 5) / ln 2, and the interval t(0.975, 2) = 4.303 of those to either side
    slope, low, high = fit_exponent(values, pd.Series([1, math.e, 1, math.e]))
    reach = 4.3027 * math.sqrt(0.08) / math.log(2)
    assert (slope, high - slope, slope - low) == pytest.approx((0.2 / math.log(2), reach, reach), rel=1e-4)


def test_every_tiny_workload_is_the_small_twin_of_one():
    assert [workload.name for workload in list_tiny_workloads()] == [workload.name for workload in list_workloads()]


def test_what_the_paper_shows_is_what_was_measured(tmp_path):
    assert program.main(["--quick", "--only", "intro_2d", "--results", str(tmp_path)]) == 0
    table = load_table(tmp_path / "benchmark.parquet", "benchmark")
    drawn = tmp_path / "benchmark/speedups.pdf"
    (tmp_path / "paper").mkdir()
    publish(table, [drawn], tmp_path / "paper")
    assert (tmp_path / "paper/speedups.pdf").read_bytes() == drawn.read_bytes()
    shown = json.loads((tmp_path / "paper/benchmark.json").read_text())
    [row] = shown["workloads"]
    assert row["ratio"] == format_number(table["ratio"][0])
    assert shown["machine"]["commit"] == table["commit"][0]
    assert set(shown["workloads"][0]) == set(PUBLISHED["workloads"][0])
    assert set(shown["machine"]) == set(PUBLISHED["machine"])


def test_the_readme_shows_what_is_published():
    [section] = re.findall(r"^## Speed\n(.*?)^## ", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    asked = {workload.name: f"{workload.targets['cpu']:g}" for workload in list_workloads()}
    assert rows[1:] == [
        [
            row["workload"],
            row["shape"].removesuffix(", batch 1024"),
            f"{row['ratio']} [{row['ratio_low']}, {row['ratio_high']}]",
            asked[row["workload"]],
        ]
        for row in PUBLISHED["workloads"]
    ]
    assert PUBLISHED["machine"]["date"] in section


def test_a_part_of_the_benchmark_is_not_published():
    with pytest.raises(SystemExit):
        program.main(["--quick", "--publish"])


def test_the_cost_of_a_pair_is_that_of_a_step_over_its_pairs():
    row = {"textbook_steps_per_s": 10.0, "ours_steps_per_s": 2_000.0}
    # 0.1 s and 0.5 ms a step, over a million pairs
    assert pair_line(row, 1_000_000).strip() == "100 and 0.5 ns for each pair of a training point and a feature"
