"""How figures look and how they are written: sizes in print, colours, the elements that several figures share.

Figures are plain `matplotlib.figure.Figure` objects, drawn under `style()` and saved by `save_figure`: neither pyplot's
list of open figures nor the global settings are touched, and the fonts are those that ship with matplotlib.
"""

import textwrap
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib.style
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.ticker import Locator
from numpy.typing import ArrayLike

from superposition.storage import atomic_path

TEXT_WIDTH = 6.3  # inches between the margins of the paper
PNG_DPI = 300
LINE = 84  # characters of a title that fit in TEXT_WIDTH
SMALL, BASE, LARGE = 7.0, 8.0, 9.0  # points; tick labels and notes, text, titles of figures

INK, GREY, FAINT = "#222222", "#8c8c8c", "#d4d4d4"  # data without a colour of its own, reference and theory, background
RESAMPLED = "#b8358f"
DASHES = (0, (4, 2))  # of reference lines
SWEEPS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito's colour-blind safe hues
IMPORTANCE = sns.color_palette("flare", as_cmap=True)  # the more important, the darker
SPARSITY = LinearSegmentedColormap.from_list(
    "sparsity", sns.color_palette("mako", 256)[210:55:-1]
)  # the rarer, the darker

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": BASE,
    "mathtext.fontset": "dejavusans",
    "axes.titlesize": BASE,
    "axes.labelsize": BASE,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "figure.titlesize": LARGE,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlelocation": "left",
    "axes.titlepad": 5,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 1.6,
    "ytick.minor.size": 1.6,
    "lines.linewidth": 1.1,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "pdf.fonttype": 42,  # TrueType outlines: the text in the PDF stays text
    "pdf.compression": 6,
    "savefig.dpi": PNG_DPI,
}


def style() -> AbstractContextManager:
    """A block under matplotlib's defaults and STYLE, whatever the settings of the user are."""
    return matplotlib.style.context(["default", STYLE])


def make_figure(height: float, layout: str = "constrained") -> Figure:
    """An empty figure as wide as the text; height in inches."""
    return Figure(figsize=(TEXT_WIDTH, height), layout=layout)


def set_title(figure: Figure | SubFigure, text: str, color: str = INK) -> None:
    figure.suptitle(wrap(text), x=0.005, horizontalalignment="left", color=color)


def title_of(experiments: dict[str, dict]) -> str:
    """The titles of the configuration blocks that a figure shows; what all say before their last comma is said once."""
    titles = [block["title"].rpartition(", ") for block in experiments.values()]
    if len(titles) > 1 and len({head for head, _, _ in titles}) == 1:
        first, *others = [tail for _, _, tail in titles]
        *before, last = [first, *map(continue_sentence, others)]
        return "".join(titles[0][:2]) + f"{', '.join(before)} and {last}"
    first, *others = map("".join, titles)
    return "; ".join([first, *map(continue_sentence, others)])


def continue_sentence(title: str) -> str:
    """Without the capital of its first word, unless the word is a name such as ReLU."""
    word = title.split(" ", 1)[0]
    return title[:1].lower() + title[1:] if word.istitle() else title


def split_rows(figure: Figure, titles: Iterable[str], columns: int) -> list[tuple[SubFigure, np.ndarray]]:
    """A row of `columns` panels under each title: (row, its axes)."""
    titles = list(titles)
    rows = figure.subfigures(len(titles), 1, squeeze=False)[:, 0]
    for row, title in zip(rows, titles, strict=True):
        set_title(row, title)
    return [(row, row.subplots(1, columns)) for row in rows]


def wrap(title: str) -> str:
    """In lines that fit the width of the text."""
    return textwrap.fill(title, LINE)


def save_figure(figure: Figure, pdf: str | Path, png: str | Path, metadata: dict[str, str]) -> None:
    """Write both files, or neither if drawing fails. The same figure gives the same bytes: no dates, no versions.

    Args:
        metadata: where the figure comes from; the keywords of the PDF, and text chunks of the PNG
    """
    undated = dict.fromkeys(("CreationDate", "ModDate", "Creator", "Producer"))
    keywords = ", ".join(f"{key} {value}" for key, value in sorted(metadata.items()))
    with style():
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # one layout for both files: each pass of the engine would move the panels
        with atomic_path(pdf) as pdf_file, atomic_path(png) as png_file:
            figure.savefig(pdf_file, format="pdf", metadata={**undated, "Keywords": keywords})
            figure.savefig(png_file, format="png", metadata={"Software": None, **metadata})


