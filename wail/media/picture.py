"""From a decoded frame to the picture that a viewer sees: square pixels, display rotation applied, rgb24."""

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from numpy.typing import NDArray

from wail.media.hdr import kind_of, to_screen

Rgb = NDArray[np.uint8]


# PyAV (seen in 18.1) lists a frame's side data by this enum, and raises on a frame with a kind that the enum does
# not know, such as the EXIF of every camera picture. Here such a kind passes as a hint that nobody reads.
setattr(SideDataType, "_missing_", classmethod(lambda cls, value: cls.VIDEO_HINT))  # noqa: B010  # a plain assignment is refused by mypy


class Turn(NamedTuple):
    """What display does to the stored picture: mirror it left to right, then turn it clockwise."""

    mirror: bool
    clockwise_deg: int


def turn_of(frame: Any) -> Turn:
    """Read a frame's display matrix, to the nearest quarter turn.

    FFmpeg's matrix is (a b u, c d v, x y w), 32-bit integers; in picture coordinates x' = ax + cy, y' = bx + dy.
    """
    data = next((bytes(s) for s in frame.side_data if s.type is SideDataType.DISPLAYMATRIX), None)
    if data is None or len(data) < 36:
        return Turn(False, 0)
    a, b, _, c, d = (float(v) for v in np.frombuffer(data[:36], np.int32)[:5])
    mirror = a * d - b * c < 0
    if mirror:
        a, b = -a, -b
    return Turn(mirror, round(np.degrees(np.arctan2(b, a)) / 90) % 4 * 90)


def stored_square_size(frame: Any, aspect: Fraction | None) -> tuple[int, int]:
    """Width and height of the stored picture once its pixels are square; the short side is stretched, none shrunk."""
    width, height = frame.width, frame.height
    if aspect is None or aspect <= 0:
        return width, height
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def displayed_size(frame: Any, aspect: Fraction | None) -> tuple[int, int]:
    """Width and height in pixels as displayed."""
    width, height = stored_square_size(frame, aspect)
    return (height, width) if turn_of(frame).clockwise_deg in (90, 270) else (width, height)


def displayed_rgb(frame: Any, width_px: int, height_px: int) -> Rgb:
    """The displayed picture at a given size, [height_px, width_px, 3]; any pixel format, 10-bit, grey and HDR too."""
    turn = turn_of(frame)
    stored = (height_px, width_px) if turn.clockwise_deg in (90, 270) else (width_px, height_px)
    kind = kind_of(frame)
    # Straight to rgb24, 10-bit levels come out 1.7 of 255 too low, which HDR's curves would make ten of.
    layout = "rgb24" if kind is None else "gbrp"
    rgb: Rgb = frame.reformat(width=stored[0], height=stored[1], format=layout, threads=1).to_ndarray()
    return apply_turn(rgb if kind is None else to_screen(rgb, kind), turn)


def apply_turn(rgb: Rgb, turn: Turn) -> Rgb:
    if turn.mirror:
        rgb = rgb[:, ::-1]
    return np.ascontiguousarray(np.rot90(rgb, -turn.clockwise_deg // 90))
