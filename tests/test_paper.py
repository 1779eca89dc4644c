"""The paper compiles from any part of the configuration, and from nothing that it does not know."""

import copy
import json
import re
from pathlib import Path

import pytest
import typst
import yaml
from builders import CONFIG, ROOT, TABLES
from typed_numbers import ALLOWED
from typst_prose import prose_of

from benchmarks.run_time import publish_run
from pipeline.configuration import load_configuration
from scripts.packing import pack, unpack
from scripts.pages import describe
from scripts.typeset_paper import typeset_paper
from superposition.claims import CLAIMS
from superposition.claims.judging import judge_claims
from superposition.storage import save_table

PAPER = ROOT / "paper"
WITHOUT_CLAIMS = ("speed", "glossary")
SECTIONS = {path.stem: path.read_text() for path in (PAPER / "sections").glob("*.typ")}
ONE_TOY_MODEL = {"toy_models": {"five_in_two": CONFIG["toy_models"]["five_in_two"]}}


def list_sources() -> list[Path]:
    return [path for path in PAPER.rglob("*") if path.suffix in (".typ", ".bib", ".rst", ".yaml", ".json", ".pdf")]


def typeset(folder: Path, raw: dict, sources: list[Path], figures: tuple[Path, ...] = ()) -> bytes:
    """The PDF of a configuration in which nothing was measured."""
    config = load_configuration(raw, ROOT / "schemas/config.schema.yaml", ROOT)
    claims = folder / "claims.parquet"
    save_table(judge_claims(CLAIMS, {}, set()), claims, TABLES["claims"] | {"table": "claims"}, {})
    numbers, pdf = folder / "paper.json", folder / "paper.pdf"
    files = {"numbers": str(numbers), "pdf": str(pdf), "figures": [*map(str, figures)], "sources": [*map(str, sources)]}
    typeset_paper({"packed_config": pack(config)}, str(claims), **files)
    assert json.loads(numbers.read_text())["figures"] == [figure.stem for figure in figures]
    return pdf.read_bytes()


def typeset_text(folder: Path, text: str, raw: dict = ONE_TOY_MODEL, figures: tuple[Path, ...] = ()) -> bytes:
    """As `typeset`, with `text` in the place of the paper's; Typst's own assertions in it have to hold."""
    probe = folder / "paper.typ"
    probe.write_text(f'#import "elements.typ": *\n{text}')
    return typeset(folder, raw, [probe, *(path for path in list_sources() if path.name != probe.name)], figures)


def test_a_configuration_travels_on_a_command_line():
    longest = 128 * 1024  # of Linux
    config = load_configuration(copy.deepcopy(CONFIG), ROOT / "schemas/config.schema.yaml", ROOT)
    several = {f"{section}_{i}": block for section, block in config.items() for i in range(4)}
    assert len(json.dumps(several)) > 2 * longest
    assert len(pack(several)) < longest / 2
    assert unpack(pack(several)) == several


def test_one_toy_model_and_no_figure_make_a_paper(tmp_path):
    assert typeset(tmp_path, ONE_TOY_MODEL, list_sources()).startswith(b"%PDF")


def test_the_methods_name_the_seeds_where_they_differ(tmp_path):
    raw = copy.deepcopy({key: CONFIG[key] for key in ("seeds", "toy_models", "saes", "dictionaries")})
    raw["toy_models"]["five_in_two_sparse"]["seeds"] = 3
    assert typeset(tmp_path, raw, list_sources()).startswith(b"%PDF")
    numbers = json.loads((tmp_path / "paper.json").read_text())
    seeds = {row["id"]: row["seeds"] for row in [*numbers["toy_models"], *numbers["saes"]]}
    assert [seeds[name] for name in ("five_in_two", "five_in_two_sparse", "relu_no_resampling")] == ["5", "3", "3"]


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_a_section_can_be_left_out(tmp_path, section):
    sources = [path for path in list_sources() if path != PAPER / "sections" / f"{section}.typ"]
    assert typeset(tmp_path, ONE_TOY_MODEL, sources).startswith(b"%PDF")


def test_a_section_without_a_place_is_named(tmp_path):
    stray = tmp_path / "sections" / "stray.typ"
    stray.parent.mkdir()
    stray.write_text("= Stray")
    with pytest.raises(ValueError, match="the section stray has no place in the paper"):
        typeset(tmp_path, ONE_TOY_MODEL, [*list_sources(), stray])


def test_what_is_not_in_the_configuration_is_said_in_words(tmp_path):
    text = """
        #assert.eq(measured("A1.1-a", part: 2), [not measured])
        #assert.eq(drawn("features_in_2d"), none)
        #assert.eq(fig("features_in_2d"), [a figure left out here])
        #fig("features_in_2d") #drawn("features_in_2d") #verdict-on("A5.1") #claims-table("sparse_autoencoders")
    """
    assert typeset_text(tmp_path, text).startswith(b"%PDF")


