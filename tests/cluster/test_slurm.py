"""The workflow on a real Slurm, through both profiles: the same bits as without, and no accident makes it lose work."""

import itertools
import time

import pytest
from slurm_cluster import SlurmCluster, wait_for
from workload import EXPERIMENT, TRAININGS, Workload, count_at_once

PROFILES = [pytest.param("cluster-generic"), pytest.param("slurm", marks=pytest.mark.long)]
ONE = f"models/{EXPERIMENT}/0.safetensors"
ONE_RESULT = (ONE, ONE.replace("safetensors", "parquet"))


@pytest.mark.parametrize("profile", PROFILES)
def test_a_cluster_gives_the_same_bits(profile, workload, local_run):
    workload.set_seconds(2)
    workload.start(profile).finish()
    assert workload.read_results() == local_run.read_results()
    trainings = workload.list_trainings()
    assert len(trainings) == len(TRAININGS)
    assert count_at_once(trainings) <= len(workload.cluster.nodes)  # each of which has one GPU
    for first, second in itertools.combinations(trainings, 2):
        apart = first.end <= second.start or second.end <= first.start
        assert apart or first.node != second.node
    assert {(training.asked, training.gpu) for training in trainings} == {(1, "0")}
    requests = [job[1:] for job in workload.cluster.list_jobs("%m", "%l", states="all")]
    assert {memory for memory, _ in requests} == {"4000M"}
    assert {limit for _, limit in requests} == {"20:00", "21:00"}  # the latter for jobs that train


@pytest.mark.long
@pytest.mark.parametrize("profile", ["cluster-generic", "slurm"])
def test_a_cluster_without_gpus_will_do(profile, cluster_sources, cluster_folder, local_run, tmp_path):
    cluster = SlurmCluster(cluster_folder / f"cpu-{profile}"[:10], gpus=(0,))
    cluster.folder.mkdir()
    workload = Workload(cluster_sources.copy(tmp_path / "project"), cluster)
    try:
        cluster.start()
        workload.start(profile, "--resources", "gpu=0", target=f"results/{ONE}").finish()
    finally:
        workload.stop()
        cluster.stop()
    assert_one_result(workload, local_run)
    assert [(training.asked, training.gpu) for training in workload.list_trainings()] == [(0, "-")]


def start_one(workload: Workload, profile: str, seconds: float):
    """Start one training of that many seconds, wait until it runs, and give the next no delay."""
    workload.set_seconds(seconds)
    controller = workload.start(profile, target=f"results/{ONE}")
    workload.wait_for("start")
    workload.set_seconds(0)
    [[_, node]] = workload.cluster.list_jobs("%N")
    return controller, node


def assert_one_result(workload: Workload, local_run: Workload) -> None:
    expected = local_run.read_results()
    assert workload.read_results() == {path: expected[path] for path in sorted(ONE_RESULT)}


@pytest.mark.long
@pytest.mark.parametrize("profile", ["cluster-generic", "slurm"])
def test_a_job_that_is_cancelled_is_sent_again(profile, workload, local_run):
    controller, _ = start_one(workload, profile, seconds=300)
    workload.cluster.call("scancel", "--me", "--state=RUNNING")
    controller.finish()
    assert_one_result(workload, local_run)
    assert (workload.count("start"), workload.count("end")) == (2, 1)


@pytest.mark.long
@pytest.mark.parametrize("profile", ["cluster-generic", "slurm"])
def test_a_job_whose_node_crashes_is_sent_to_another(profile, workload, local_run):
    controller, node = start_one(workload, profile, seconds=300)
    workload.cluster.crash(node)
    controller.finish()
    assert_one_result(workload, local_run)
    [training] = workload.list_trainings()
    assert training.node != node
    assert workload.count("start") == 2


@pytest.mark.long
@pytest.mark.parametrize("profile", ["cluster-generic", "slurm"])
def test_a_job_that_comes_back_from_the_dead_changes_nothing(profile, workload, local_run):
    """Slurm gives the node up, and the job to another, whose result is there when the first one is killed at last."""
    controller, node = start_one(workload, profile, seconds=600)
    workload.cluster.freeze(node)
    controller.finish()
    assert_one_result(workload, local_run)
    assert workload.cluster.find_steps(node)  # the first is still at work
    workload.cluster.thaw(node)
    wait_for(lambda: not workload.cluster.find_steps(node), "the first job to be killed", 60)
    assert_one_result(workload, local_run)
    assert (workload.count("start"), workload.count("end")) == (2, 1)