def color_values(values: ArrayLike, colors: Colormap, log: bool = False) -> ScalarMappable:
    """Colours over the range of `values`; equal values all get the last colour."""
    values = np.log(values) if log else np.asarray(values, dtype=float)
    low, high = float(np.min(values)), float(np.max(values))
    return ScalarMappable(Normalize(low if low < high else high - 1, high), colors)


def color_sweeps(names: Iterable[str]) -> dict[str, str]:
    """A colour for each SAE sweep, by its place among those that a figure shows."""
    return {name: SWEEPS[index % len(SWEEPS)] for index, name in enumerate(names)}


def write_note(ax: Axes, text: str) -> None:
    """Say in an empty panel why it is empty."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=GREY, fontsize=SMALL, wrap=True)


def mark_level(ax: Axes, level: float, name: str, side: str = "below") -> None:
    """A reference level and its name: just below the line, at its right or left end, or beside it at the margin."""
    ax.axhline(level, color=GREY, linewidth=0.8, linestyle=DASHES, zorder=0)
    x, offset, ha, va = {
        "below": (1, (0, -3), "right", "top"),
        "below left": (0, (3, -3), "left", "top"),
        "beside": (1, (2, 0), "left", "center"),
    }[side]
    text = {"color": GREY, "fontsize": SMALL, "ha": ha, "va": va}
    ax.annotate(name, (x, level), offset, xycoords=("axes fraction", "data"), textcoords="offset points", **text)


def name_sweeps(figure: Figure, titles: dict[str, str], colors: dict[str, str], columns: int = 1) -> None:
    """The sweeps' titles above the panels, in columns, each in its colour and with a swatch of it."""
    handles = [Line2D([], [], color=colors[name], marker="s", markersize=5, linestyle="") for name in titles]
    figure.legend(
        handles,
        [wrap(title) for title in titles.values()],
        loc="outside upper left",
        labelcolor="linecolor",
        fontsize=LARGE,
        handlelength=0.5,
        handletextpad=0.6,
        borderpad=0,
        ncols=columns,
    )


def format_probability(probability: float) -> str:
    return f"$p$ = {probability:.2g}"


def spread_points(count: int, width: float) -> np.ndarray:
    """(count,) offsets that fill [-width/2, width/2] evenly and without a pattern: a jitter that is always the same."""
    golden = (5**0.5 - 1) / 2
    return ((np.arange(count) * golden + 0.5) % 1 - 0.5) * width


def arrange_panels(count: int, most_columns: int = 5) -> tuple[int, int]:
    """Rows and columns, as full as can be, of a grid with room for `count` panels."""
    rows = -(-count // most_columns)
    return rows, -(-count // rows)


def count_from_one(rows: int, columns: int) -> tuple[float, float, float, float]:
    """The extent of an image whose first row and column are number 1, as people count features."""
    return 0.5, columns + 0.5, rows + 0.5, 0.5


def prepare_square(ax: Axes, limit: float) -> None:
    """From -limit to limit both ways. No axes, and no ticks: unseen ones are placed, too, a third of a film's time."""
    ax.set_axis_off()
    ax.set(aspect="equal", xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[])


def prepare_plane(ax: Axes, limit: float) -> None:
    """The plane of two hidden dimensions: no axes, the unit circle, the same scale in both directions."""
    prepare_square(ax, limit)
    ax.add_patch(Circle((0, 0), 1, fill=False, edgecolor=FAINT, linewidth=0.6, linestyle=DASHES, zorder=0))


def draw_rays(ax: Axes, directions: np.ndarray, color: str = FAINT, linewidth: float = 1.6) -> None:
    """Directions (count, 2) as lines from the origin, behind everything else."""
    for x, y in directions:
        ax.plot([0, x], [0, y], color=color, linewidth=linewidth, zorder=1)


def limit_of_planes(*vectors: np.ndarray) -> float:
    """The largest coordinate in arrays (count, 2), and a margin; the unit circle always fits."""
    return 1.08 * max(1.0, *(float(np.abs(array).max()) for array in vectors if len(array)), 0.0)


def add_colorbar(figure: Figure, colors: ScalarMappable, label: str, ticks: ArrayLike | Locator) -> None:
    """A slim bar to the right of all panels."""
    bar = figure.colorbar(colors, ax=figure.axes, label=label, ticks=ticks, aspect=22, shrink=0.72, pad=0.02)
    bar.outline.set_visible(False)
    bar.minorticks_off()