def test_what_is_in_the_configuration_is_drawn_and_referred_to(tmp_path):
    figure = tmp_path / "features_in_2d.pdf"
    figure.write_bytes(typst.compile(b"#set page(width: 8cm, height: 3cm)\nFigure"))
    raw = ONE_TOY_MODEL | {"figures": {"features_in_2d": {"toy_models": ["five_in_two"]}}}
    text = """
        #set figure(numbering: "1")
        #assert.eq(fig("features_in_2d"), ref(label("fig-features_in_2d")))
        #fig("features_in_2d") #drawn("features_in_2d")
        #context assert.eq(query(figure).map(each => each.label), (label("fig-features_in_2d"),))
    """
    assert typeset_text(tmp_path, text, raw, (figure,)).startswith(b"%PDF")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('#measured("A1.1-z")', "the paper quotes the unknown claim A1.1-z"),
        ('#verdict-on("A1.1-z")', "the paper quotes the unknown claim A1.1-z"),
        ('#drawn("features_in_3d")', "the paper shows the unknown figure features_in_3d"),
        ('#fig("features_in_3d")', "the paper shows the unknown figure features_in_3d"),
        ('#claims-table("basis")', "the paper shows the claims of the unknown section basis"),
        ('#measured("A1.1-a", part: 9)', "array index out of bounds"),
    ],
)
def test_a_misspelt_name_is_an_error(tmp_path, text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        typeset_text(tmp_path, text)


def test_every_figure_is_drawn_once():
    drawn = [name for text in SECTIONS.values() for name in re.findall(r'#drawn\("(\w+)"\)', text)]
    assert sorted(drawn) == sorted(CONFIG["figures"])


def test_every_figure_is_referred_to_in_the_section_that_draws_it():
    for text in SECTIONS.values():
        assert set(re.findall(r'#drawn\("(\w+)"\)', text)) <= set(re.findall(r'#fig\("(\w+)"\)', text))


def test_every_caption_opens_by_saying_what_is_shown():
    """The opening is the figure's alternative text, which is read without the figures before."""
    for path in (PAPER / "captions").glob("*.rst"):
        opening = describe(" ".join(path.read_text().split()))
        assert len(opening.split()) >= 5, path.name
        assert not opening.startswith(("As before", "The same", "As in", "Again")), path.name


def test_every_section_shows_its_claims_in_the_order_of_the_claims():
    [listed] = re.findall(r"#let sections = \((.*?)\)", (PAPER / "paper.typ").read_text(), re.DOTALL)
    order = [name for name in re.findall(r'"(\w+)"', listed) if name in SECTIONS]
    assert order == [*dict.fromkeys(claim.section for claim in CLAIMS), *WITHOUT_CLAIMS]
    for name, text in SECTIONS.items():
        if name in WITHOUT_CLAIMS:
            continue
        assert re.findall(r'#claims-table\("(\w+)"\)', text) == [name]


def test_what_is_said_of_claims_that_failed_names_claims_and_no_results():
    findings = yaml.safe_load((PAPER / "findings.yaml").read_text())
    assert findings.keys() <= {claim.id for claim in CLAIMS}
    by_verdict = [finding for finding in findings.values() if isinstance(finding, dict)]
    texts = [finding for finding in findings.values() if isinstance(finding, str)]
    texts += [text for finding in by_verdict for text in finding.values()]
    assert not [text for text in texts if re.search(r"\d", text)]
    assert {verdict for finding in by_verdict for verdict in finding} == {"borderline"}


RUN_OF = {
    "first_seed": 0,
    "toy_models": {"tiny": {"seeds": 1}},
    **{section: {} for section in ("finite_data", "dictionaries", "saes", "figures")},
}


def publish_made_up_run(folder: Path) -> Path:
    """The file of a run with three jobs, one of them too short to be measured."""
    rows = {
        "train_toy_models": "10\t0:00:10\t300\t8",
        "fit_saes": "20\t0:00:20\t500\t19",
        "measure_saes": "0.1\t0\tNA\t-",
    }
    for rule, row in rows.items():
        path = folder / "logs" / rule / "tiny" / "0.tsv"
        path.parent.mkdir(parents=True)
        path.write_text(f"s\th:m:s\tmax_rss\tcpu_time\n{row}\n")
    (folder / "of_run.json").write_text('{"commit": "abc"}')
    publish_run(folder / "logs", folder / "of_run.json", folder / "run.json", RUN_OF)
    return folder / "run.json"


def test_what_a_run_took_is_summed_by_stage(tmp_path):
    run = json.loads(publish_made_up_run(tmp_path).read_text())
    assert (run["commit"], run["n_jobs"], run["peak_memory_mib"]) == ("abc", "3", "500")
    assert run["stages"] == [
        {"stage": "toy models", "n_jobs": "1", "cpu_s": "8", "wall_s": "10"},
        {"stage": "autoencoders", "n_jobs": "2", "cpu_s": "19", "wall_s": "20.1"},
    ]


def test_the_paper_tells_what_a_run_took_if_that_is_published(tmp_path):
    sources = [path for path in list_sources() if path.name != "run.json"]
    without = typeset(tmp_path, ONE_TOY_MODEL, sources)
    published = publish_made_up_run(tmp_path)
    assert typeset(tmp_path, ONE_TOY_MODEL, [*sources, published]) != without


def test_a_folder_without_a_run_has_nothing_to_publish(tmp_path):
    with pytest.raises(SystemExit, match="there are no benchmarks"):
        publish_run(tmp_path, tmp_path / "paper.json", tmp_path / "run.json", RUN_OF)


def read_prose() -> dict[str, str]:
    """The prose of the paper by file: its text, sections, captions and glossary, each space single."""
    prose = {path.stem: prose_of(path.read_text()) for path in (PAPER / "paper.typ", *PAPER.glob("sections/*.typ"))}
    prose |= {f"captions/{path.stem}": path.read_text() for path in PAPER.glob("captions/*.rst")}
    entries = yaml.safe_load((PAPER / "glossary.yaml").read_text())
    prose["glossary.yaml"] = " ".join(entry[key] for entry in entries for key in ("question", "answer"))
    return {name: " ".join(text.split()) for name, text in prose.items()}


def test_prose_is_what_is_left_of_typst_without_code():
    text = """#import "a.typ": *
        #let x = 1
        Seen #measured("A1", part: 2) and @ref2 at $p = 0.5$, $x^2$ `raw3`#if a.len() > 0 [kept 7] else [or 8] 9. // 10
        #fig("a4")[11] #{ let y = 12; [13 #raw("14")] }"""
    assert re.findall(r"[\d.]*\d", prose_of(text)) == ["0.5", "7", "8", "9", "11", "13"]


def test_no_number_of_the_prose_is_typed_but_those_allowed():
    found = {}
    for name, text in read_prose().items():
        for phrase in sorted((phrase for file, phrase, *_ in ALLOWED if file == name), key=len, reverse=True):
            text = re.sub(rf"(?<![\w.]){re.escape(phrase)}(?!\w)", " ", text)
        found |= {name: re.findall(r".{0,20}\d.{0,20}", text)} if re.search(r"\d", text) else {}
    assert not found


@pytest.mark.parametrize(("file", "phrase", "reason", "places"), ALLOWED)
def test_a_number_that_is_a_setting_has_the_value_of_the_configuration(file, phrase, reason, places):
    assert reason in ("setting", "source", "theory")
    assert bool(places) == (reason == "setting")
    values = []
    for place in places:
        value = CONFIG
        for key in place.split("."):
            value = value[key]
        values += value if isinstance(value, list) else [value]
    numbers = [float(number.replace(",", "")) for number in re.findall(r"\d(?:[\d,.]*\d)?", phrase)]
    assert not places or set(numbers) <= set(values)


def test_a_table_of_claims_counts_its_verdicts(tmp_path):
    text = """
        #let judged(..verdicts) = verdicts.pos().enumerate().map(((i, verdict)) => (id: "A" + str(i), verdict: verdict))
        #let spoken(content) = if content.has("children") { content.children.map(spoken).join() } else {
          let inner = ("body", "child").find(field => content.has(field))
          if inner != none { spoken(content.at(inner)) } else { content.at("text", default: " ") }
        }
        #assert.eq(spoken(count-verdicts(judged("reproduced", "reproduced"))), "2 of 2 reproduced")
        #let count = count-verdicts(judged("failed", "reproduced", "borderline", "failed", "not measured"))
        #assert.eq(spoken(count), "1 of 5 reproduced; borderline: A2; failed: A0, A3; not measured: A4")
    """
    assert typeset_text(tmp_path, text).startswith(b"%PDF")


def test_a_relation_in_a_quantity_is_not_broken(tmp_path):
    text = r"""#assert.eq(keep-relations("a share at p ≤ 0.1"), "a share at p\u{a0}≤\u{a0}0.1")"""
    assert typeset_text(tmp_path, text).startswith(b"%PDF")


def test_thresholds_that_were_derived_or_calibrated_are_marked(tmp_path):
    text = '#assert.eq(threshold-marks, ("derived": super[d], "calibrated": super[c]))'
    assert typeset_text(tmp_path, text).startswith(b"%PDF")


@pytest.mark.parametrize("section", SECTIONS)
def test_no_semicolon_is_swallowed(section):
    # behind an expression it ends that expression, and is not printed, unless a backslash stands before it
    assert re.findall(r"#\w[\w.-]*(?:\([^()]*\))?;(?=\s)", SECTIONS[section]) == []
