# What the other files share: the checked configuration, and for each step the specification that decides its reruns.
#
# A job is repeated when its specification changes: one canonical JSON text of the step's name, a hash of the code it
# runs (blind to comments, docstrings and layout), the schema of the tables it writes, and the part of the configuration
# that it uses. Values that must not cause reruns (paths, the interpreter, the commit) travel in `params.python`, which
# Snakemake does not record because it depends on `threads` and `output`.

import json
import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

PROJECT = Path(workflow.basedir).resolve()
SOURCE = PROJECT / "src"
sys.path.insert(0, str(SOURCE))

from pipeline.configuration import ConfigurationError, load_configuration, load_yaml, source_of
from pipeline.fingerprint import FingerprintError, fingerprint
from pipeline.folder_lock import FolderHeldError, hold_folder, tidy_folder
from pipeline.records import find_unrecorded
from pipeline.work import work_behind, work_of_finite_data, work_of_saes, work_of_toy_models
from scripts.reads import list_reads

CONFIGURATION = PROJECT / "config.yaml"


def stop(error):
    """End before the first job, with the lines of `error` alone."""
    print(error, file=sys.stderr)
    sys.exit(1)


# Snakemake, which reads the files next, says neither where one is not valid YAML nor that it gives a key twice.
for path in (CONFIGURATION, *workflow.configfiles):
    try:
        if not isinstance(load_yaml(path), dict):
            stop(f"{path}: not a configuration, allowed are mappings from keys to values")
    except ConfigurationError as error:
        stop(error)


configfile: CONFIGURATION


try:
    config = load_configuration(config, PROJECT / "schemas/config.schema.yaml", PROJECT)
except ConfigurationError as error:
    stop(error)


UNRECORDED = None if {"--touch", "-t"} & {*sys.argv} else find_unrecorded(Path.cwd())
if UNRECORDED:
    stop(
        f"{UNRECORDED}: no result here has a record in .snakemake/metadata, so none can be held against the configuration;"
        " allowed are results with that folder; `snakemake --cores 1 --touch --forceall` takes them as they are"
    )

LOCKS = []  # the lock of the folder, once the run has started; nothing else keeps it from being freed


# Before the first job, never in a dry run, and not in the Snakemakes that run single jobs of a cluster.
onstart:
    try:
        LOCKS.append(hold_folder(Path.cwd()))
    except FolderHeldError as error:
        stop(error)


onsuccess:
    tidy_folder(*LOCKS)


TOY_MODELS, SAES, FINITE_DATA = config["toy_models"], config["saes"], config["finite_data"]
DICTIONARIES = config["dictionaries"]
FIGURES = config["figures"]
SEEDS = {
    name: [config["first_seed"] + i for i in range(block["seeds"])]
    for name, block in (TOY_MODELS | FINITE_DATA | DICTIONARIES).items()
}
SEEDS |= {name: SEEDS[source_of(block)] for name, block in SAES.items()}
FILMS = [name for name, figure in FIGURES.items() if figure["film"]]
TABLES = load_yaml(PROJECT / "schemas/tables.yaml")
TOY_MODEL_TABLES = ("models", "features", "sets", "neurons", "hidden_samples", "dynamics", "training_history")
CLAIM_TABLES = ("models", "features", "sets", "neurons", "dynamics", "saes", "latents", "absorption")
CLAIM_TABLES += ("finite_models", "dictionaries")
EVERYTHING = (sorted(TOY_MODELS), sorted(SAES), sorted(FINITE_DATA), sorted(DICTIONARIES))
SAE_TABLES = ("saes", "latents", "single_feature_responses", "absorption", "sae_history")
FINITE_DATA_TABLES = ("finite_models", "finite_features", "training_points", "finite_history")
DICTIONARY_TABLES = ("dictionaries",)


def one_of(names):
    """A pattern that matches the names alone; none at all if there are none."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    experiment=one_of(TOY_MODELS),
    finite_data=one_of(FINITE_DATA),  # whose data and weights lie beside those of the toy models
    dictionary=one_of(DICTIONARIES),  # whose data do
    sae="[a-z][a-z0-9_]*",
    figure="[a-z][a-z0-9_]*",
    seed="[0-9]+",


def find_commit():
    """The commit of the working tree, marked if it has changes; "unknown" outside a repository."""
    command = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


COMMIT = find_commit()


def python(wildcards, output, threads):
    """The interpreter with its environment: the project's modules, as many threads as granted, the commit."""
    environment = {
        "PYTHONPATH": str(SOURCE),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "SUPERPOSITION_COMMIT": COMMIT,
    }
    assignments = [f"{name}={shlex.quote(str(value))}" for name, value in environment.items()]
    return " ".join(["env", *assignments, shlex.quote(sys.executable)])


def hash_code(module):
    """The hash of a module and of all that it imports from the project."""
    try:
        return fingerprint(module, SOURCE)
    except FingerprintError as error:
        stop(error)


