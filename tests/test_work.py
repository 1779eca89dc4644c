"""Which jobs count as long, and that the long ones start first."""

import re

import pytest
from builders import sae, toy_model

from pipeline.work import work_behind, work_of_saes, work_of_toy_models

EXPERIMENT = toy_model(sweep={"feature_probability": [1.0, 0.1, 0.01]}, restarts=2)  # 20 steps of 64, 5 -> 2
WORK = 3 * 2 * 20 * 64 * 5 * 2


def test_work_is_instances_times_samples_times_weights():
    assert work_of_toy_models(EXPERIMENT) == WORK
    assert work_of_saes(sae(n_latents=7), EXPERIMENT) == 2 * 20 * 64 * 2 * 7  # of one of its instances


@pytest.mark.parametrize("changes", [{"restarts": 4}, {"training": {"steps": 40}}, {"training": {"batch_size": 128}}])
def test_twice_as_many_of_anything_is_twice_the_work(changes):
    assert work_of_toy_models(toy_model(**changes)) == 2 * work_of_toy_models(toy_model())
    assert work_of_saes(sae(**changes), EXPERIMENT) == 2 * work_of_saes(sae(), EXPERIMENT)


def test_sweeps_that_wait_for_a_toy_model_are_work_behind_it():
    saes = {"mine": sae(toy_model="a"), "more": sae(toy_model="a"), "others": sae(toy_model="b")}
    config = {"toy_models": {"a": EXPERIMENT, "b": EXPERIMENT, "c": EXPERIMENT}, "saes": saes}
    one = work_of_saes(sae(), EXPERIMENT)
    assert [work_behind(name, config) for name in "abc"] == [WORK + 2 * one, WORK + one, WORK]


def test_long_jobs_start_first(fresh):
    fresh.configure(
        {
            "seeds": 1,
            "toy_models": {"five_in_two_sparse": {"restarts": 100}},  # the other one trains 24 instances
            "saes": {"relu_no_resampling": {"training": {"steps": 500}}},  # the other one has 400
        }
    )
    targets = ["models/five_in_two", "saes/relu_simple_resampling", "saes/relu_no_resampling"]
    run = fresh.snakemake("--cores", "1", *[f"results/{target}/0.parquet" for target in targets])
    started = re.findall(r"(Drawing|Training|Fitting) .* of (\w+), seed", run.stderr)
    assert [name for verb, name in started if verb == "Training"] == ["five_in_two_sparse", "five_in_two"]
    assert [name for verb, name in started if verb == "Fitting"] == ["relu_no_resampling", "relu_simple_resampling"]


def test_the_work_of_what_is_not_trained_is_that_of_its_samples():
    fitted = sae(architecture="pca", k=1, n_latents=2, fit_samples=500)
    assert work_of_saes(fitted, EXPERIMENT) == 2 * 500 * 2 * 2
