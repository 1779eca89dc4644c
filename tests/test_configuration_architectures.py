"""What the keys of an autoencoder's architecture demand of each other."""

from dataclasses import fields

import pytest
from configurations import REAL, edit, effective, make_project, problems_of, small

from pipeline.architectures import OWNERS, TRAINED
from superposition import saes


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("project"))


def configuration(architecture, **settings):
    raw = small()
    block = {key: raw["saes"]["relu"][key] for key in ("title", "toy_model", "n_latents")}
    return edit(raw, "saes.relu", block | {"architecture": architecture} | settings)


def test_every_architecture_owns_what_its_class_has():
    of_training = {"sparsity_penalty", "target_l0", "initialisation"}  # settings that no class needs to know
    for name, kind in saes.ARCHITECTURES.items():
        owned = {key for key, owners in OWNERS.items() if name in owners}
        assert owned - of_training == {field.name for field in fields(kind)} - of_training, name
    assert set(TRAINED) == set(saes.TRAINED)


@pytest.mark.parametrize("architecture", saes.ARCHITECTURES)
def test_every_architecture_can_be_declared(project, architecture):
    owned = {key for key, owners in OWNERS.items() if architecture in owners}
    settings = {"k": 2, "sparsity_penalty": 0.1, "prefixes": [1, 2]}
    raw = configuration(architecture, **{key: value for key, value in settings.items() if key in owned})
    sae = effective(edit(raw, "saes.relu.n_latents", 2), project)["saes"]["relu"]
    assert {key for key in OWNERS if key in sae} == owned
    assert isinstance(saes.make_architecture(sae), saes.ARCHITECTURES[architecture])


@pytest.mark.parametrize(
    ("spacing", "start", "stop", "points"),
    [("geometric", 1, 1000, 4), ("geometric", 1, 8, 4), ("linear", 1, 50, 50), ("geometric", 7, 29, 2)],
)
def test_whole_numbers_of_a_sweep_are_whole_whatever_their_rounding(project, spacing, start, stop, points):
    sweep = {"k": {"spacing": spacing, "start": start, "stop": stop, "points": points}}
    raw = configuration("topk", n_latents=stop, k=1, sweep=sweep)
    assert effective(raw, project)["saes"]["relu"]["sweep"] == sweep


MATRYOSHKA = {"architecture": "matryoshka_batchtopk", "k": 1.5}


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"architecture": "topk"}, "k is missing: allowed are numbers above 0; the architecture 'topk' must have it"),
        ({"architecture": "topk", "k": 6}, "k is up to 6: allowed is up to n_latents, 5"),
        ({"architecture": "topk", "k": 1.5}, "k is 1.5: allowed are whole numbers with the architecture 'topk'"),
        (
            {"architecture": "topk", "k": 1, "sweep": {"k": [1, 1.5]}},
            "sweep.k is 1.5: allowed are whole numbers with the architecture 'topk'",
        ),
        (
            {"architecture": "topk", "k": 1, "sweep": {"k": {"spacing": "linear", "start": 1, "stop": 4, "points": 3}}},
            "sweep.k is 2.5: allowed are whole numbers with the architecture 'topk'",
        ),
        (
            {"architecture": "batchtopk", "k": 1, "sweep": {"k": [1.5, 7]}},
            "sweep.k is up to 7: allowed is up to n_latents, 5",
        ),
        (
            {"architecture": "topk", "k": 2, "k_start": 6},
            "k_start is 6: allowed is up to n_latents, 5",
        ),
        (
            MATRYOSHKA,
            "prefixes is missing: allowed are widths, or how many; the architecture 'matryoshka_batchtopk' must have"
            " it",
        ),
        (
            MATRYOSHKA | {"prefixes": [2, 1, 5]},
            "prefixes is [2, 1, 5]: allowed are ascending widths that end with n_latents, 5",
        ),
        (
            MATRYOSHKA | {"prefixes": [1, 4]},
            "prefixes is [1, 4]: allowed are ascending widths that end with n_latents, 5",
        ),
        (MATRYOSHKA | {"prefixes": 6}, "prefixes is 6: allowed are integers from 1 to n_latents, 5"),
        (
            {"architecture": "relu", "sparsity_penalty": 0.1, "tied": True, "decoder": "frozen"},
            "decoder is 'frozen': allowed is 'trained' where the weights are tied",
        ),
        (
            {"architecture": "jumprelu", "sparsity_penalty": 0.1, "decoder": "soft_frozen"},
            "decoder is 'soft_frozen': allowed is 'trained' where the weights are tied",
        ),
        (
            {"architecture": "relu", "sparsity_penalty": 0.1, "decoder": "frozen", "resampling": {"method": "simple"}},
            "resampling.method is 'simple': allowed is 'none' where the decoder is 'frozen'",
        ),
        (
            {"architecture": "jumprelu", "sparsity_penalty": 0.1, "l0_penalty": "target"},
            "l0_penalty is 'target': allowed is 'count' where target_l0 is 'none'",
        ),
        (
            {"architecture": "pca", "k": 1},
            "n_latents is 5: allowed are integers from 1 to model.n_hidden of dense, 2, with the architecture 'pca'",
        ),
    ],
)
def test_settings_that_do_not_agree(project, settings, line):
    assert problems_of(configuration(**settings), project) == [f"saes.relu.{line}"]


def test_components_of_a_dictionary_are_no_more_than_its_dimensions(project):
    raw = REAL | {"saes": {name: block.copy() for name, block in REAL["saes"].items()}}
    raw["saes"]["benchmark_pca"]["n_latents"] = 65
    line = "n_latents is 65: allowed are integers from 1 to d_in of decaying_128_in_64, 64, with the architecture 'pca'"
    assert problems_of(raw, project) == [f"saes.benchmark_pca.{line}"]


def test_settings_that_do_agree(project):
    for settings in (
        MATRYOSHKA | {"prefixes": [1, 2, 5]},
        MATRYOSHKA | {"prefixes": 3, "sweep": {"k": [0.5, 1.25]}},
        {"architecture": "jumprelu", "sparsity_penalty": 1, "l0_penalty": "target", "target_l0": 2},
        {"architecture": "jumprelu", "sparsity_penalty": 1, "tied": False, "decoder": "frozen"},
        {"architecture": "relu", "sparsity_penalty": 1, "target_l0": 2, "sweep": {"target_l0": [1, 2]}},
    ):
        effective(configuration(**settings), project)
