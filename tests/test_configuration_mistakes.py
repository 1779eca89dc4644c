"""Every way to get a configuration wrong gives its own line; all come at once, in the order of the file."""

from pathlib import Path

import pytest
import yaml
from configurations import LEFT_OUT, edit, effective, make_project, problems_of, small


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("project"))


NAMES = "names of lower-case letters, digits and _, a letter first, at most 64 characters"
MODEL_KEYS = "kind, n_features, n_hidden, init_std, output_bias, hidden_bias"
TOP_KEYS = "seeds, first_seed, toy_models, saes, finite_data, dictionaries, figures"


def read_mistakes() -> list[tuple[str, str, str]]:
    """(path, value as written in YAML, line) of mistakes.txt."""
    text = (Path(__file__).parent / "mistakes.txt").read_text()
    cases = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(*edited.split(" = ", 1), line.strip()) for edited, line in zip(cases[::2], cases[1::2], strict=True)]


@pytest.mark.parametrize(("path", "written", "line"), read_mistakes())
def test_a_mistake_gives_its_line(project, path, written, line):
    value = LEFT_OUT if written == "<left out>" else yaml.safe_load(written)
    assert problems_of(edit(small(), path, value), project) == [line]


@pytest.mark.parametrize(
    ("key", "shown", "hint"),
    [
        (1, "1", ""),
        (True, "true", "; YAML reads yes, no, on and off as true and false"),
        (None, "empty (null)", ""),
        (2.5, "2.5", ""),
        (("a", "b"), "a tuple", ""),
        ("a b\nc", r"'a b\nc'", ""),
        ("n_feature", "n_feature", "; did you mean 'n_features'?"),
    ],
)
def test_a_key_that_is_unknown(project, key, shown, hint):
    raw = edit(small(), ["toy_models", "dense", "model", key], {"a": 1})
    said = f"is an unknown key (its value is a mapping): allowed are {MODEL_KEYS}{hint}"
    assert problems_of(raw, project) == [f"toy_models.dense.model.{shown} {said}"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Upper", "Upper"),
        ("2d", "2d"),
        ("two-d", "two-d"),
        ("../escape", "'../escape'"),
        ("", "''"),
        ("drawing\n", r"'drawing\n'"),
        ("with space", "'with space'"),
        ("x" * 65, f"'{'x' * 60}'..."),
        (7, "7"),
    ],
)
@pytest.mark.parametrize("section", ["toy_models", "saes", "figures"])
def test_a_name_that_is_none(project, section, name, shown):
    raw = edit(small(), [section, name], {})
    assert problems_of(raw, project) == [f"{section}.{shown} is not a name: allowed are {NAMES}"]


def test_a_name_of_the_greatest_length(project):
    raw = edit(small(), ["toy_models", "x" * 64], small()["toy_models"]["sparse"])
    assert "x" * 64 in effective(raw, project)["toy_models"]


@pytest.mark.parametrize("exponent", [400, 5000])  # Python does not print the second
def test_an_integer_beyond_all_bounds(project, exponent):
    bits = (10**exponent).bit_length()
    lines = problems_of(
        edit(edit(small(), "seeds", 10**exponent), "saes.relu.sparsity_penalty", -(10**exponent)), project
    )
    assert lines == [
        f"seeds is an integer of {bits} bits: allowed are integers from 1 to 1000",
        f"saes.relu.sparsity_penalty is an integer of {bits} bits: allowed are numbers from 0 to 1000",
    ]


def test_the_same_name_in_two_sections(project):
    raw = small()
    raw["saes"]["sparse"] = raw["saes"]["relu"]
    line = "saes.sparse has the name of a toy model: allowed are names that no toy model has"
    assert problems_of(raw, project) == [line]


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (None, "empty (null)"),
        ([], "an empty list"),
        ("seeds", "'seeds'"),
        (3, "3"),
        (b"x", "a bytes"),
        ({1, 2}, "a set"),
    ],
)
def test_a_configuration_that_is_no_mapping(project, raw, found):
    line = f"the configuration is {found}: allowed are mappings with the keys {TOP_KEYS}"
    assert problems_of(raw, project) == [line]


def test_an_empty_configuration(project):
    assert problems_of({}, project) == ["toy_models is missing: allowed are mappings from names to settings, not empty"]


def test_all_problems_come_at_once_in_the_order_of_the_file(project):
    raw = small()
    edit(raw, "figures.drawing.saes", ["relo"])
    edit(raw, "saes.relu.n_latents", 0)
    edit(raw, "saes.relu.training.warmup_steps", 30_000)
    edit(raw, "toy_models.dense.title", LEFT_OUT)
    edit(raw, "toy_models.sparse.training.stpes", 1)
    edit(raw, "seeds", 0)
    places = [line.split(" ")[0] for line in problems_of(raw, project)]
    assert places == [
        "seeds",
        "toy_models.dense.title",
        "toy_models.sparse.training.stpes",
        "saes.relu.n_latents",
        "saes.relu.training.warmup_steps",
        "figures.drawing.saes[0]",
    ]


def test_the_order_of_the_file_is_not_that_of_the_alphabet_or_the_schema(project):
    raw = {"figures": {"zeta": None}, "saes": {"alpha": None}, "toy_models": {"beta": None}, "seeds": None}
    places = [line.split(" ")[0] for line in problems_of(raw, project)]
    assert places == ["figures.zeta", "saes.alpha", "toy_models.beta", "seeds"]


def test_a_broken_block_hides_no_name_and_blames_no_other(project):
    raw = edit(small(), "toy_models.dense", None)  # both saes.relu and figures.drawing name it
    assert [line.split(" ")[0] for line in problems_of(raw, project)] == ["toy_models.dense"]


def test_a_broken_sweep_counts_no_instances(project):
    raw = edit(small(), "toy_models.dense.sweep.feature_probability.points", "3")  # else 3 x 4 instances, 0 to 11
    raw = edit(raw, "saes.relu.instance", 100)
    assert [line.split(" ")[0] for line in problems_of(raw, project)] == [
        "toy_models.dense.sweep.feature_probability.points"
    ]


def test_a_misspelt_key_of_a_figure_is_the_only_problem(project):
    raw = edit(small(), "figures.drawing", {"sae": ["relu"]})
    assert [line.split(" ")[0] for line in problems_of(raw, project)] == ["figures.drawing.sae"]


def test_values_that_contain_themselves_or_are_vast_are_not_walked_through(project):
    loop: list = []
    loop.append(loop)
    bomb: list = []
    for _ in range(60):
        bomb = [bomb] * 10  # 10^60 paths through 60 lists
    raw = edit(edit(small(), "toy_models.dense.sweep.learning_rate", bomb), "saes.relu.sweep.learning_rate", loop)
    raw["figures"]["drawing"]["self"] = raw
    lines = problems_of(raw, project)
    assert len(lines) == 10 + 1 + 1
    assert max(map(len, lines)) < 300
