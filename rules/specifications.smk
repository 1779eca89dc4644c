# For each step the specification that decides its reruns.
#
# A job is repeated when its specification changes: one canonical JSON text of the step's name, a hash of the code it
# runs (blind to comments, docstrings and layout), the schema of the tables it writes, and the part of the configuration
# that it uses. Values that must not cause reruns (paths, the interpreter, the commit) travel in `params.python`, which
# Snakemake does not record because it depends on `threads` and `output`.

import json
import re

from pipeline.fingerprint import FingerprintError, fingerprint, list_texts
from scripts.packing import pack
from scripts.reads import list_reads

LONGEST_SPECIFICATION = 120_000  # characters; Linux takes no argument, and no command of a shell, of more than 128 KiB


def of_code(ask, module):
    """What `ask` (`fingerprint`, `list_texts`) says of a module and of what it imports from the project."""
    try:
        return ask(module, SOURCE)
    except FingerprintError as error:
        stop(error)


def specify(step, describe, tables=()):
    """A params function: the specification of `step`, with what `describe(wildcards)` takes from the configuration."""
    schemas = write_json({name: describe_table(name) for name in tables})

    @signed
    def spec(wildcards):
        described = {"step": step, "code": of_code(fingerprint, f"scripts.{step}")} | describe(wildcards)
        parts = {key: write_json(value) for key, value in described.items()} | {"tables": schemas}
        text = "{" + ",".join(f'"{key}":{part}' for key, part in sorted(parts.items())) + "}"
        if len(text) > LONGEST_SPECIFICATION:
            stop(
                f"{step} of {', '.join(wildcards)}: is described by {len(text):,} characters: allowed are up to"
                f" {LONGEST_SPECIFICATION:,}, which a command has room for; give fewer directions or correlations"
            )
        return text

    return spec


def describe_table(name):
    """The part of a table's schema that its checking uses."""
    columns = {
        column: {"type": entry["type"], "nullable": entry.get("nullable", False)}
        for column, entry in TABLES[name]["columns"].items()
    }
    return {"table": name, "key": TABLES[name]["key"], "columns": columns}


def write_json(value):
    """The one text of a value, without blanks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def select(block, *keys):
    return {key: block[key] for key in keys}


def describe_samples(wildcards):
    block = TOY_MODELS[wildcards.experiment]
    experiment = select(block, "features", "sweep", "evaluation") | {"model": select(block["model"], "n_features")}
    return {"id": wildcards.experiment, "seed": int(wildcards.seed), "experiment": experiment}


def describe_toy_models(wildcards):
    block = TOY_MODELS[wildcards.experiment]
    experiment = select(block, "model", "features", "importance", "sweep", "restarts", "training")
    return {"id": wildcards.experiment, "seed": int(wildcards.seed), "experiment": experiment}


def describe_saes(wildcards):
    block = SAES[wildcards.sae]
    sae = {key: value for key, value in block.items() if key not in ("title", "source")}
    if "dictionary" in block:
        source = {"dictionary": select_distribution(DICTIONARIES[block["dictionary"]])}
    else:
        source = {
            "experiment": select(TOY_MODELS[block["toy_model"]], "model", "features", "importance", "sweep", "restarts")
        }
    return {"id": wildcards.sae, "seed": int(wildcards.seed), "sae": sae} | source


def select_distribution(block):
    """What a dictionary is, but for its held-out samples."""
    return {key: value for key, value in block.items() if key not in ("title", "source", "seeds", "evaluation")}


def describe_dictionary(wildcards):
    block = DICTIONARIES[wildcards.dictionary]
    dictionary = select_distribution(block) | select(block, "evaluation")
    return {"id": wildcards.dictionary, "seed": int(wildcards.seed), "dictionary": dictionary}


def describe_training_sets(wildcards):
    block = FINITE_DATA[wildcards.finite_data]
    experiment = select(block, "model", "features", "training_set", "restarts", "evaluation")
    experiment["sweep"] = {key: block["sweep"][key] for key in ("n_samples",) if key in block["sweep"]}
    return {"id": wildcards.finite_data, "seed": int(wildcards.seed), "experiment": experiment}


def describe_finite_data(wildcards):
    block = FINITE_DATA[wildcards.finite_data]
    experiment = select(block, "model", "features", "training_set", "sweep", "restarts", "training")
    return {"id": wildcards.finite_data, "seed": int(wildcards.seed), "experiment": experiment}


def describe_claims(wildcards):
    return {"experiments": sorted([*TOY_MODELS, *SAES, *FINITE_DATA, *DICTIONARIES])} | describe_reads(
        *EVERYTHING, CLAIM_TABLES
    )


def drawing_module(wildcards):
    """The module that draws a figure."""
    return f"figures.{FIGURES[wildcards.figure]['script']}"


def describe_figure(wildcards):
    figure = FIGURES[wildcards.figure]
    experiments = {name: TOY_MODELS[name] for name in figure["toy_models"]}
    experiments |= {name: SAES[name] for name in figure["saes"]}
    experiments |= {name: FINITE_DATA[name] for name in figure["finite_data"]}
    experiments |= {name: DICTIONARIES[name] for name in figure["dictionaries"]}
    drawing = {
        "drawing": of_code(fingerprint, drawing_module(wildcards)),
        "experiments": experiments,
        "order": list(experiments),
    }
    return drawing | describe_reads_of_figure(wildcards)


def describe_paper(wildcards):
    return {"packed_config": pack(config)}


def experiments_of(figure):
    """The names of a figure's experiments by kind, in the order of EVERYTHING."""
    return [figure[section] for section in ("toy_models", "saes", "finite_data", "dictionaries")]


def describe_reads(toy_models, saes, finite_data, dictionaries, only):
    """The measured tables in `only`, as patterns: the files of many seeds would make too long a command."""
    reads = {}
    for tables, names in (
        (TOY_MODEL_TABLES, toy_models),
        (SAE_TABLES, saes),
        (FINITE_DATA_TABLES, finite_data),
        (DICTIONARY_TABLES, dictionaries),
    ):
        for table in tables if names else ():
            if table in only:
                path = re.sub("{(experiment|sae|finite_data|dictionary)}", "{name}", TABLES[table]["path"])
                reads[table] = {"path": path, "names": list(names)}
    return {
        "reads": reads,
        "seeds": {
            name: [SEEDS[name][0], len(SEEDS[name])] for name in (*toy_models, *saes, *finite_data, *dictionaries)
        },
    }


def describe_reads_of_figure(wildcards):
    """Of its experiments, the tables whose names its module has: all of them would be three times as many files."""
    named = of_code(list_texts, drawing_module(wildcards))
    return describe_reads(*experiments_of(FIGURES[wildcards.figure]), named)


def tables_of_figure(wildcards):
    return list_reads(describe_reads_of_figure(wildcards))


def tables_of_claims(wildcards):
    return list_reads(describe_reads(*EVERYTHING, CLAIM_TABLES))
