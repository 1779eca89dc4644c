"""What jobs of every rule took, as they and Snakemake say, also where one was killed."""

import os
import subprocess
import sys

from workflow_runs import ROOT

from scripts.measured import read_cost
from scripts.present_jobs import of_configuration, read_benchmarks

HEADER = "s\th:m:s\tmax_rss\tcpu_time\n"


def write(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + "".join(rows))


def test_jobs_of_every_rule_are_read(tmp_path):
    write(tmp_path / "judge_claims.tsv", "1\t0:00:01\t100\t0.5\n")
    write(tmp_path / "draw_figure/sae_recovery.tsv", "2\t0:00:02\t200\t1.5\n", "3\t0:00:03\t300\t2.5\n")
    write(tmp_path / "fit_saes/relu/4.tsv", "5\t0:00:05\t500\t4.5\n")
    jobs = read_benchmarks(tmp_path).sort_values("s")
    assert list(jobs["rule"]) == ["judge_claims", "draw_figure", "fit_saes"]
    assert list(jobs["experiment"]) == ["", "sae_recovery", "relu"]
    assert list(jobs["seed"].dropna()) == [4]
    assert jobs[["s", "cpu_time", "max_rss"]].to_numpy().tolist() == [[1, 0.5, 100], [3, 2.5, 300], [5, 4.5, 500]]


def test_a_job_that_was_killed_has_no_row(tmp_path):
    write(tmp_path / "fit_saes/relu/0.tsv")
    (tmp_path / "fit_saes/relu/1.tsv").write_text(HEADER.rstrip())
    assert read_benchmarks(tmp_path).empty
    write(tmp_path / "fit_saes/relu/2.tsv", "5\t0:00:05\t500\t4.5\n")
    assert list(read_benchmarks(tmp_path)["seed"]) == [2]


def test_jobs_of_what_is_no_longer_there_do_not_count(tmp_path):
    for name in (
        "judge_claims",
        "draw_figure/old",
        "draw_figure/new",
        "fit_saes/old/0",
        "fit_saes/new/0",
        "fit_saes/new/5",
    ):
        write(tmp_path / f"{name}.tsv", "1\t0:00:01\t100\t0.5\n")
    jobs = of_configuration(read_benchmarks(tmp_path), {"new": [4, 5], "other": [0]}, ["new"])
    assert sorted(zip(jobs["rule"], jobs["experiment"], jobs["seed"].fillna(-1), strict=True)) == [
        ("draw_figure", "new", -1),
        ("fit_saes", "new", 5),
        ("judge_claims", "", -1),
    ]


def test_every_job_before_the_report_is_measured():
    for path in ROOT.glob("rules/*.smk"):
        if path.stem != "report":
            text = path.read_text()
            assert text.count("    log:\n") == text.count("    benchmark:\n"), path


def test_what_a_job_says_of_itself_counts_more(tmp_path):
    logs = "done\ncost: 31.25 s of CPU, 700 MiB of memory\n", "cost: 1.00 s of CPU\nkilled\n", ""
    for seed, log in enumerate(logs):
        write(tmp_path / f"fit_saes/relu/{seed}.tsv", "40\t0:00:40\t500\t15.1\n")
        (tmp_path / f"fit_saes/relu/{seed}.log").write_text(log)
    read = read_benchmarks(tmp_path)[["cpu_time", "max_rss"]].to_numpy().tolist()
    assert read == [[31.25, 700], [15.1, 500], [15.1, 500]]


MODULE = """
import sys, time
kept = bytearray(80 * 2**20)
while time.process_time() < 0.6: pass
print(sys.argv[1:], __name__)
if "fail" in sys.argv: sys.exit("what failed")
"""


def run_measured(folder, *arguments):
    (folder / "step.py").write_text(MODULE)
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{folder}"}
    command = [sys.executable, "-m", "scripts.measured", "-m", "step", *arguments]
    with (folder / "log").open("w") as log:
        code = subprocess.run(command, env=environment, stdout=log, stderr=subprocess.STDOUT, timeout=120).returncode
    return code, folder / "log"


def test_a_step_ends_its_log_with_its_cost(tmp_path):
    code, log = run_measured(tmp_path, "--seed", "3")
    assert code == 0
    assert log.read_text().startswith("['--seed', '3'] __main__\n")
    cost = read_cost(log)
    assert 0.6 < cost["cpu_s"] < 10
    assert sys.platform != "linux" or 80 < cost["peak_mib"] < 400


def test_a_step_that_fails_ends_with_its_error(tmp_path):
    code, log = run_measured(tmp_path, "fail")
    assert code == 1
    assert log.read_text().splitlines()[-1] == "what failed"
    assert read_cost(log) == {}
