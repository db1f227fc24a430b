"""What a preview draws around and over a picture: header, face lines, and the running strip below."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from wail.review.contours import CONTOURS
from wail.review.plots import Span, span_style
from wail.review.thumbs import MOSAIC_ROWS
from wail.review.wording import text_colour

Rgb = NDArray[np.uint8]

HEADER_PX, STRIP_PX, MARGIN_PX = 34, 128, 98
PAPER, INK, MUTED, LINE = (22, 26, 32), (236, 239, 243), (150, 160, 172), (52, 60, 70)
INFANT, ADULT, OPENING, APERTURE = (240, 138, 79), (142, 169, 245), (120, 130, 142), (79, 201, 187)
SEEN, HIDDEN = (120, 235, 170), (245, 90, 90)


@dataclass(frozen=True)
class Curve:
    """One curve of the strip: times [n], values [n] already scaled to 0-1 (NaN breaks it), and its colour."""

    time_s: NDArray[np.floating[Any]]
    value: NDArray[np.floating[Any]]
    colour: tuple[int, int, int]
    width: int = 1


def rgb_of(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def coarse(rgb: Rgb, size: tuple[int, int]) -> Rgb:
    """The picture as a mosaic of MOSAIC_ROWS rows, in `size` (w, h)."""
    height, width = rgb.shape[:2]
    blocks = (max(1, round(width * MOSAIC_ROWS / height)), min(MOSAIC_ROWS, height))
    small = cv2.resize(rgb, blocks, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def draw_face(canvas: Rgb, xy: NDArray[np.floating[Any]], visibility: NDArray[np.floating[Any]]) -> None:
    """Draw one face mesh into `canvas`: `xy` [478, 2] in its pixels, `visibility` [478]; hidden points are red."""
    if not np.isfinite(xy).all():
        return
    points = np.round(xy * 8).astype(np.int32)  # three bits of subpixel position
    for _, closed, line in CONTOURS:
        for a, b in zip(line, line[1:] + line[:1] if closed else line[1:], strict=False):
            colour = SEEN if min(visibility[a], visibility[b]) >= 0.5 else HIDDEN
            cv2.line(canvas, points[a].tolist(), points[b].tolist(), colour, 1, cv2.LINE_AA, 3)
    for (x, y), seen in zip(np.round(xy).astype(int), visibility, strict=True):
        if 0 <= y < canvas.shape[0] and 0 <= x < canvas.shape[1]:
            canvas[y, x] = SEEN if seen >= 0.5 else HIDDEN


def header(width: int, reason: str | None, detail: str, time_s: float) -> Rgb:
    """The line above the picture: the verdict on its colour, what it concerns, and the time."""
    title, colour = span_style(reason)
    image = Image.new("RGB", (width, HEADER_PX), PAPER)
    draw = ImageDraw.Draw(image)
    name = "KEPT" if reason is None else f"{title} ({reason})"
    font = _font(15)
    wide = int(draw.textlength(name, font)) + 20
    draw.rectangle((0, 0, wide, HEADER_PX), fill=rgb_of(colour))
    draw.text((10, HEADER_PX / 2), name, rgb_of(text_colour(colour)), font, anchor="lm")
    clock = f"{time_s:.2f} s"
    draw.text((width - 10, HEADER_PX / 2), clock, INK, font, anchor="rm")
    room = width - wide - 30 - int(draw.textlength(clock, font))
    small = _font(13)
    if draw.textlength(detail, small) <= room:
        draw.text((wide + 10, HEADER_PX / 2), detail, MUTED, small, anchor="lm")
    return np.asarray(image, dtype=np.uint8)


def strip(width: int, duration_s: float, spans: Sequence[Span], lanes: Sequence[tuple[str, Sequence[Curve]]]) -> Rgb:
    """The picture below: a band of verdicts, then lanes of curves named at the left, all on one time axis."""
    image = Image.new("RGB", (width, STRIP_PX), PAPER)
    draw = ImageDraw.Draw(image)
    for span in spans:
        box = (to_x(span.start_s, width, duration_s), 6, to_x(span.end_s, width, duration_s), 22)
        draw.rectangle(box, fill=rgb_of(span_style(span.reason)[1]))
    small = _font(11)
    draw.text((8, 14), "verdict", MUTED, small, anchor="lm")
    canvas = np.asarray(image, dtype=np.uint8).copy()
    height = (STRIP_PX - 34) // max(len(lanes), 1)
    for index, (name, curves) in enumerate(lanes):
        top = 30 + index * height
        cv2.line(canvas, (MARGIN_PX, top + height - 6), (width - 10, top + height - 6), LINE, 1)
        for curve in curves:
            _polyline(canvas, curve, width, duration_s, top, height - 6)
        canvas = _label(canvas, name, top + height // 2 - 3)
    return canvas


def to_x(time_s: float, width: int, duration_s: float) -> float:
    """Where a time is on the strip, px."""
    return MARGIN_PX + (width - 10 - MARGIN_PX) * min(1.0, time_s / max(duration_s, 1e-6))


def with_playhead(below: Rgb, time_s: float, duration_s: float) -> Rgb:
    out = below.copy()
    x = round(to_x(time_s, below.shape[1], duration_s))
    out[2 : STRIP_PX - 2, max(0, x - 1) : x + 1] = (255, 255, 255)
    return out


def _polyline(canvas: Rgb, curve: Curve, width: int, duration_s: float, top: int, height: int) -> None:
    x = MARGIN_PX + (width - 10 - MARGIN_PX) * np.asarray(curve.time_s) / max(duration_s, 1e-6)
    y = top + height * (1 - np.clip(curve.value, 0, 1))
    good = np.isfinite(y)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        points = np.round(np.stack([x[a:b], y[a:b]], 1) * 8).astype(np.int32)
        cv2.polylines(canvas, [points], False, curve.colour, curve.width, cv2.LINE_AA, 3)


def _label(canvas: Rgb, name: str, y: int) -> Rgb:
    image = Image.fromarray(canvas)
    ImageDraw.Draw(image).text((8, y), name, MUTED, _font(11), anchor="lm")
    return np.asarray(image, dtype=np.uint8).copy()


def _font(size: int) -> Any:
    return ImageFont.load_default(size)
