"""What a preview draws around and over a picture: header, landmark lines, and the running strip below."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
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
Colour = tuple[int, int, int]

HEADER_PX, MARGIN_PX, RIGHT_PX = 58, 98, 10
BAND_PX, CLIP_PX, LANE_PX, AXIS_PX = 22, 14, 42, 18
"""Heights in the strip: of a band of spans, of the whole clip's band, of a lane of curves, of the time axis."""
PAPER, INK, MUTED, LINE = (22, 26, 32), (236, 239, 243), (150, 160, 172), (52, 60, 70)
INFANT, ADULT, OPENING, APERTURE, CONFIDENCE = (
    (240, 138, 79), (142, 169, 245), (120, 130, 142), (79, 201, 187), (205, 190, 120),
)  # fmt: skip
SEEN, HIDDEN = (120, 235, 170), (245, 90, 90)
STATE_COLOURS = {"converged": (64, 224, 208), "poor_fit": (255, 96, 96), "bridged": (255, 200, 70)}
STATE_TEXT = {"converged": "fit converged", "poor_fit": "poor fit", "bridged": "bridged, no landmarks"}
TICKS_S = (0.1, 0.2, 0.5, 1, 2, 5)


@dataclass(frozen=True)
class Curve:
    """One curve of the strip: times [n], values [n] already scaled to 0-1 (NaN breaks it), and its colour."""

    time_s: NDArray[np.floating[Any]]
    value: NDArray[np.floating[Any]]
    colour: Colour
    width: int = 1


@dataclass(frozen=True)
class Lane:
    """A lane of curves: what it shows, one (text, colour) a line, and what its upper edge stands for."""

    names: Sequence[tuple[str, Colour]]
    curves: Sequence[Curve]
    top: str = ""


@dataclass(frozen=True)
class Band:
    """A band of coloured spans (start_s, end_s, colour)."""

    name: str
    spans: Sequence[tuple[float, float, Colour]]


def verdict_band(spans: Sequence[Span]) -> Band:
    """The verdicts in the report's colours."""
    return Band("verdict", [(span.start_s, span.end_s, rgb_of(span_style(span.reason)[1])) for span in spans])


@dataclass(frozen=True)
class Axis:
    """A strip's time axis: seconds from the strip's left to its right, over `width` px."""

    width: int
    start_s: float
    end_s: float

    def x(self, time_s: Any) -> Any:
        """Where times are on the strip, px; those outside are at its ends."""
        share = (np.asarray(time_s, float) - self.start_s) / max(self.end_s - self.start_s, 1e-6)
        return MARGIN_PX + (self.width - RIGHT_PX - MARGIN_PX) * np.clip(share, 0, 1)


