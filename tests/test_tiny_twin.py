"""The tiny twin of the whole paper: nothing of it is left out, all of it is small, and it runs to its end."""

import pandas as pd
import pytest
import yaml
from workflow_runs import ROOT, TINY, Project, load_configurations, make_project, overlay

from pipeline.configuration import load_configuration, source_of
from pipeline.work import work_of_dictionary, work_of_finite_data, work_of_saes, work_of_toy_models
from scripts.measured import read_cost
from superposition.claims import CLAIMS

PAPER, OVERLAY = load_configurations().values()
CONFIG = load_configuration(overlay(PAPER, OVERLAY), ROOT / "schemas/config.schema.yaml", ROOT)
SOURCES = CONFIG["toy_models"] | CONFIG["dictionaries"]
TABLES = yaml.safe_load((ROOT / "schemas/tables.yaml").read_text())
SMALL_WORK = 5e9  # products: some seconds, by the slowest engine
WILDCARDS = {
    "{experiment}": "toy_models",
    "{sae}": "saes",
    "{finite_data}": "finite_data",
    "{dictionary}": "dictionaries",
}
FEW_SAMPLES = 10_000  # held-out samples of one swept value
LONGEST_RUN = 3600  # seconds, beside other work


@pytest.mark.parametrize("section", ["toy_models", "saes", "finite_data", "dictionaries"])
def test_every_experiment_has_an_entry(section):
    assert list(OVERLAY[section]) == list(PAPER[section])


@pytest.mark.parametrize("name", CONFIG["toy_models"])
def test_every_toy_model_is_small(name):
    block = CONFIG["toy_models"][name]
    assert work_of_toy_models(block) <= SMALL_WORK
    assert block["evaluation"]["n_samples"] <= FEW_SAMPLES


@pytest.mark.parametrize("name", CONFIG["saes"])
def test_every_sweep_is_small(name):
    block = CONFIG["saes"][name]
    assert work_of_saes(block, SOURCES[source_of(block)]) <= SMALL_WORK


@pytest.mark.parametrize("name", CONFIG["dictionaries"])
def test_every_dictionary_is_small(name):
    block = CONFIG["dictionaries"][name]
    assert work_of_dictionary(block) <= SMALL_WORK
    assert block["evaluation"]["n_samples"] <= FEW_SAMPLES


@pytest.mark.parametrize("name", CONFIG["finite_data"])
def test_every_experiment_on_finite_data_is_small(name):
    block = CONFIG["finite_data"][name]
    assert work_of_finite_data(block) <= SMALL_WORK
    assert block["evaluation"]["n_samples"] <= FEW_SAMPLES


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The whole twin, run once to its end."""
    project = make_project(tmp_path_factory.mktemp("whole") / "run", {"config.yaml": PAPER, TINY: OVERLAY})
    project = Project(project.root, longest_run=LONGEST_RUN)
    project.run("--cores", "2")
    return project


def list_expected() -> set[str]:
    """The files under results that the configuration declares: the paper, its figures, and every table."""
    expected = {"paper.pdf", "paper.json", "claims.parquet"}
    expected |= {f"figures/{figure}.{suffix}" for figure in CONFIG["figures"] for suffix in ("pdf", "png")}
    expected |= {f"figures/{figure}.gif" for figure, block in CONFIG["figures"].items() if block["film"]}
    for table in TABLES.values():
        for wildcard, section in WILDCARDS.items():
            for name in CONFIG[section] if wildcard in table["path"] else []:
                path = table["path"].replace(wildcard, name).removeprefix("results/")
                block = CONFIG[section][name]
                seeds = (SOURCES[source_of(block)] if section == "saes" else block)["seeds"]
                expected |= {path.replace("{seed}", str(seed)) for seed in range(seeds)}
    return expected


def test_everything_that_is_declared_is_made(whole_run):
    made = [path for path in whole_run.list_results() if not path.endswith(".safetensors")]
    assert set(made) == list_expected()


def test_every_claim_is_judged(whole_run):
    claims = pd.read_parquet(whole_run.results / "claims.parquet")
    parts = [(claim.id, part) for claim in CLAIMS for part in range(len(claim.parts))]
    assert list(zip(claims["claim"], claims["part"], strict=True)) == parts


def test_every_job_says_what_it_took(whole_run):
    logs = [path.with_suffix(".log") for path in (whole_run.results / "logs").rglob("*.tsv")]
    assert logs
    assert all(read_cost(log) for log in logs)


def test_a_second_run_has_nothing_to_do(whole_run):
    assert whole_run.plan() == {}
