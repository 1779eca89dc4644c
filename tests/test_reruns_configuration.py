"""What an edit of the configuration makes Snakemake run again, read beside a finished run."""

import pytest
import yaml
from workflow_plans import (
    CLAIMS,
    DICTIONARIES,
    FIGURES,
    FINITE_DATA,
    PAPER,
    SAES,
    TOY_MODELS,
    drawing,
    figures_of,
    fitting,
    fitting_finite_data,
    gathering,
    jobs,
    nonempty,
    saes_of,
    training,
)
from workflow_runs import TINY

TOY_MODEL, OTHER_TOY_MODEL, SAE = "five_in_two_sparse", "five_in_two", "relu_simple_resampling"
FINITE, DICTIONARY = "arena_few_samples", "feature_tree"


@pytest.mark.parametrize(
    ("changes", "plan"),
    [
        (
            {"toy_models": {TOY_MODEL: {"training": {"learning_rate": 2e-3}}}},
            training(TOY_MODEL) | gathering(figures_of(TOY_MODEL, *saes_of(TOY_MODEL))),
        ),
        (
            {"toy_models": {OTHER_TOY_MODEL: {"importance": {"base": 0.8}}}},
            training(OTHER_TOY_MODEL) | gathering(figures_of(OTHER_TOY_MODEL, *saes_of(OTHER_TOY_MODEL))),
        ),
        ({"saes": {SAE: {"sparsity_penalty": 0.3}}}, fitting([SAE]) | gathering(figures_of(SAE))),
        ({"toy_models": {TOY_MODEL: {"title": "Other words"}}}, {"draw_figure": figures_of(TOY_MODEL)} | PAPER),
        ({"saes": {SAE: {"source": "Other words"}}}, {"draw_figure": figures_of(SAE)} | PAPER),
    ],
)
def test_one_block_reruns_the_chain_of_its_experiment(finished, changes, plan):
    finished.configure(changes)
    assert finished.plan() == nonempty(plan)


@pytest.mark.parametrize(
    ("changes", "plan"),
    [
        ({"training": {"learning_rate": 2e-3}}, fitting_finite_data([FINITE])),
        ({"sweep": {"weight_decay": [0.0, 1.0]}}, fitting_finite_data([FINITE])),
        (
            {"sweep": {"n_samples": [3, 5, 60]}},
            {"sample_training_sets": jobs([FINITE])} | fitting_finite_data([FINITE]),
        ),
    ],
)
def test_a_block_of_finite_data_reruns_its_own_chain(finished, changes, plan):
    finished.configure({"finite_data": {FINITE: changes}})
    assert finished.plan() == plan | gathering(figures_of(FINITE))


def test_other_held_out_samples_retrain_no_toy_model(finished):
    finished.configure({"toy_models": {TOY_MODEL: {"evaluation": {"n_samples": 1000}}}})
    saes = saes_of(TOY_MODEL)
    sampled = {"sample_features": jobs([TOY_MODEL]), "measure_toy_models": jobs([TOY_MODEL])}
    assert finished.plan() == sampled | fitting(saes) | gathering(figures_of(TOY_MODEL, *saes))


def test_more_seeds_run_the_new_ones(finished):
    finished.configure({"seeds": 3})
    new = {"sample_features": jobs(TOY_MODELS, [2]), "train_toy_models": jobs(TOY_MODELS, [2])}
    new |= {"measure_toy_models": jobs(TOY_MODELS, [2])} | fitting(SAES, [2])
    new |= {"sample_training_sets": jobs(FINITE_DATA, [2])} | fitting_finite_data(FINITE_DATA, [2])
    new |= drawing(DICTIONARIES, [2])
    assert finished.plan() == new | gathering(set(FIGURES))


def test_fewer_seeds_are_gathered_again(finished):
    finished.configure({"seeds": 1})
    assert finished.plan() == gathering(set(FIGURES))


