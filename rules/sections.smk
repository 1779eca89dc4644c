# The paper's sections, for the report: which figure stands in which, under what heading, with what caption.

from pipeline.sections import list_sections

SECTIONS = list_sections(PROJECT / "paper")
GLOSSARY = load_yaml(PROJECT / "paper/glossary.yaml")
SPELLING = {"sae": "SAE", "saes": "SAEs", "arena": "ARENA", "2d": "2D"}


def section_of_figure(wildcards):
    """The report's category: the section that shows the figure, numbered as in the paper."""
    for number, section in enumerate(SECTIONS, 1):
        if wildcards.figure in section["figures"]:
            return f"{number:02}. {section['title']}"  # names of categories are sorted as text
    return "Figures that are in no section"


def read_caption(figure):
    """The figure's caption, plain text; its title for one that has none yet."""
    path = PROJECT / "paper/captions" / f"{figure}.rst"
    return " ".join(path.read_text().split()) if path.exists() else title_of(figure)


def caption_of_figure(wildcards):
    return read_caption(wildcards.figure)


def title_of(figure):
    words = [SPELLING.get(word, word) for word in figure.split("_")]
    return " ".join([words[0][0].upper() + words[0][1:], *words[1:]])


def label_figure(wildcards):
    return {"figure": title_of(wildcards.figure)}


def film_of_figure(wildcards):
    """The film that goes with a figure, if it has one."""
    return [f"results/figures/{wildcards.figure}.gif"] if wildcards.figure in FILMS else []


def describe_page_of_figure(wildcards):
    figure = FIGURES[wildcards.figure]
    return {
        "figure": wildcards.figure,
        "title": title_of(wildcards.figure),
        "caption": caption_of_figure(wildcards),
        "script": figure["script"],
        "experiments": [name for names in experiments_of(figure) for name in names],
    }


def describe_page_of_claims(wildcards):
    return {"sections": [{"name": section["name"], "title": section["title"]} for section in SECTIONS]}


def describe_page_of_glossary(wildcards):
    described = [{"title": title_of(entry["figure"]), "caption": read_caption(entry["figure"])} for entry in GLOSSARY]
    return {"entries": [entry | figure for entry, figure in zip(GLOSSARY, described)]}


def pictures_of_glossary(wildcards):
    """The figures that its answers refer to, where the configuration draws them."""
    names = sorted({entry["figure"] for entry in GLOSSARY} & set(FIGURES))
    return [f"results/figures/{name}.png" for name in names]


def describe_page_of_jobs(wildcards):
    """What there is: logs of what there was before stay."""
    return {"seeds": SEEDS, "figures": sorted(FIGURES)}


def templates(wildcards):
    """Relative to the working directory, as `paper_sources` are."""
    return sorted(os.path.relpath(path) for path in (PROJECT / "report").glob("*.html"))
