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

from pipeline.configuration import ConfigurationError, load_configuration, load_yaml
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
FIGURES = config["figures"]
SEEDS = {
    name: [config["first_seed"] + i for i in range(block["seeds"])]
    for name, block in (TOY_MODELS | FINITE_DATA).items()
}
SEEDS |= {name: SEEDS[block["toy_model"]] for name, block in SAES.items()}
FILMS = [name for name, figure in FIGURES.items() if figure["film"]]
TABLES = load_yaml(PROJECT / "schemas/tables.yaml")
TOY_MODEL_TABLES = ("models", "features", "sets", "neurons", "hidden_samples", "dynamics", "training_history")
CLAIM_TABLES = ("models", "features", "sets", "neurons", "dynamics", "saes", "latents", "finite_models")
EVERYTHING = (sorted(TOY_MODELS), sorted(SAES), sorted(FINITE_DATA))
SAE_TABLES = ("saes", "latents", "single_feature_responses", "sae_history")
FINITE_DATA_TABLES = ("finite_models", "finite_features", "training_points", "finite_history")


def one_of(names):
    """A pattern that matches the names alone; none at all if there are none."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    experiment=one_of(TOY_MODELS),
    finite_data=one_of(FINITE_DATA),  # whose data and weights lie beside those of the toy models
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
    experiment = select(TOY_MODELS[block["toy_model"]], "model", "features", "importance", "sweep", "restarts")
    return {"id": wildcards.sae, "seed": int(wildcards.seed), "sae": sae, "experiment": experiment}


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
    return {"experiments": sorted([*TOY_MODELS, *SAES, *FINITE_DATA])} | describe_reads(*EVERYTHING, CLAIM_TABLES)


def drawing_module(wildcards):
    """The module that draws a figure."""
    return f"figures.{FIGURES[wildcards.figure]['script']}"


def describe_figure(wildcards):
    figure = FIGURES[wildcards.figure]
    experiments = {name: TOY_MODELS[name] for name in figure["toy_models"]}
    experiments |= {name: SAES[name] for name in figure["saes"]}
    experiments |= {name: FINITE_DATA[name] for name in figure["finite_data"]}
    drawing = {"drawing": hash_code(drawing_module(wildcards)), "experiments": experiments, "order": list(experiments)}
    return drawing | describe_reads(figure["toy_models"], figure["saes"], figure["finite_data"])


def describe_paper(wildcards):
    return {"config": config}


def describe_reads(toy_models, saes, finite_data, only=None):
    """What a step reads of the measured tables, as patterns: the files of many seeds would make too long a command."""
    reads = {}
    for tables, names in ((TOY_MODEL_TABLES, toy_models), (SAE_TABLES, saes), (FINITE_DATA_TABLES, finite_data)):
        for table in tables if names else ():
            if only is None or table in only:
                path = re.sub("{(experiment|sae|finite_data)}", "{name}", TABLES[table]["path"])
                reads[table] = {"path": path, "names": list(names)}
    return {
        "reads": reads,
        "seeds": {name: [SEEDS[name][0], len(SEEDS[name])] for name in (*toy_models, *saes, *finite_data)},
    }


def tables_of_figure(wildcards):
    figure = FIGURES[wildcards.figure]
    return list_reads(describe_reads(figure["toy_models"], figure["saes"], figure["finite_data"]))


def tables_of_claims(wildcards):
    return list_reads(describe_reads(*EVERYTHING, CLAIM_TABLES))


def weights_of_toy_model(wildcards):
    """The trained toy models that an autoencoder sweep takes its activations from."""
    return f"results/models/{SAES[wildcards.sae]['toy_model']}/{wildcards.seed}.safetensors"


def samples_of_toy_model(wildcards):
    return f"results/data/{SAES[wildcards.sae]['toy_model']}/{wildcards.seed}.safetensors"


# Long jobs first, so that no core is left alone with one at the end. Logarithms, since the scheduler adds priorities up.


def priority_of_toy_models(wildcards):
    return math.log2(work_behind(wildcards.experiment, config))


def priority_of_saes(wildcards):
    sae = SAES[wildcards.sae]
    return math.log2(work_of_saes(sae, TOY_MODELS[sae["toy_model"]]))


def priority_of_finite_data(wildcards):
    return math.log2(work_of_finite_data(FINITE_DATA[wildcards.finite_data]))


# What a job asks of a cluster, from what the paper's jobs took on a CPU (LOG.md): twice the memory of the largest, and the
# time that the slowest engine would need at half its speed. A job that was killed for either gets twice as much.


def double(attempt, amount):
    return amount * 2 ** (attempt - 1)


def gpu(wildcards):
    """One; but where Slurm runs the job, what it was given, for `--resources gpu=0` does not reach the Snakemake there."""
    given = any(name in os.environ for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_GPUS", "SLURM_GPUS_ON_NODE"))
    return int(workflow.is_main_process or "SLURM_JOB_ID" not in os.environ or given)


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
    paths = [path for path in (PROJECT / "paper").rglob("*") if path.suffix in (".typ", ".bib", ".rst")]
    return sorted(os.path.relpath(path) for path in paths)