def test_an_experiment_with_seeds_of_its_own_runs_no_more_than_those(finished):
    finished.configure({"seeds": 3, "toy_models": {OTHER_TOY_MODEL: {"seeds": 2}}})
    new = {rule: jobs([TOY_MODEL], [2]) for rule in ("sample_features", "train_toy_models", "measure_toy_models")}
    new |= {"sample_training_sets": jobs(FINITE_DATA, [2])} | fitting_finite_data(FINITE_DATA, [2])
    new |= drawing(DICTIONARIES, [2])
    saes = saes_of(TOY_MODEL)
    assert finished.plan() == new | fitting(saes, [2]) | gathering(
        figures_of(TOY_MODEL, *saes, *FINITE_DATA, *DICTIONARIES)
    )


def test_fewer_seeds_of_one_experiment_are_gathered_again(finished):
    finished.configure({"toy_models": {TOY_MODEL: {"seeds": 1}}})
    assert finished.plan() == gathering(figures_of(TOY_MODEL, *saes_of(TOY_MODEL)))


def test_a_new_sweep_on_a_trained_experiment_runs_its_own_chain(finished):
    new = {key: SAES[SAE][key] for key in ("toy_model", "architecture", "n_latents", "training")}
    finished.configure({"saes": {"new": new | {"title": "A new sweep", "sparsity_penalty": 0.1}}})
    assert finished.plan() == fitting(["new"]) | CLAIMS | PAPER


def test_a_new_figure_is_drawn(finished):
    finished.configure({"figures": {"new": {"script": "represented_features", "toy_models": [TOY_MODEL]}}})
    assert finished.plan() == {"draw_figure": {"new"}} | PAPER


def test_the_order_of_a_figures_experiments_redraws_it(finished):
    finished.configure({"figures": {"sae_recovery": {"saes": FIGURES["sae_recovery"]["saes"][::-1]}}})
    assert finished.plan() == {"draw_figure": {"sae_recovery"}} | PAPER


def test_the_order_of_keys_comments_and_the_spelling_of_numbers_rerun_nothing(finished):
    def rewrite(text: str) -> str:
        return "# A comment\n" + yaml.safe_dump(reverse_keys(yaml.safe_load(text)), sort_keys=False) + "# Another\n"

    finished.configure({"toy_models": {TOY_MODEL: {"training": {"learning_rate": 0.001}}}})  # the default, spelled out
    finished.edit("config.yaml", rewrite)
    finished.edit(TINY, rewrite)
    finished.replace(TINY, "learning_rate: 0.001", "learning_rate: 1.0e-3")
    finished.edit(TINY, lambda text: text.replace("steps: 300", "steps: 3.0e+2"))
    assert finished.plan() == {}


def reverse_keys(value):
    if isinstance(value, dict):
        return {key: reverse_keys(value[key]) for key in reversed(value)}
    return value


def test_a_dictionarys_block_reruns_its_own_chain(finished):
    finished.configure({"dictionaries": {DICTIONARY: {"probability": 0.1}}})
    assert finished.plan() == nonempty(drawing([DICTIONARY]) | gathering(figures_of(DICTIONARY)))


def test_other_words_about_a_dictionary_draw_it_no_other_way(finished):
    finished.configure({"dictionaries": {DICTIONARY: {"title": "Other words"}}})
    assert finished.plan() == PAPER


def test_a_new_sweep_on_a_dictionary_runs_its_own_chain(finished):
    new = {key: SAES[SAE][key] for key in ("architecture", "n_latents", "training")}
    finished.configure({"saes": {"new": new | {"title": "New", "dictionary": DICTIONARY, "sparsity_penalty": 0.1}}})
    assert finished.plan() == fitting(["new"]) | CLAIMS | PAPER


def test_a_dictionary_may_be_deleted(finished):
    for path in ("config.yaml", TINY):
        finished.edit(path, without_dictionary)
    assert finished.plan() == CLAIMS | PAPER


def without_dictionary(text: str) -> str:
    config = yaml.safe_load(text)
    del config["dictionaries"][DICTIONARY]
    return yaml.safe_dump(config, sort_keys=False)