@pytest.mark.long
def test_a_job_that_slurm_gave_up_may_write_its_result_again(workload, local_run):
    controller, node = start_one(workload, "cluster-generic", seconds=600)
    workload.cluster.freeze(node)
    controller.finish()
    workload.release()
    workload.wait_for("end", 2)
    wait_for(lambda: not workload.cluster.find_steps(node), "the first job to end", 60)
    assert_one_result(workload, local_run)
    again = workload.start("cluster-generic", target=f"results/{ONE}").finish()
    assert "Nothing to be done" in again


@pytest.mark.long
@pytest.mark.parametrize("profile", ["cluster-generic", "slurm"])
def test_a_silent_slurm_is_waited_for(profile, workload, local_run):
    controller, _ = start_one(workload, profile, seconds=10)
    with workload.cluster.silence():
        time.sleep(45)
        assert controller.process.poll() is None
    controller.finish()
    assert_one_result(workload, local_run)
    assert (workload.count("start"), workload.count("end")) == (1, 1)


@pytest.mark.long
@pytest.mark.parametrize("profile", ["cluster-generic", "slurm"])
def test_a_killed_controller_is_followed_by_one_that_writes_nothing_twice(profile, workload, local_run):
    workload.set_seconds(20)
    workload.start(profile).kill_after(lambda: workload.wait_for("start", 2))
    workload.set_seconds(0)
    log = workload.start(profile).finish()
    assert workload.read_results() == local_run.read_results()
    started = workload.list_jobs_of_trainings()
    assert len(started) == len(TRAININGS)
    if profile == "cluster-generic":  # the second takes the jobs of the first over
        assert max(map(len, started.values())) == 1
    else:  # it ends them
        assert "Ended what a killed run had left at work: Slurm job" in log
    assert_never_at_once(workload, started)


def assert_never_at_once(workload: Workload, started: dict[str, list[str]]) -> None:
    """That no two Slurm jobs were at the same training at the same time."""
    times = {job: (start, end) for job, start, end in workload.cluster.list_jobs("%S", "%e", states="all")}
    for jobs in started.values():
        for first, second in itertools.pairwise(jobs):
            assert times[first][1] <= times[second][0]  # ISO 8601, to the second


@pytest.mark.long
@pytest.mark.parametrize("moment", ["at work", "done"])
@pytest.mark.parametrize("profile", ["cluster-generic", "slurm"])
def test_what_a_killed_controller_has_left_is_not_taken_for_what_is_wanted_now(
    profile, moment, workload, cluster_sources, tmp_path
):
    """The configuration is edited after the kill, while the old job is still at work or when it has ended."""
    controller, _ = start_one(workload, profile, seconds=300)
    controller.kill()
    if moment == "done":
        workload.release()
        wait_for(lambda: not workload.cluster.list_jobs(states="RUNNING,COMPLETING"), "the job to end", 300)
        assert (workload.project.results / ONE).exists()

    edit = {"toy_models": {EXPERIMENT: {"training": {"steps": 7, "log_every": 7}}}}
    workload.project.configure(edit)
    workload.start(profile, target=f"results/{ONE}").finish()

    undisturbed = Workload(cluster_sources.copy(tmp_path / "undisturbed"))
    undisturbed.project.configure(edit)
    undisturbed.start("default", "--cores", "1", target=f"results/{ONE}").finish()
    assert workload.read_results() == undisturbed.read_results()


def test_a_job_that_was_submitted_twice_runs_once(workload):
    """As by a Snakemake that was killed after it had submitted a job, and before it had noted the job's id."""
    submit, script = workload.project.root / "profiles/cluster-generic/submit", workload.project.root / "job.sh"
    script.write_text("#!/bin/sh\nsleep 4\n")

    def send(log, specification="{}"):
        values = (log, specification, "1", "0", "10", "1", str(script))
        return workload.cluster.call(str(submit), *values, cwd=workload.project.root).stdout.strip()

    first, second, other, edited = send("a.log"), send("a.log"), send("b.log"), send("b.log", "edited")
    assert (first, second) == ("1", "1")
    assert (other, edited) == ("2", "3")
    wait_for(lambda: not workload.cluster.list_jobs(states="PENDING,RUNNING,COMPLETING"), "all jobs to end")
    states = dict(workload.cluster.list_jobs("%T", states="all"))
    assert states == {"1": "COMPLETED", "2": "CANCELLED", "3": "COMPLETED"}