def specify(step, describe, tables=()):
    """A params function: the specification of `step`, with what `describe(wildcards)` takes from the configuration."""

    def spec(wildcards):
        schemas = {name: describe_table(name) for name in tables}
        common = {"step": step, "code": hash_code(f"scripts.{step}"), "tables": schemas}
        return json.dumps(common | describe(wildcards), sort_keys=True, separators=(",", ":"))

    return spec


def describe_table(name):
    """The part of a table's schema that its checking uses."""
    columns = {
        column: {"type": entry["type"], "nullable": entry.get("nullable", False)}
        for column, entry in TABLES[name]["columns"].items()
    }
    return {"table": name, "key": TABLES[name]["key"], "columns": columns}


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
    drawing = {"drawing": hash_code(drawing_module(wildcards)), "experiments": experiments, "order": list(experiments)}
    return drawing | describe_reads(*experiments_of(figure))


def describe_paper(wildcards):
    return {"config": config}


def experiments_of(figure):
    """The names of a figure's experiments by kind, in the order of EVERYTHING."""
    return [figure[section] for section in ("toy_models", "saes", "finite_data", "dictionaries")]


def describe_reads(toy_models, saes, finite_data, dictionaries, only=None):
    """What a step reads of the measured tables, as patterns: the files of many seeds would make too long a command."""
    reads = {}
    for tables, names in (
        (TOY_MODEL_TABLES, toy_models),
        (SAE_TABLES, saes),
        (FINITE_DATA_TABLES, finite_data),
        (DICTIONARY_TABLES, dictionaries),
    ):
        for table in tables if names else ():
            if only is None or table in only:
                path = re.sub("{(experiment|sae|finite_data|dictionary)}", "{name}", TABLES[table]["path"])
                reads[table] = {"path": path, "names": list(names)}
    return {
        "reads": reads,
        "seeds": {
            name: [SEEDS[name][0], len(SEEDS[name])] for name in (*toy_models, *saes, *finite_data, *dictionaries)
        },
    }


def tables_of_figure(wildcards):
    figure = FIGURES[wildcards.figure]
    return list_reads(describe_reads(*experiments_of(figure)))


def tables_of_claims(wildcards):
    return list_reads(describe_reads(*EVERYTHING, CLAIM_TABLES))


def weights_of_toy_model(wildcards):
    """The trained toy models that an autoencoder sweep takes its activations from; none if it has a dictionary."""
    block = SAES[wildcards.sae]
    return [f"results/models/{block['toy_model']}/{wildcards.seed}.safetensors"] if "toy_model" in block else []


def samples_of_source(wildcards):
    """The held-out samples of what an autoencoder sweep takes its activations from; a dictionary's file has all of it."""
    return f"results/data/{source_of(SAES[wildcards.sae])}/{wildcards.seed}.safetensors"


# Long jobs first, so that no core is left alone with one at the end. Logarithms, since the scheduler adds priorities up.


def priority_of_toy_models(wildcards):
    return math.log2(work_behind(wildcards.experiment, config))


def priority_of_saes(wildcards):
    sae = SAES[wildcards.sae]
    return math.log2(work_of_saes(sae, (TOY_MODELS | DICTIONARIES)[source_of(sae)]))


def priority_of_dictionary(wildcards):
    return math.log2(work_behind(wildcards.dictionary, config))


def priority_of_finite_data(wildcards):
    return math.log2(work_of_finite_data(FINITE_DATA[wildcards.finite_data]))


# What a job asks of a cluster, from what the paper's jobs took on a CPU (LOG.md): twice the memory of the largest, and the
# time that the slowest engine would need at half its speed. A job that was killed for either gets twice as much.


def double(attempt, amount):
    return amount * 2 ** (attempt - 1)


def mem_mb(wildcards, attempt):
    return double(attempt, 4_000)


def minutes(wildcards, attempt):
    return double(attempt, 20)


def minutes_for(products, per_second, attempt):
    return double(attempt, 20 + math.ceil(products / per_second / 60))


def minutes_of_toy_models(wildcards, attempt):
    return minutes_for(work_of_toy_models(TOY_MODELS[wildcards.experiment]), 5e8, attempt)


def minutes_of_saes(wildcards, attempt):
    sae = SAES[wildcards.sae]
    return minutes_for(work_of_saes(sae, TOY_MODELS[sae["toy_model"]]), 5e8, attempt)


def minutes_of_finite_data(wildcards, attempt):
    return minutes_for(work_of_finite_data(FINITE_DATA[wildcards.finite_data]), 5e9, attempt)


def checkpoint_of_finite_data(wildcards):
    """Where a job keeps what it has done. No output: Snakemake would delete it when the job is killed."""
    return f"results/checkpoints/{wildcards.finite_data}/{wildcards.seed}.safetensors"


def paper_sources(wildcards):
    """The text of the paper: everything under paper/ that is typeset or read while typesetting.

    Relative to the working directory: a path that changed with the place of the project would repeat the job.
    """
    paths = [path for path in (PROJECT / "paper").rglob("*") if path.suffix in (".typ", ".bib", ".rst", ".yaml", ".json")]
    return sorted(os.path.relpath(path) for path in paths)