def rgb_of(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def coarse(rgb: Rgb, size: tuple[int, int]) -> Rgb:
    """The picture as a mosaic of MOSAIC_ROWS rows, in `size` (w, h)."""
    height, width = rgb.shape[:2]
    blocks = (max(1, round(width * MOSAIC_ROWS / height)), min(MOSAIC_ROWS, height))
    small = cv2.resize(rgb, blocks, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def draw_face(canvas: Rgb, xy: NDArray[np.floating[Any]], visibility: NDArray[np.floating[Any]]) -> None:
    """Draw one face's landmarks into `canvas`: `xy` [478, 2] in its pixels, `visibility` [478]; hidden ones are red."""
    if not np.isfinite(xy).all() or np.abs(xy).max() > 8 * max(canvas.shape):
        return
    points = np.round((xy - 0.5) * 8).astype(np.int32)  # three bits of subpixel position, from the first pixel's centre
    for _, closed, line in CONTOURS:
        for a, b in zip(line, line[1:] + line[:1] if closed else line[1:], strict=False):
            colour = SEEN if min(visibility[a], visibility[b]) >= 0.5 else HIDDEN
            cv2.line(canvas, points[a].tolist(), points[b].tolist(), colour, 1, cv2.LINE_AA, 3)
    x, y = np.floor(xy).astype(int).T
    inside = (x >= 0) & (x < canvas.shape[1]) & (y >= 0) & (y < canvas.shape[0])
    canvas[y[inside], x[inside]] = np.where((visibility >= 0.5)[inside, None], SEEN, HIDDEN)


def header(width: int, reason: str | None, detail: str, time_s: float, fit: Sequence[str], colour: Colour) -> Rgb:
    """The two lines above the picture: the verdict on its colour, what it concerns and the time; then what is known of
    the fit, in `colour`, as many of its parts as there is room for."""
    title, paint = span_style(reason)
    image = Image.new("RGB", (width, HEADER_PX), PAPER)
    draw = ImageDraw.Draw(image)
    name = "KEPT" if reason is None else f"{title} ({reason})"
    wide, middle = int(draw.textlength(name, font(15))) + 20, 16
    draw.rectangle((0, 0, wide, 32), fill=rgb_of(paint))
    draw.text((10, middle), name, rgb_of(text_colour(paint)), font(15), anchor="lm")
    clock = f"{time_s:.2f} s"
    draw.text((width - 10, middle), clock, INK, font(15), anchor="rm")
    _fitting(draw, (wide + 10, middle), [detail], width - wide - 30 - int(draw.textlength(clock, font(15))), MUTED)
    draw.rectangle((0, 36, 4, HEADER_PX - 4), fill=colour)
    _fitting(draw, (10, 45), fit, width - 20, colour)
    return np.asarray(image, dtype=np.uint8)


def _fitting(draw: ImageDraw.ImageDraw, at: tuple[int, int], parts: Sequence[str], room: int, colour: Colour) -> None:
    """Write the parts, the first before the others, that there is room for."""
    for n in range(len(parts), 0, -1):
        text = "  ·  ".join(parts[:n])
        if draw.textlength(text, font(13)) <= room:
            draw.text(at, text, colour, font(13), anchor="lm")
            return


def strip(axis: Axis, duration_s: float, verdicts: Band, fits: Band, lanes: Sequence[Lane]) -> Rgb:
    """The picture below: verdicts, lanes of curves named at the left, and states of the fit, on one time axis.

    Where the axis is only a part of the clip of `duration_s`, a thin band of the whole is there too.
    """
    whole = axis.end_s - axis.start_s >= duration_s
    height = strip_px(len(lanes), whole)
    image = Image.new("RGB", (axis.width, height), PAPER)
    draw = ImageDraw.Draw(image)
    y = _band(draw, verdicts, axis, 4, 14, BAND_PX)
    if not whole:
        full = Axis(axis.width, 0.0, duration_s)
        y = _band(draw, Band("whole clip", verdicts.spans), full, y, 6, CLIP_PX)
        draw.rectangle((full.x(axis.start_s), y - CLIP_PX - 1, full.x(axis.end_s), y - CLIP_PX + 7), outline=INK)
    tops = [y + k * LANE_PX for k in range(len(lanes))]
    for lane, top in zip(lanes, tops, strict=True):
        _names(draw, lane, axis, top)
    y = _band(draw, fits, axis, y + len(lanes) * LANE_PX + 2, 8, BAND_PX - 6)
    _ticks(draw, axis, y)
    canvas = np.asarray(image, dtype=np.uint8).copy()
    for lane, top in zip(lanes, tops, strict=True):
        for curve in lane.curves:
            _polyline(canvas, curve, axis, top + 3, LANE_PX - 9)
    return canvas


def strip_px(n_lanes: int, whole: bool) -> int:
    """Height of a strip of so many lanes."""
    return 4 + BAND_PX + (0 if whole else CLIP_PX) + n_lanes * LANE_PX + 2 + BAND_PX - 6 + AXIS_PX


def with_playhead(below: Rgb, axis: Axis, time_s: float, duration_s: float) -> Rgb:
    """The strip with a line at the time, and a mark in the whole clip's band where there is one."""
    out = below.copy()
    x = round(float(axis.x(time_s)))
    out[2:-AXIS_PX, x - 1 : x + 1] = (255, 255, 255)
    if axis.end_s - axis.start_s < duration_s:
        x = round(float(Axis(axis.width, 0.0, duration_s).x(time_s)))
        out[4 + BAND_PX - 2 : 4 + BAND_PX + 8, x - 1 : x + 2] = (255, 255, 255)
    return out


def _band(draw: ImageDraw.ImageDraw, band: Band, axis: Axis, y: int, height: int, step: int) -> int:
    for start_s, end_s, colour in band.spans:
        if end_s > axis.start_s and start_s < axis.end_s:
            draw.rectangle((axis.x(start_s), y, axis.x(end_s), y + height), fill=colour)
    draw.text((8, y + height / 2), band.name, MUTED, font(11), anchor="lm")
    return y + step


def _names(draw: ImageDraw.ImageDraw, lane: Lane, axis: Axis, top: int) -> None:
    base = top + LANE_PX - 6
    draw.line((MARGIN_PX, base, axis.width - RIGHT_PX, base), LINE)
    draw.line((MARGIN_PX, top + 3, axis.width - RIGHT_PX, top + 3), LINE)
    for k, (name, colour) in enumerate(lane.names):
        y = top + LANE_PX / 2 + 14 * (k - (len(lane.names) - 1) / 2) - 1
        draw.text((8, y), name, colour, font(11), anchor="lm")
    draw.text((MARGIN_PX - 4, top + 3), lane.top, MUTED, font(9), anchor="rm")


def _ticks(draw: ImageDraw.ImageDraw, axis: Axis, y: int) -> None:
    step = next((s for s in TICKS_S if (axis.end_s - axis.start_s) / s <= 10), TICKS_S[-1])
    for k in range(int(np.ceil(axis.start_s / step)), int(axis.end_s / step) + 1):
        x = float(axis.x(k * step))
        draw.line((x, y - 2, x, y + 2), MUTED)
        draw.text((x, y + 9), f"{k * step:g} s", MUTED, font(10), anchor="rm" if x > axis.width - 24 else "mm")


def _polyline(canvas: Rgb, curve: Curve, axis: Axis, top: int, height: int) -> None:
    x = axis.x(curve.time_s)
    y = top + height * (1 - np.clip(curve.value, 0, 1))
    good = np.isfinite(y)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        points = np.round(np.stack([x[a:b], y[a:b]], 1) * 8).astype(np.int32)
        cv2.polylines(canvas, [points], False, curve.colour, curve.width, cv2.LINE_AA, 3)


@lru_cache(maxsize=8)
def font(size: int) -> Any:
    """Pillow's own font: loading it takes longer than writing with it."""
    return ImageFont.load_default(size)
