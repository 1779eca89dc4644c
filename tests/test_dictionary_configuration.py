"""Blocks of synthetic dictionaries: the published ones are sound and draw what they say; mistakes give their lines."""

import copy

import pytest
import yaml
from builders import check_schema
from configurations import LEFT_OUT, ROOT, SCHEMA, edit, problems_of, small
from dictionary_blocks import PLAIN, PUBLISHED, dictionary, fill, with_dictionary

from pipeline.configuration import load_configuration
from pipeline.work import work_behind, work_of_dictionary, work_of_saes
from superposition.dictionaries.held_out import measure_dictionary, sample_dictionary
from superposition.dictionary_methods import describe_dictionaries
from superposition.features import SparseSamples
from superposition.sae_settings import setting_of_instances
from superposition.saes import make_architecture

HUGE = {"synth_16k"}
SETS = [{"name": "sets", "n_features": 4, "count": 2, "choice": "exactly_one"}]
PARENT = {"name": "parent", "n_features": 2}
CHILD = {"name": "child", "parent": "parent", "n_features": 2}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_block_is_sound(name):
    block = fill(PUBLISHED[name])
    assert fill(block) == block
    assert work_of_dictionary(block) > 0


def draw(block, n_samples=4_000):
    tensors = sample_dictionary("tiny", fill(block | {"evaluation": {"n_samples": n_samples}}), 0)
    return tensors, SparseSamples.from_tensors(tensors).to_dense(0)


@pytest.mark.parametrize("name", sorted(PUBLISHED.keys() - HUGE))
def test_a_published_block_draws_what_it_declares(name):
    block = PUBLISHED[name] | {"evaluation": {"n_samples": 4_000}}
    tensors, x = draw(block)
    row = check_schema(measure_dictionary("tiny", fill(block), 0, tensors), "dictionaries").iloc[0]
    assert tensors["W"].shape == (block["d_in"], block["n_features"])
    assert (row["n_eval"], row["n_features"], row["d_in"]) == (4_000, block["n_features"], block["d_in"])
    assert row["true_l0"] == pytest.approx(float((x > 0).sum(1).double().mean()))
    assert row["mean_magnitude"] == pytest.approx(float(x[x > 0].mean()), rel=1e-4)
    if "one_hot_share" not in block and block.get("zero_samples", "keep") == "keep":
        assert row["true_l0"] == pytest.approx(row["expected_l0"], rel=0.1)


def test_known_numbers_of_published_dictionaries():
    def expected_l0(name):
        return float(draw(PUBLISHED[name], 10)[0]["marginal"].sum())

    assert expected_l0("feature_tree") == pytest.approx(3 * 0.15 * (1 + 3 * 0.2) + 8 * 0.05)
    assert expected_l0("absorption") == expected_l0("no_absorption") == pytest.approx(0.4)
    assert expected_l0("sharkey_correlated") == pytest.approx(5)
    assert expected_l0("sharkey_unscaled") == pytest.approx(5 / 512 * (1 - 0.99**512) / 0.01)
    parents = draw(PUBLISHED["absorption"], 10)[0]["parents"]
    assert parents.tolist() == [-1, 0, -1, -1]


def test_held_out_samples_do_not_depend_on_what_is_asked_later():
    (tensors, x), (again, fewer) = draw(PUBLISHED["feature_tree"]), draw(PUBLISHED["feature_tree"])
    assert x.equal(fewer)
    assert all(tensor.equal(again[name]) for name, tensor in tensors.items())


# Mistakes


