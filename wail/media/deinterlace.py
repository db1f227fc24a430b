"""Interlaced video as whole pictures: each line of the other field is made from this one's (FFmpeg's bwdif)."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av.error
import av.filter

COUNTS = Fraction(1, 1000)
"""Time base in which frames are numbered on their way through the filter."""


def deinterlaced(frames: Iterable[tuple[float, Any]]) -> Iterator[tuple[float, Any]]:
    """Pass on (time_s, frame) one for one, those that are flagged as interlaced made whole, others as they are.

    From the first flagged frame on they come one frame late, as bwdif looks at the next one. A frame of another size or
    format starts anew.
    """
    filtered: _Deinterlacer | None = None
    for time_s, frame in frames:
        if filtered is not None and not filtered.takes(frame):
            yield from filtered.rest()
            filtered = None
        if filtered is None and frame.interlaced_frame:
            filtered = _Deinterlacer(frame)
        if filtered is None:
            yield time_s, frame
        else:
            yield from filtered.step(time_s, frame)
    if filtered is not None:
        yield from filtered.rest()


class _Deinterlacer:
    """bwdif on frames of one size and format; times are kept beside it by number."""

    def __init__(self, frame: Any) -> None:
        self._like = _layout(frame)
        self._times_s: dict[int, float] = {}
        self._count = 0
        self._graph = av.filter.Graph()
        source = self._graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=COUNTS)
        bwdif, sink = self._graph.add("bwdif", "mode=send_frame:deint=interlaced"), self._graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        self._graph.configure()

    def takes(self, frame: Any) -> bool:
        return _layout(frame) == self._like

    def step(self, time_s: float, frame: Any) -> Iterator[tuple[float, Any]]:
        frame.pts, frame.time_base = self._count, COUNTS
        self._times_s[self._count] = time_s
        self._count += 1
        self._graph.push(frame)
        yield from self._ready()

    def rest(self) -> Iterator[tuple[float, Any]]:
        self._graph.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[tuple[float, Any]]:
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield self._times_s.pop(round(frame.pts * frame.time_base / COUNTS)), frame


def _layout(frame: Any) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
