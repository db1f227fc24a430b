"""A clip's pictures on its clock: by timestamp, turned as displayed, sampled onto the 30 fps grid."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from wail.errors import MediaError
from wail.media.deinterlace import deinterlaced
from wail.media.opening import DEFAULT_LIMITS, MediaLimits, open_media, video_stream
from wail.media.picture import displayed_rgb
from wail.media.probe import GRID_FPS, probe
from wail.media.timeline import timed_frames

Picture = TypeVar("Picture")

MAX_LEAD_S = 1 / GRID_FPS
"""A frame is never shown more than one grid step before its time, however long the one before it stays."""
TIE_S = 1e-4
"""Frames that fall midway (15 fps) all go the same way, whatever the rounding of their times."""


@dataclass(frozen=True)
class GridFrame:
    """One frame of the 30 fps grid: `time_s = frame / 30`; `rgb` is [height, width, 3], shared where frames repeat."""

    frame: int
    time_s: float
    rgb: NDArray[np.uint8]


def grid_frames(path: Path, limits: MediaLimits = DEFAULT_LIMITS) -> Iterator[GridFrame]:
    """Yield each of `probe(path).n_grid_frames` grid frames once, in order, holding one or two pictures in memory.

    Each grid time shows the picture nearest in time. All have the size that `probe` gives: a frame of another size,
    in the middle of the stream, is scaled to it. `rgb` is read-only, since neighbours may share it: copy to draw.

    Raises MediaError as `probe` does, and `unsupported` where there is no video.
    """
    facts = probe(path, limits)
    if facts.video_codec is None:
        raise MediaError(f"{path.name} has no video, only sound: give a clip with a picture", "unsupported")
    with open_media(path, limits) as container:
        stream = video_stream(container)
        shown = None
        for k, frame in on_grid(_from_zero(deinterlaced(timed_frames(container, stream))), facts.n_grid_frames):
            if shown is None or shown[0] is not frame:
                rgb = displayed_rgb(frame, facts.width_px, facts.height_px)
                rgb.flags.writeable = False
                shown = (frame, rgb)
            yield GridFrame(k, k / GRID_FPS, shown[1])


def _from_zero(frames: Iterable[tuple[float, Any]]) -> Iterator[tuple[float, Any]]:
    start_s = None
    for time_s, frame in frames:
        start_s = time_s if start_s is None else start_s
        yield time_s - start_s, frame


def on_grid(frames: Iterable[tuple[float, Picture]], n: int) -> Iterator[tuple[int, Picture]]:
    """Give each grid time k / 30, k < n, the frame nearest in time (see MAX_LEAD_S); the last one stays to the end.

    `frames` are (time_s, picture) by rising time, the first at 0; one out of order is passed over.
    """
    k = 0
    current: tuple[float, Picture] | None = None
    for time_s, picture in frames:
        if current is not None:
            if time_s <= current[0]:
                continue
            while k < n and not _prefers_next(k / GRID_FPS, current[0], time_s):
                yield k, current[1]
                k += 1
        current = (time_s, picture)
    while current is not None and k < n:
        yield k, current[1]
        k += 1


def _prefers_next(at_s: float, current_s: float, next_s: float) -> bool:
    return next_s - at_s <= min(at_s - current_s, MAX_LEAD_S) + TIE_S
