"""The pages of the report: they stand alone, and can be searched, sorted, paused and read aloud."""

import re
from pathlib import Path

import pandas as pd
import pytest
from browser import drive, needs_browser
from builders import ROOT, TABLES
from PIL import Image

from pipeline.sections import list_sections
from scripts.present_claims import present_claims
from scripts.present_figure import present_figure
from scripts.present_jobs import read_benchmarks
from superposition.claims import CLAIMS
from superposition.claims.judging import judge_claims
from superposition.storage import save_table

TEMPLATES = [str(path) for path in (ROOT / "report").glob("*.html")]
SECTIONS = list_sections(ROOT / "paper")
FIGURE = "sae_recovery"  # one that claims name
SPEC = {
    "figure": FIGURE,
    "title": "Recovery",
    "caption": "What was <found>. And more of it. And the rest.",
    "script": FIGURE,
    "experiments": ["relu_no_resampling"],
}


@pytest.fixture
def claims(tmp_path: Path) -> str:
    """Verdicts on nothing, with values put in by hand: the first claim's parts have 10, 9, undefined, ..."""
    table = judge_claims(CLAIMS, {}, set())
    table.loc[:1, "value"] = [10.0, 9.0]
    table.loc[:1, "verdict"] = ["failed", "reproduced"]
    path = tmp_path / "claims.parquet"
    save_table(table, path, TABLES["claims"] | {"table": "claims"}, {})
    return str(path)


@pytest.fixture
def page_of_claims(tmp_path: Path, claims: str) -> Path:
    page = tmp_path / "pages" / "claims.html"
    page.parent.mkdir(exist_ok=True)
    present_claims({"sections": SECTIONS}, claims, str(page), TEMPLATES)
    return page


@pytest.fixture
def page_of_figure(tmp_path: Path, claims: str) -> Path:
    """A page with a film of two frames."""
    png, gif, page = tmp_path / "figure.png", tmp_path / "figure.gif", tmp_path / "pages" / "figure.html"
    page.parent.mkdir(exist_ok=True)
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    frames[0].save(png)
    frames[0].save(gif, save_all=True, append_images=frames[1:], duration=100, loop=0)
    present_figure(SPEC, str(png), claims, str(page), [str(gif)], TEMPLATES)
    return page


def test_every_figure_of_the_paper_stands_in_one_section():
    shown = [figure for section in SECTIONS for figure in section["figures"]]
    assert len(shown) == len(set(shown))
    assert set(shown) == {path.stem for path in (ROOT / "paper/captions").glob("*.rst")}


def test_a_page_escapes_what_it_is_given(page_of_figure):
    text = page_of_figure.read_text()
    assert "What was &lt;found&gt;. And more of it. And the rest." in text
    assert 'alt="What was &lt;found&gt;. And more of it."' in text


def test_a_page_lists_the_claims_that_name_its_figure(page_of_figure):
    ids = re.findall(r'scope="rowgroup"[^>]*>([^<]+)<br>', page_of_figure.read_text())
    assert ids == [claim.id for claim in CLAIMS if FIGURE in claim.figures] != []


def test_pages_ask_for_nothing_outside(page_of_figure, page_of_claims):
    for page in (page_of_figure, page_of_claims):
        assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import|fetch\(|https?://""", page.read_text())


def test_benchmarks_that_were_not_measured_are_undefined(tmp_path):
    for seed, row in enumerate(("0.2\t0:00:00\t-\tNA", "12.5\t0:00:12\t310.25\t12.0")):
        path = tmp_path / "train_toy_models" / "five" / f"{seed}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\tmax_rss\tcpu_time\n{row}\n")
    jobs = read_benchmarks(tmp_path)
    assert list(jobs["rule"]) == ["train_toy_models"] * 2
    assert list(jobs["seed"]) == [0, 1]
    assert pd.isna(jobs.loc[0, ["cpu_time", "max_rss"]]).all()
    assert list(jobs.loc[1, ["s", "cpu_time", "max_rss"]]) == [12.5, 12.0, 310.25]


