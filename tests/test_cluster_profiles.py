"""What the scripts of the cluster profiles make of Slurm's answers; tests/cluster asks a real Slurm."""

import os
import subprocess

import pytest
import yaml
from workflow_runs import ROOT

from pipeline.leftovers import SLURM_JOBS

PROFILES = ROOT / "profiles"
INVALID = "slurm_load_jobs error: Invalid job id specified"
SILENT = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
NO_ACCOUNTING = "Slurm accounting storage is disabled"


@pytest.fixture
def pretend(tmp_path):
    """pretend(program, answer, status) puts a program in PATH that notes its arguments and answers so."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def put(program, answer="", status=0):
        (tmp_path / f"{program}.answer").write_text(f"{answer}\n" if answer else "")
        note = f'printf "%s\\n" "$@" >> {tmp_path}/{program}.arguments'
        script = f"#!/bin/sh\n{note}\ncat {tmp_path}/{program}.answer\nexit {status}\n"
        (folder / program).write_text(script)
        (folder / program).chmod(0o755)

    return put


def call(tmp_path, script, *arguments):
    """The script as its caller finds it, with the folder of pretended programs in front of the machine's own."""
    path = f"{(PROFILES / script).parent}:{tmp_path / 'bin'}:{os.environ['PATH']}"
    command = [str(PROFILES / script), *arguments]
    return subprocess.run(command, cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True)


def read_arguments(tmp_path, program):
    return (tmp_path / f"{program}.arguments").read_text().splitlines()


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("COMPLETED", "success"),
        *((state, "failed") for state in ("FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED")),
        *((state, "running") for state in ("PENDING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED")),
    ],
)
def test_status_of_a_job_that_slurm_knows(tmp_path, pretend, state, status):
    pretend("squeue", state)
    assert call(tmp_path, "cluster-generic/status", "17;tests").stdout == f"{status}\n"
    assert "17" in read_arguments(tmp_path, "squeue")


@pytest.mark.parametrize(
    ("queue", "accounting", "status"),
    [
        ((INVALID, 1), ("COMPLETED", 0), "success"),
        (("", 0), ("COMPLETED", 0), "success"),
        ((INVALID, 1), ("CANCELLED by 1000", 0), "failed"),
        ((INVALID, 1), (NO_ACCOUNTING, 1), "failed"),
        ((INVALID, 1), ("", 0), "failed"),
        ((INVALID, 1), ("sacct: error: Connection refused", 1), "running"),
        ((SILENT, 1), ("COMPLETED", 0), "running"),
    ],
)
def test_status_of_a_job_that_slurm_forgot_or_does_not_tell(tmp_path, pretend, queue, accounting, status):
    pretend("squeue", *queue)
    pretend("sacct", *accounting)
    assert call(tmp_path, "cluster-generic/status", "17").stdout == f"{status}\n"


def submit(tmp_path, specification="{}", gpus="0"):
    values = ("results/logs/a b.log", specification, "1", gpus, "4000", "30", "job.sh")
    return call(tmp_path, "cluster-generic/submit", *values).stdout


def read_option(tmp_path, option):
    """The values that sbatch was given for an option."""
    arguments = read_arguments(tmp_path, "sbatch")
    return [value for name, _, value in (argument.partition("=") for argument in arguments) if name == option]


@pytest.mark.parametrize(("gpus", "wanted"), [("0", []), ("2", ["gpu:2"])])
def test_gpus_are_asked_for_only_if_wanted(tmp_path, pretend, gpus, wanted):
    pretend("squeue")
    pretend("sbatch", "17")
    assert submit(tmp_path, gpus=gpus) == "17\n"
    assert read_option(tmp_path, "--gres") == wanted
    assert read_option(tmp_path, "--mem") + read_option(tmp_path, "--time") == ["4000", "30"]
    assert read_option(tmp_path, "--job-name") == [f"superposition:{tmp_path}/results/logs/a b.log"]
    assert read_arguments(tmp_path, "sbatch")[-1] == "job.sh"


def test_a_job_that_was_left_is_taken_over_only_if_it_is_the_same(tmp_path, pretend):
    pretend("squeue")
    pretend("scancel")
    pretend("sbatch", "17")
    submit(tmp_path, '{"steps": 1}')
    [fingerprint] = read_option(tmp_path, "--comment")

    pretend("squeue", f"17|{fingerprint}")
    pretend("sbatch", "18")
    assert submit(tmp_path, '{"steps": 1}') == "17\n"
    assert not (tmp_path / "scancel.arguments").exists()
    assert submit(tmp_path, '{"steps": 2}') == "18\n"
    assert read_arguments(tmp_path, "scancel") == ["17"]


STATUS = ("-X", "--parsable2", "--noheader", "--format=JobIdRaw,State", "--name", "run_1")


@pytest.mark.parametrize(
    ("accounting", "queue", "answer"),
    [
        (("17|CANCELLED by 1000\n18|RUNNING", 0), ("", 0), "17|CANCELLED\n18|RUNNING\n"),
        ((NO_ACCOUNTING, 1), ("17|RUNNING", 0), "17|RUNNING\n"),
        (("", 0), ("17|PENDING", 0), "17|PENDING\n"),
        (("", 0), ("", 0), ""),
    ],
)
def test_what_the_plugin_is_told_of_its_jobs(tmp_path, pretend, accounting, queue, answer):
    pretend("sacct", *accounting)
    pretend("squeue", *queue)
    told = call(tmp_path, "slurm/bin/sacct", *STATUS)
    assert (told.returncode, told.stdout) == (0, answer)
    assert read_arguments(tmp_path, "sacct") == list(STATUS)


def test_a_silent_slurm_is_an_error_to_the_plugin(tmp_path, pretend):
    pretend("sacct", NO_ACCOUNTING, 1)
    pretend("squeue", SILENT, 1)
    told = call(tmp_path, "slurm/bin/sacct", *STATUS)
    assert (told.returncode, told.stdout, told.stderr) == (1, "", f"{SILENT}\n")


def test_other_questions_go_to_sacct_alone(tmp_path, pretend):
    pretend("sacct", NO_ACCOUNTING, 1)
    told = call(tmp_path, "slurm/bin/sacct", "--user=me", "--format=Account")
    assert (told.returncode, told.stderr) == (1, f"{NO_ACCOUNTING}\n")
    assert not (tmp_path / "squeue.arguments").exists()


def load(profile):
    return yaml.safe_load((PROFILES / profile / "config.yaml").read_text())


@pytest.mark.parametrize("profile", ["slurm", "cluster-generic"])
def test_cluster_profiles_do_what_the_default_one_does(profile):
    settings = load(profile)
    assert {key: settings.get(key) for key in load("default")} == load("default")


def test_jobs_that_nobody_takes_over_are_known_by_their_name():
    assert load("slurm")["slurm-jobname-prefix"] == SLURM_JOBS
