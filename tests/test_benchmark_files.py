"""What Snakemake measured of the jobs, of every rule, also where a job was killed."""

from workflow_runs import ROOT

from scripts.present_jobs import read_benchmarks

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


def test_every_job_before_the_report_is_measured():
    for path in ROOT.glob("rules/*.smk"):
        if path.stem != "report":
            text = path.read_text()
            assert text.count("    log:\n") == text.count("    benchmark:\n"), path