@needs_browser
def test_claims_can_be_searched_filtered_and_sorted(page_of_claims, tmp_path):
    script = """
      const rows = () => [...doc.querySelectorAll("#claims tbody tr")], shown = () => rows().filter(row => !row.hidden);
      const set = (id, value) => {
        const control = doc.getElementById(id);
        control.value = value;
        control.dispatchEvent(new win.Event("input"));
        return shown().length;
      };
      const value = [...doc.querySelectorAll("#claims thead button")].find(button => button.textContent === "Value");
      const all = rows().length, first = rows()[0].cells[0].querySelector("strong").textContent;
      const found = [set("search", first), set("search", "no such words"), set("search", ""), set("verdict", "failed"),
        set("verdict", "")];
      const numbers = () => rows().map(row => row.cells[2].dataset.value).slice(0, 3);
      value.click();
      const up = numbers(), ascending = value.closest("th").getAttribute("aria-sort");
      value.click();
      return { all, found, up, ascending, down: numbers(), status: doc.getElementById("shown").textContent,
        labelled: [...doc.querySelectorAll("input, select")].every(control => control.labels.length === 1) };
    """
    seen = drive(page_of_claims, script, tmp_path)
    n_parts = sum(len(claim.parts) for claim in CLAIMS)
    assert seen["all"] == n_parts
    assert seen["found"][0] >= len(CLAIMS[0].parts)
    assert seen["found"][1:] == [0, n_parts, 1, n_parts]
    assert seen["up"] == ["9.0", "10.0", ""]  # as numbers, the undefined last
    assert seen["down"] == ["10.0", "9.0", ""]
    assert seen["ascending"] == "ascending"
    assert seen["labelled"]
    assert str(n_parts) in seen["status"]


@needs_browser
def test_films_move_and_can_be_stopped(page_of_figure, tmp_path):
    script = """
      const film = doc.getElementById("film"), button = doc.getElementById("pause"), moving = film.src;
      await film.decode();
      button.focus();
      const focused = doc.activeElement === button;
      button.click();
      const still = [film.src.slice(0, 22), button.textContent, button.getAttribute("aria-pressed")];
      button.click();
      return { focused, still, again: film.src === moving, width: film.naturalWidth, kind: moving.slice(0, 15),
        described: [...doc.images].every(image => image.alt.length > 5), language: doc.documentElement.lang,
        headings: doc.querySelectorAll("h1").length };
    """
    seen = drive(page_of_figure, script, tmp_path)
    assert seen["still"] == ["data:image/png;base64,", "Play", "true"]
    assert seen == seen | {"focused": True, "again": True, "kind": "data:image/gif;", "described": True}
    assert seen == seen | {"language": "en", "headings": 1}


@needs_browser
def test_claims_are_filtered_and_sorted_by_keyboard(page_of_claims, tmp_path):
    first, n_parts = CLAIMS[0].id, len(CLAIMS[0].parts)
    script = f"""
      const rows = () => [...doc.querySelectorAll("#claims tbody tr")], shown = () => rows().filter(row => !row.hidden);
      const reach = wanted => until(async () => {{ await press("Tab"); return wanted(doc.activeElement); }});
      const numbers = () => shown().map(row => row.cells[2].dataset.value).slice(0, 2);
      await reach(node => node.id === "search");
      for (const letter of {first!r}) await press(letter);
      const found = shown().length;
      await reach(node => node.textContent === "Value");
      await press("Enter");
      const up = numbers();
      await press("Enter");
      const down = numbers();
      doc.activeElement.blur();
      await reach(node => node.id === "verdict");
      await press("f");
      return {{ found, up, down, failed: shown().map(row => row.dataset.verdict) }};
    """
    seen = drive(page_of_claims, script, tmp_path)
    assert seen == {"found": n_parts, "up": ["9.0", "10.0"], "down": ["10.0", "9.0"], "failed": ["failed"]}
