# What a job costs: which go first, and what each asks of a cluster. Nothing here repeats a job.

import math
import os

from pipeline.work import work_behind, work_of_finite_data, work_of_saes, work_of_toy_models

# Long jobs first, so that no core is left alone with one at the end. Logarithms, since the scheduler adds priorities up.


@signed
def priority_of_toy_models(wildcards):
    return math.log2(work_behind(wildcards.experiment, config))


@signed
def priority_of_saes(wildcards):
    sae = SAES[wildcards.sae]
    return math.log2(work_of_saes(sae, (TOY_MODELS | DICTIONARIES)[source_of(sae)]))


@signed
def priority_of_dictionary(wildcards):
    return math.log2(work_behind(wildcards.dictionary, config))


@signed
def priority_of_finite_data(wildcards):
    return math.log2(work_of_finite_data(FINITE_DATA[wildcards.finite_data]))


# What a job asks of a cluster, from what the paper's jobs took on a CPU (LOG.md): nearly one and a half times the memory of
# the largest, and the time that the slowest engine would need at half its speed. A job that was killed for either gets twice
# as much.


def double(attempt, amount):
    return amount * 2 ** (attempt - 1)


# One for each training; but where Slurm runs the job, what it was given, for `--resources gpu=0` does not reach the Snakemake
# there.
GIVEN = any(name in os.environ for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_GPUS", "SLURM_GPUS_ON_NODE"))
GPUS = int(workflow.is_main_process or "SLURM_JOB_ID" not in os.environ or GIVEN)


@signed
def mem_mb(wildcards, attempt):
    return double(attempt, 4_000)


@signed
def minutes(wildcards, attempt):
    return double(attempt, 20)


def minutes_for(products, per_second, attempt):
    return double(attempt, 20 + math.ceil(products / per_second / 60))


@signed
def minutes_of_toy_models(wildcards, attempt):
    return minutes_for(work_of_toy_models(TOY_MODELS[wildcards.experiment]), 5e8, attempt)


@signed
def minutes_of_saes(wildcards, attempt):
    sae = SAES[wildcards.sae]
    return minutes_for(work_of_saes(sae, (TOY_MODELS | DICTIONARIES)[source_of(sae)]), 5e8, attempt)


@signed
def minutes_of_finite_data(wildcards, attempt):
    return minutes_for(work_of_finite_data(FINITE_DATA[wildcards.finite_data]), 5e9, attempt)
