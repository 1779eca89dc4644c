"""The report, one file of all pages: every section is there, films move, and the rules are drawn."""

import pytest
from browser import drive, needs_browser
from builders import ROOT
from workflow_runs import Project

from pipeline.report_frames import let_frames_open
from pipeline.sections import list_sections

SECTIONS = list_sections(ROOT / "paper")
FILM = "sae_training_film"  # one that the small copy of the project can draw
STEPS = """
  const links = () => [...doc.querySelectorAll("a")], text = node => node.textContent.trim();
  const find = name => until(() => links().find(link => text(link) === name));
  async function open(category) { // -> its rows, one for each page
    (await find(category)).click();
    await until(() => doc.querySelector("a[iconname=eye]"));
    return [...doc.querySelectorAll("tbody tr")];
  }
  async function show(row) {
    row.querySelector("a[iconname=eye]").click();
    const frame = await until(() => doc.querySelector("iframe"));
    const isPaper = frame.src && (await (await fetch(frame.src)).text()).startsWith("%PDF");
    return isPaper ? "a PDF" : until(() => inside(`
      document.readyState === "complete" && document.querySelector("h1") && {
        title: document.querySelector("h1").textContent,
        pictures: [...document.images].map(image => [image.naturalWidth, image.alt]),
        captions: [...document.querySelectorAll("figcaption")].map(caption => caption.textContent) }`));
  }
"""


@pytest.fixture(scope="module")
def report(tiny_run: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny run with a film and with report.html."""
    project = tiny_run.copy(tmp_path_factory.mktemp("report") / "project")
    project.configure({"figures": {FILM: {"film": True}}})
    project.run("--cores", "2", "present")
    project.run("--report", "report.html", "present")
    let_frames_open(project.root / "report.html")
    return project


@needs_browser
def test_a_page_of_many_megabytes_opens(tmp_path):
    """And so does one after it in the same frame; Chromium leaves a frame blank whose data URI has more than two."""
    page = tmp_path / "report.html"
    page.write_text("<html>\n<head>\n<title>Report</title></head><body></body></html>")
    let_frames_open(page)
    script = """
      const frame = doc.createElement("iframe"), seen = [];
      for (const [title, size] of [["large", 5e6], ["small", 10]]) {
        const text = btoa(`<h1>${title}</h1><!--${"x".repeat(size)}-->`);
        frame.setAttribute("src", `data:text/html;charset=utf8;base64,${text}`);
        if (!frame.isConnected) doc.body.append(frame);
        seen.push(await until(() => inside(`document.querySelector("h1")?.textContent === "${title}" && "${title}"`)));
      }
      return seen;
    """
    assert drive(page, script, tmp_path) == ["large", "small"]


def test_only_reports_are_rewritten(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<html>\n<head>\n</head></html>")
    let_frames_open(page)
    once = page.read_text()
    for text in (once, "no report"):
        page.write_text(text)
        with pytest.raises(SystemExit, match="allowed are reports"):
            let_frames_open(page)
        assert page.read_text() == text


@needs_browser
def test_the_report_shows_every_section_and_stands_alone(report: Project, tmp_path):
    script = """
      const ours = /^\\d+\\. |^(Claims|Glossary|Jobs|Paper)$/, shown = {};
      await find("Claims");
      for (const category of links().map(text).filter(name => ours.test(name))) {
        shown[category] = {};
        for (const row of await open(category)) shown[category][text(row)] = await show(row);
        doc.querySelector("nav nav ol a").click(); // home
        await find("Workflow");
      }
      return shown;
    """
    seen = drive(report.root / "report.html", STEPS + script, tmp_path)
    figures = {path.stem for path in (report.results / "report").glob("*.html")}
    expected = {
        "Claims": {"all_claims"},
        "Glossary": {"questions_and_answers"},
        "Jobs": {"time_and_memory"},
        "Paper": {"the_paper"},
    }
    for number, section in enumerate(SECTIONS, 1):
        shown = figures & set(section["figures"])
        expected |= {f"{number:02}. {section['title']}": shown} if shown else {}
    named = {category: {to_name(row): page for row, page in rows.items()} for category, rows in seen.items()}
    assert {category: set(rows) for category, rows in named.items()} == expected
    pages = {name: page for rows in named.values() for name, page in rows.items()}
    assert pages.pop("the_paper") == "a PDF"
    for name, page in pages.items():
        assert all(width > 0 and len(alt.split()) >= 5 for width, alt in page["pictures"]), name
    assert {name: len(pages[name]["pictures"]) for name in figures} == {name: 1 + (name == FILM) for name in figures}
    for name in figures:
        caption = (ROOT / "paper/captions" / f"{name}.rst").read_text()
        assert (to_name(pages[name]["title"]), pages[name]["captions"]) == (name, [" ".join(caption.split())])
    glossary = pages["questions_and_answers"]
    assert len(glossary["captions"]) == len(glossary["pictures"]) > 0


@needs_browser
def test_a_film_of_the_report_moves_until_it_is_paused(report: Project, tmp_path):
    [section] = [
        f"{number:02}. {section['title']}" for number, section in enumerate(SECTIONS, 1) if FILM in section["figures"]
    ]
    title = FILM.replace("_", " ").replace("sae", "SAE")
    script = f"""
      const row = (await open({section!r})).find(row => text(row) === {title!r});
      await show(row);
      await inside(`document.getElementById("film").scrollIntoView()`);
      const first = await look();
      await until(async () => await look() !== first);
      await inside(`document.getElementById("pause").click()`);
      await inside(`document.getElementById("film").decode()`);
      await wait(200);
      const still = await look(), later = [];
      for (let i = 0; i < 5; i++) {{ await wait(500); later.push(await look() === still); }}
      return later;
    """
    assert drive(report.root / "report.html", STEPS + script, tmp_path) == [True] * 5


@needs_browser
def test_the_report_draws_the_rules(report: Project, tmp_path):
    """Each in a colour of its own; of the twenty that there are four are greys, as lines are."""
    script = """
      (await find("Workflow")).click();
      const graph = await until(() => doc.querySelector("#rulegraph canvas"));
      const pixels = graph.getContext("2d").getImageData(0, 0, graph.width, graph.height).data, counts = {};
      for (let i = 0; i < pixels.length; i += 4) {
        const color = pixels.slice(i, i + 3).map(part => part >> 3); // what is nearly the same is the same
        const grey = Math.max(...color) - Math.min(...color) < 2;
        if (pixels[i + 3] > 240 && !grey) counts[color] = (counts[color] ?? 0) + 1;
      }
      const drawn = Object.values(counts).filter(count => count > 20).length;
      return { drawn, rules: rulegraph_spec.data[0].values.map(node => node.rule) };
    """
    seen = drive(report.root / "report.html", STEPS + script, tmp_path)
    rules = set(seen["rules"])
    assert {"train_toy_models", "fit_saes", "draw_film", "judge_claims", "present"} <= rules
    assert seen["drawn"] == min(len(rules), 16)


def to_name(title: str) -> str:
    return title.lower().replace(" ", "_")
