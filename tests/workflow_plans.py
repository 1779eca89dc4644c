"""Which jobs an edit should make Snakemake plan, worked out from a small copy's configuration alone."""

from collections.abc import Iterable

from workflow_runs import ROOT, Plan, cut_down, overlay

from pipeline.configuration import load_configuration, source_of

CONFIG = load_configuration(overlay(*cut_down().values()), ROOT / "schemas/config.schema.yaml", ROOT)
TOY_MODELS, SAES, FINITE_DATA = CONFIG["toy_models"], CONFIG["saes"], CONFIG["finite_data"]
DICTIONARIES, FIGURES = CONFIG["dictionaries"], CONFIG["figures"]
SEEDS = (0, 1)
CLAIMS, PAPER = {"judge_claims": {"claims"}}, {"typeset_paper": {"paper"}}


def jobs(names: Iterable[str], seeds: Iterable[int] = SEEDS) -> set[str]:
    return {f"{name}/{seed}" for name in names for seed in seeds}


def figures_of(*names: str) -> set[str]:
    """The figures that show an experiment."""
    sections = ("toy_models", "saes", "finite_data", "dictionaries")
    return {figure for figure, block in FIGURES.items() if {name for key in sections for name in block[key]} & {*names}}


def saes_of(source: str) -> list[str]:
    return [sae for sae, block in SAES.items() if source_of(block) == source]


def fitting(saes: Iterable[str], seeds: Iterable[int] = SEEDS) -> Plan:
    return {"fit_saes": jobs(saes, seeds), "measure_saes": jobs(saes, seeds)}


def training(toy_model: str, seeds: Iterable[int] = SEEDS) -> Plan:
    trained = {"train_toy_models": jobs([toy_model], seeds), "measure_toy_models": jobs([toy_model], seeds)}
    return trained | fitting(saes_of(toy_model), seeds)


def fitting_finite_data(names: Iterable[str], seeds: Iterable[int] = SEEDS) -> Plan:
    return {rule: jobs(names, seeds) for rule in ("train_on_finite_data", "measure_finite_data")}


def drawing(dictionaries: Iterable[str], seeds: Iterable[int] = SEEDS) -> Plan:
    return {rule: jobs(dictionaries, seeds) for rule in ("sample_dictionary", "measure_dictionary")}


def gathering(figures: set[str]) -> Plan:
    return CLAIMS | {"draw_figure": figures} | PAPER


def nonempty(plan: Plan) -> Plan:
    return {rule: names for rule, names in plan.items() if names}
