# What the other files share: the checked configuration, the lock of the folder, and what every job is run with.

import functools
import gc
import inspect
import os
import shlex
import subprocess
import sys
from pathlib import Path

from snakemake.settings.types import SharedFSUsage

PROJECT = Path(workflow.basedir).resolve()
SOURCE = PROJECT / "src"
sys.path.insert(0, str(SOURCE))

from pipeline.configuration import ConfigurationError, list_seeds, load_configuration, load_yaml, source_of
from pipeline.folder_lock import FolderHeldError, hold_folder, tidy_folder
from pipeline.records import find_unrecorded
from pipeline.start_step import RUN
from pipeline.warm_steps import start_server

# Planning makes millions of objects that stay; looking through them for garbage at Python's usual pace took a quarter of it.
gc.set_threshold(100_000, 50, 100)

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


# A Snakemake that runs one job of a cluster leaves the records to the one that sent the job.
ADOPTING = bool({"--touch", "-t"} & {*sys.argv})
UNRECORDED = None if ADOPTING or workflow.remote_exec else find_unrecorded(Path.cwd())
if UNRECORDED:
    stop(
        f"{UNRECORDED}: has no record in .snakemake/metadata, so it cannot be held against the configuration; allowed are"
        " results with that folder, which `snakemake --cores 1 --touch --forceall` makes of results as they are, and no"
        " other files beside them"
    )

# A Snakemake that runs one job of a cluster leaves to the one that sent the job which results are complete. Otherwise, after
# a kill of the latter, the result would count as made by whatever the configuration says then.
if workflow.remote_exec:
    usage = workflow.storage_settings.shared_fs_usage
    workflow.storage_settings.shared_fs_usage = {*usage} - {SharedFSUsage.PERSISTENCE}

LOCKS = []  # the lock of the folder, once the run has started; nothing else keeps it from being freed
SERVERS = []  # of steps, likewise: a server ends when nothing keeps its input open


# Before the first job, never in a dry run, and not in the Snakemakes that run single jobs of a cluster.
#
# Snakemake's default limit of 100 jobs a second makes it look for work again a second after each look, and it looks after
# every job that ends: after N jobs it looks N times a second, for ever, through all inputs of all jobs that are ready. Near
# the end of the paper that took a whole core.
onstart:
    try:
        LOCKS.append(hold_folder(Path.cwd()))
    except FolderHeldError as error:
        stop(error)
    limiter = workflow.scheduler.job_rate_limiter
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
    SERVERS.append(start_server(variables_of_steps(threads=1), n_steps=len(workflow.dag)))


onsuccess:
    tidy_folder(*LOCKS)


TOY_MODELS, SAES, FINITE_DATA = config["toy_models"], config["saes"], config["finite_data"]
DICTIONARIES = config["dictionaries"]
FIGURES = config["figures"]
SEEDS = list_seeds(config)
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
    sae=one_of(SAES),
    figure=one_of(FIGURES),
    seed="[0-9]+",


def find_commit():
    """The commit of the working tree, marked if it has changes; "unknown" outside a repository of its own."""

    def git(*command):
        return subprocess.run(
            ["git", "-C", PROJECT, *command], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != PROJECT.resolve():
            return "unknown"
        return git("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


COMMIT = find_commit()


# glibc gives memory of a few MB back to the system when it is freed, and PyTorch's next step takes it page by page again,
# which is a fifth of the time of some fits. Up to these many bytes the process keeps it.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": f"{2**26}", "MALLOC_TRIM_THRESHOLD_": f"{2**28}"}


def variables_of_steps(threads):
    """Where the project's modules are, as many threads as granted, the commit, and the run."""
    return {
        "PYTHONPATH": str(SOURCE),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": f"{threads}",
        "MKL_NUM_THREADS": f"{threads}",
        "OPENBLAS_NUM_THREADS": f"{threads}",
        **KEEP_MEMORY,
        "SUPERPOSITION_COMMIT": COMMIT,
        RUN: f"{os.getpid()}",
    }


def signed(function):
    """With its signature, for which Snakemake asks up to twenty times a job: Python would work it out each time."""
    function.__signature__ = inspect.signature(function)
    return function


@signed
def python(wildcards, output, threads):
    """The interpreter in the environment of steps; what starts the step that follows, and what measures it."""
    leave_outputs_alone()
    return start_of_steps(threads)


@functools.cache
def start_of_steps(threads):
    assignments = [f"{name}={shlex.quote(value)}" for name, value in variables_of_steps(threads).items()]
    start = [sys.executable, "-I", "-S", str(SOURCE / "pipeline/start_step.py")]
    return " ".join(["env", *assignments, shlex.join(start), "-m scripts.measured"])


def leave_outputs_alone():
    """Where this Snakemake runs one job of a cluster, keep it from removing the outputs of that job if it fails.

    The Snakemake that sent the job does that. A job that comes back from the dead, on a node that Slurm had given up, would
    remove what its successor has made. To be called while the job is prepared: there are no settings before.
    """
    if not workflow.is_main_process and workflow.execution_settings is not None:
        workflow.execution_settings.keep_incomplete = True


@signed
def weights_of_toy_model(wildcards):
    """The trained toy models that an autoencoder sweep takes its activations from; none if it has a dictionary."""
    block = SAES[wildcards.sae]
    return [f"results/models/{block['toy_model']}/{wildcards.seed}.safetensors"] if "toy_model" in block else []


@signed
def samples_of_source(wildcards):
    """The held-out samples of what an autoencoder sweep takes its activations from; a dictionary's file has all of it."""
    return f"results/data/{source_of(SAES[wildcards.sae])}/{wildcards.seed}.safetensors"


@signed
def paper_sources(wildcards):
    """The text of the paper: everything under paper/ that is typeset or read while typesetting.

    Relative to the working directory: a path that changed with the place of the project would repeat the job.
    """
    kinds = (".typ", ".bib", ".rst", ".yaml", ".json", ".pdf")
    paths = [path for path in (PROJECT / "paper").rglob("*") if path.suffix in kinds]
    return sorted(os.path.relpath(path) for path in paths)
