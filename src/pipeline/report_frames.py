"""Make every page of a report of Snakemake open, however large it is.

python -m pipeline.report_frames results/report.html
"""

import sys
from pathlib import Path

FRAMES = Path(__file__).resolve().parents[2] / "report/frames.js"
BEGINNING = "<head>\n"


def let_frames_open(report: Path) -> None:
    """Put report/frames.js before all other scripts; SystemExit if this is no report, or one that has it already."""
    before, beginning, after = report.read_text(encoding="utf-8").partition(BEGINNING)
    script = f"<script>\n{FRAMES.read_text(encoding='utf-8')}</script>\n"
    if not beginning or after.startswith(script):
        raise SystemExit(f"{report}: allowed are reports as `snakemake --report` writes them")
    temporary = report.with_name(f".{report.name}")
    temporary.write_text(before + beginning + script + after, encoding="utf-8")
    temporary.replace(report)


if __name__ == "__main__":
    let_frames_open(Path(sys.argv[1]))
