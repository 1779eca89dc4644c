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
    reduced = [reduce_colors(image, palette) for image in images]
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


def make_palette(images: list[Image.Image]) -> np.ndarray:
    """(at most COLORS, 3) uint8: the colours of the whole film, from a few of its frames.

    Half are the most frequent ones as they are: background, text, marks. The others are spread over what is left,
    however rare it is: a colour that few pixels have is not lost among shades of grey.
    """
    chosen = [images[index] for index in np.unique(np.linspace(0, len(images) - 1, 6).round().astype(int))]
    codes, counts = np.unique(np.concatenate([encode(image).flatten() for image in chosen]), return_counts=True)
    colors = decode(codes[np.argsort(-counts, kind="stable")])
    frequent, rare = colors[: COLORS // 2], colors[COLORS // 2 :]
    if len(rare) == 0:
        return frequent
    spread = Image.fromarray(rare[None]).quantize(COLORS // 2, method=Image.Quantize.FASTOCTREE)
    return np.concatenate([frequent, np.reshape(spread.getpalette(), (-1, 3))]).astype(np.uint8)[:COLORS]


def reduce_colors(image: Image.Image, palette: np.ndarray) -> Image.Image:
    """The image with every colour replaced by the nearest of the palette."""
    codes, places = np.unique(encode(image), return_inverse=True)
    distance = ((decode(codes)[:, None].astype(int) - palette) ** 2).sum(2)
    reduced = Image.fromarray(distance.argmin(1).astype(np.uint8)[places.reshape(image.size[::-1])])
    reduced.putpalette(palette.flatten().tolist())  # and is then an image of indices into it
    return reduced


def encode(image: Image.Image) -> np.ndarray:
    """(height, width) one number for each pixel's colour."""
    return np.asarray(image).astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)


def decode(codes: np.ndarray) -> np.ndarray:
    """(..., 3) the colours of such numbers."""
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)


def render(figure: Figure) -> Image.Image:
    with style():
        figure.set_dpi(FRAME_DPI)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
