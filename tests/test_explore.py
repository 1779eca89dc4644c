"""docs/explore.py runs on what the workflow makes."""

import runpy

import matplotlib.pyplot as plt
from workflow_runs import ROOT, Project


def test_the_tables_can_be_explored(tiny_run: Project, monkeypatch, capsys):
    monkeypatch.chdir(tiny_run.root)
    plt.close("all")
    monkeypatch.setattr(plt, "show", lambda: None)
    runpy.run_path(str(ROOT / "docs/explore.py"))
    figures = [plt.figure(number) for number in plt.get_fignums()]
    assert [figure.axes[0].get_xlabel() for figure in figures] == ["feature_probability", "n_dead"]
    assert all(figure.axes[0].has_data() for figure in figures)
    assert "quantity" in capsys.readouterr().out
    plt.close("all")
