"""How films are written: frames, figures all of one size, as an animated GIF that repeats."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from superposition.plotting import style
from superposition.storage import atomic_path

FRAME_DPI = 110  # of a figure as wide as the text: 693 pixels
FRAME_TIME = 100  # milliseconds
LAST_FRAMES = 20  # how many times as long the last frame stays
COLORS = 64  # lines and text need no more, and a file of few colours is small


def save_film(frames: Iterable[Figure], path: str | Path, metadata: dict[str, str]) -> None:
    """Write the frames, or nothing if drawing fails. The same frames give the same bytes.

    Args:
        metadata: where the film comes from; the comment of the GIF
    """
    images = [render(frame) for frame in frames]
    if not images:
        raise ValueError("a film needs a frame: there are no snapshots of the training (training.snapshots)")
    palette = make_palette(images)
    reduced = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    comment = ", ".join(f"{key} {value}" for key, value in sorted(metadata.items()))
    with atomic_path(path) as temporary:
        reduced[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=reduced[1:],
            duration=[FRAME_TIME] * (len(reduced) - 1) + [FRAME_TIME * LAST_FRAMES],
            loop=0,  # without end
            comment=comment.encode(),
            optimize=False,
        )


def make_palette(images: list[Image.Image]) -> Image.Image:
    """The colours of the whole film, from a few of its frames side by side."""
    chosen = [images[index] for index in np.unique(np.linspace(0, len(images) - 1, 6).round().astype(int))]
    beside = Image.fromarray(np.concatenate([np.asarray(image) for image in chosen], axis=1))
    return beside.quantize(COLORS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def render(figure: Figure) -> Image.Image:
    with style():
        figure.set_dpi(FRAME_DPI)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