def line_of(block: dict) -> str:
    [line] = problems_of(with_dictionary(block), ROOT)
    return line.removeprefix("dictionaries.tiny.").removeprefix("dictionaries.tiny ")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"directions": {"kind": "identity"}},
            "directions.kind is 'identity': allowed with n_features up to d_in, 6; there are 8",
        ),
        (
            {"directions": {"cosine": 0.1}},
            "directions.cosine is 0.1: allowed with the kind 'target_cosine' alone, not with 'random'",
        ),
        (
            {"directions": {"kind": "given"}},
            "directions.vectors is missing: allowed are the kind 'given' with it, or another kind",
        ),
        (
            {"n_features": 2, "d_in": 2, "directions": {"kind": "given", "vectors": [[1, 0], [0, 0]]}},
            "directions.vectors[1] is a list of 2: allowed are lists of d_in, 2, numbers, not all 0",
        ),
        (
            {"n_features": 3, "d_in": 2, "directions": {"kind": "given", "vectors": [[1, 0], [0, 1]]}},
            "directions.vectors is a list of 2: allowed is one of n_features, 3",
        ),
        (
            {"probability": {"curve": "zipf", "first": 0.1, "last": 0.01}},
            "probability.exponent is missing: allowed are the curve 'zipf' with it, or another curve",
        ),
        (
            {"probability": {"curve": "linear", "first": 0.1, "last": 0.2, "ratio": 0.5}},
            "probability.ratio is 0.5: allowed with the curve 'geometric' alone, not with 'linear'",
        ),
        (
            {"magnitude": {"kind": "uniform", "std": 1}},
            "magnitude.std is 1: allowed with the kind 'rectified_normal', 'log_normal' alone, not with 'uniform'",
        ),
        (
            {"magnitude": {"kind": "log_normal"}},
            "magnitude.std is missing: allowed are the kind 'log_normal' with it, or another kind",
        ),
        (
            {"correlation": {"kind": "low_rank", "rank": 2}},
            "correlation.strength is missing: allowed are the kind 'low_rank' with it, or another kind",
        ),
        (
            {"n_features": 2, "correlation": {"kind": "given", "matrix": [[1, 0.5], [0.4, 1]]}},
            "correlation.matrix is a matrix of 2 rows: allowed are symmetric ones of 2 times 2 numbers with ones on "
            "the diagonal",
        ),
        (
            {"n_features": 5_000, "correlation": {"kind": "random_matrix", "strength": 1}},
            "correlation.kind is 'random_matrix': allowed with up to 4096 features without parent or set; of 5000 "
            "'low_rank' is allowed",
        ),
        (
            {"groups": SETS, "correlation": {"kind": "low_rank", "rank": 2, "strength": 0.1}},
            "correlation.kind is 'low_rank': allowed is 'none' with 0 features that have neither a parent nor a set",
        ),
        ({"groups": [PARENT, CHILD], "mean_l0": 2}, "mean_l0 is 2.0: allowed without groups alone"),
        ({"groups": [PARENT, PARENT]}, "groups[1].name is 'parent' again: allowed are different names"),
        ({"groups": [CHILD]}, "groups[0].parent is 'parent': there is no group before it"),
        (
            {"groups": [PARENT, CHILD | {"parent": "parents"}]},
            "groups[1].parent is 'parents': allowed are the groups before it, 'parent'; did you mean 'parent'?",
        ),
        (
            {"groups": [PARENT, CHILD | {"count": 2}]},
            "groups[1].count is 2: allowed is 1 with a parent, or where features are independent",
        ),
        (
            {"groups": [PARENT | {"scale_by_parent": True}]},
            "groups[0].scale_by_parent is true: allowed is false without a parent",
        ),
        (
            {"groups": [PARENT, CHILD | {"probability": {"curve": "geometric", "first": 0.1}}]},
            "groups[1].probability.ratio is missing: allowed are the curve 'geometric' with it, or another curve",
        ),
        (
            {"groups": [PARENT, CHILD | {"n_features": 4}]},
            "n_features is 8: allowed are integers from 10, the features of all groups",
        ),
        (
            {"groups": [PARENT | {"choice": "exactly_one"}], "one_hot_share": 0.5},
            "one_hot_share is 0.5: allowed is 0 unless there are two sets or more (choice: exactly_one) and all "
            "features belong to one",
        ),
        (
            {"groups": [PARENT, CHILD | {"scale_by_parent": True}], "equal_magnitudes": True},
            "equal_magnitudes is true: allowed is false where a group has scale_by_parent",
        ),
        (
            {"groups": [{"name": "a", "n_features": 0}]},
            "groups[0].n_features is 0: allowed are integers from 1 to 1000000",
        ),
        ({"probability": LEFT_OUT}, None),
    ],
)
def test_a_mistake_gives_its_line(changes, line):
    block = {key: value for key, value in (PLAIN | changes).items() if value is not LEFT_OUT}
    found = line_of(copy.deepcopy(block))
    assert found == line if line else found.startswith("probability is missing: allowed are numbers from 0 to 1 or")


def on_dictionary(**changes) -> dict:
    raw = edit(small(), "saes.relu.toy_model", LEFT_OUT) | {"dictionaries": {"tiny": PLAIN}}
    raw["saes"]["relu"] |= {"dictionary": "tiny"} | changes
    return raw


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"toy_model": "dense"}, "saes.relu.dictionary is given beside toy_model: allowed is one of them"),
        ({"instance": 0}, "saes.relu.instance is 0: allowed with a toy_model alone"),
        (
            {"dictionary": "tinny"},
            "saes.relu.dictionary is 'tinny': allowed are the dictionaries 'tiny'; did you mean 'tiny'?",
        ),
        (
            {"dictionary": "dense"},
            "saes.relu.dictionary is 'dense': allowed are the dictionaries 'tiny'; "
            "'dense' is declared in another section",
        ),
    ],
)
def test_an_autoencoder_names_one_source(changes, line):
    raw = on_dictionary(**changes)
    raw["figures"] = {}
    assert problems_of(raw, ROOT) == [line]


