"""Thumbnails that show a pose but nobody: the picture as a coarse mosaic, the tracked face's lines drawn over it."""

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wail.review.contours import CONTOURS

MOSAIC_ROWS = 16
"""Blocks from top to bottom of a thumbnail. A face that fills half the picture is then 8 blocks high, far fewer than
the 20 or so pixels across from which people begin to recognise faces they know."""
VIEW_HEIGHT = 96
"""Height of a thumbnail's view box, in which the faces' lines are drawn."""


@dataclass(frozen=True)
class Thumb:
    """One picture of the strip, ready for the page."""

    frame: int
    time_s: float
    png: str
    """data: URI of the mosaic, one pixel a block."""
    width: int
    height: int
    """Of the drawing's view box; the landmarks' paths are in it."""
    paths: tuple[str, ...]
    """SVG path data of each tracked face."""


def mosaic(rgb: NDArray[np.uint8], rows: int = MOSAIC_ROWS) -> NDArray[np.uint8]:
    """Average a picture uint8 [h, w, 3] into `rows` blocks from top to bottom, square as near as can be."""
    height, width = rgb.shape[:2]
    size = (max(1, round(width * rows / height)), rows)
    if height <= rows:
        return rgb
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX), dtype=np.uint8)


def data_uri(rgb: NDArray[np.uint8]) -> str:
    """A PNG as a data: URI; the bytes depend on the pixels alone."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def face_path(xy: NDArray[np.floating[Any]], scale: float) -> str:
    """SVG path data of a face's lines; `xy` [478, 2] in picture pixels, times `scale`. Empty when not finite."""
    points = np.asarray(xy, dtype=np.float64) * scale
    if not np.isfinite(points).all():
        return ""
    parts = []
    for _, closed, line in CONTOURS:
        text = "L".join(f"{x:.0f} {y:.0f}" for x, y in points[list(line)])
        parts.append(f"M{text}{'Z' if closed else ''}")
    return "".join(parts)
