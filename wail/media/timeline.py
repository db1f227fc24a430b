"""When things happen in a file: packet times without decoding, and decoded frames with their times.

The clip's clock starts at the first frame of its video that can be shown; in a file without video, at its first sound.
"""

import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av.error
import av.logging
import numpy as np

from wail.errors import MediaError
from wail.media.opening import MediaLimits, audio_stream, open_media, video_stream

DAMAGE = (
    av.error.InvalidDataError, av.error.PatchWelcomeError, av.error.UndefinedError, av.error.UnknownError,
    av.error.ExternalError, av.error.BugError,
)  # fmt: skip
"""What decoders answer to a damaged packet (AC-3's has numbers of its own)."""


@dataclass
class Span:
    """The packets of one stream, in the container's own seconds."""

    starts_s: "array[float]" = field(default_factory=lambda: array("d"))
    """Rising. A packed array, as ten hours have millions of them."""
    end_s: float = float("-inf")
    n_untimed: int = 0
    """Packets that say no time."""


def packet_spans(path: Path, container: Any, limits: MediaLimits) -> dict[int, Span]:
    """Read every packet's time, by stream index. Nothing is decoded. Raises MediaError beyond the duration cap."""
    spans = {stream.index: Span() for stream in container.streams}
    deadline = time.monotonic() + limits.timeout_s
    for packet in container.demux():
        if time.monotonic() > deadline:
            raise MediaError(f"{path.name} took more than {limits.timeout_s:g} s to read: try again", "transient")
        stamp = packet.pts if packet.pts is not None else packet.dts
        if packet.size == 0 or packet.is_discard:
            continue
        span = spans[packet.stream_index]
        if stamp is None:
            span.n_untimed += 1
            continue
        start_s = float(stamp * packet.time_base)
        span.starts_s.append(start_s)
        span.end_s = max(span.end_s, start_s + float((packet.duration or 0) * packet.time_base))
        check_duration(path, span.end_s - span.starts_s[0], limits)
    for span in spans.values():
        span.starts_s = array("d", np.sort(np.asarray(span.starts_s)).tobytes())
    return spans


def check_duration(path: Path, duration_s: float, limits: MediaLimits) -> None:
    if duration_s > limits.max_duration_s:
        raise MediaError(f"{path.name} lasts {duration_s:.0f} s or more, longer than the {limits.max_duration_s:g} s "
                         "allowed: give a span of it, or raise max_duration_s", "too_large")  # fmt: skip


def first_frame(path: Path, stream_index: int, limits: MediaLimits) -> tuple[float, Any] | None:
    """The first frame of a stream that can be decoded, and its time; None where there is none."""
    with open_media(path, limits) as container:
        return next(timed_frames(container, container.streams[stream_index]), None)


def decoder_says(path: Path, stream_index: int, limits: MediaLimits) -> str:
    """FFmpeg's first complaint on the way to the first frame; empty where it has none."""
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture(local=False) as logs:
            first_frame(path, stream_index, limits)
    finally:
        av.logging.set_level(av.logging.PANIC)
    return str(logs[0][2]).strip() if logs else ""


def clock_start_s(path: Path, limits: MediaLimits) -> float:
    """When the clip's clock starts, in the container's seconds."""
    with open_media(path, limits) as container:
        stream = video_stream(container) or audio_stream(container)
        first = None if stream is None else next(timed_frames(container, stream), None)
    return first[0] if first else 0.0


def timed_frames(container: Any, stream: Any) -> Iterator[tuple[float, Any]]:
    """Decoded frames of one stream with their presentation time, in the container's own seconds.

    A damaged packet is passed over; the frames after it come as before. Frames without a time of their own
    (some AVI files) follow the one before by the stream's rate.
    """
    last_s = None
    for frame in _frames(container, stream):
        stamp = frame.pts if frame.pts is not None else frame.dts
        if stamp is not None:
            last_s = float(stamp * frame.time_base)
        else:
            last_s = 0.0 if last_s is None else last_s + _step_s(stream, frame)
        yield last_s, frame


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except DAMAGE:
            continue


def _step_s(stream: Any, frame: Any) -> float:
    if stream.type == "audio":
        return float(frame.samples / frame.sample_rate)
    return float(1 / (stream.average_rate or 30))