@pytest.mark.parametrize(("name", "kind"), [("dense", "toy model"), ("relu", "SAE")])
def test_a_dictionary_has_a_name_of_its_own(name, kind):
    raw = on_dictionary() | {"figures": {}}
    raw["dictionaries"][name] = PLAIN
    article = "an" if kind == "SAE" else "a"
    expected = f"dictionaries.{name} has the name of {article} {kind}: allowed are names that no {kind} has"
    assert expected in problems_of(raw, ROOT)


def test_work_of_a_dictionary_counts_the_sweeps_that_wait_for_it():
    block = dictionary()
    sae = {"dictionary": "tiny", "n_latents": 7, "sweep": {}, "restarts": 2}
    sae["training"] = {"steps": 10, "batch_size": 4}
    assert work_of_saes(sae, block) == 2 * 10 * 4 * 6 * 7
    config = {"toy_models": {}, "dictionaries": {"tiny": block}, "saes": {"one": sae, "two": sae}}
    assert work_behind("tiny", config) == work_of_dictionary(block) + 2 * work_of_saes(sae, block)


# Methods


def describe(name: str) -> dict:
    [row] = describe_dictionaries({"dictionaries": {name: fill(PUBLISHED[name]) | {"seeds": 3}}})["dictionaries"]
    return row


def test_dictionaries_in_words():
    assert describe("feature_tree") | {"title": "", "source": ""} == {
        "id": "feature_tree",
        "title": "",
        "source": "",
        "shape": "20 → 20",
        "directions": "orthonormal, length 1 ± 0.05",
        "probability": "0.05",
        "magnitude": "constant, mean 1",
        "dependence": "3 parents (probability 0.15); 3 children for each feature of parents "
        "(at most one present, probability 0.2 given the parent)",
        "seeds": "3",
        "held_out": "100,000",
    }
    row = describe("synth_1k")
    assert row["directions"] == "cosines towards 0, bias of length 0.5"
    assert row["probability"] == "zipf (exponent 0.5), 0.4 to 0.005"
    assert row["magnitude"] == "rectified normal, mean 5 to 4, std |0.5 ± 0.5|"
    assert row["dependence"].startswith(
        "correlation low rank of strength 0.1, rank 25; 8 roots; 4 children for each feature of"
    )
    assert describe("decaying_128_in_64")["probability"] == "0.1 × 0.96ⁱ, scaled to 5 present, no sample empty"
    composed = describe("composed_and_single")
    assert composed["dependence"] == "2 × 2 sets (one present); one set alone in 0.75 of the samples"
    assert composed["magnitude"] == "uniform, mean 0.5, equal in a sample"


def test_the_benchmark_for_a_gpu_is_a_valid_configuration():
    benchmark = yaml.safe_load((ROOT / "docs/synthsaebench.yaml").read_text())
    config = load_configuration({"toy_models": small()["toy_models"]} | benchmark, SCHEMA, ROOT)
    assert config["dictionaries"]["synth_16k"] == fill(PUBLISHED["synth_16k"])
    assert {sae["n_latents"] for sae in config["saes"].values()} == {4_096}
    for name, sae in config["saes"].items():
        [swept] = sae["sweep"].values()
        assert (sae["restarts"], swept) == (5, [15, 20, 25, 35, 45]), name
        assert sae["training"]["steps"] * sae["training"]["batch_size"] == pytest.approx(200e6, rel=1e-5)
        assert (sae["training"]["normalise_activations"] == "sqrt_d_in") == (name == "synth_16k_jumprelu")


def test_the_grid_of_the_first_dictionaries_is_a_valid_configuration():
    grid = yaml.safe_load((ROOT / "docs/sharkey.yaml").read_text())
    config = load_configuration({"toy_models": small()["toy_models"]} | grid, SCHEMA, ROOT)
    for name in ("sharkey", "sharkey_correlated"):
        assert config["dictionaries"][name] == fill(PUBLISHED[name])
        saes = [sae for sae in config["saes"].values() if sae["dictionary"] == name]
        assert [sae["n_latents"] / 512 for sae in saes] == [2.0**i for i in range(-2, 6)]
        for sae in saes:
            penalties = setting_of_instances(sae, "sparsity_penalty") * sae["n_latents"]
            assert penalties.tolist() == pytest.approx([10 ** (e / 4) for e in range(-8, 9)], rel=1e-6)
            architecture = make_architecture(sae)
            assert (architecture.decoder_norm, architecture.tied, architecture.decoder_bias) == ("unit", False, False)
            assert sae["initialisation"]["method"] == "orthogonal"
