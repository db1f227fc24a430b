"""Segments of a track as spans of frames of 10 ms: the one way from any detector's scores to what is judged."""

from collections.abc import Mapping
from typing import Any

from wail.bench.scores import FRAMES_PER_S, Span
from wail.voice.detect import VoiceTrack
from wail.voice.segments import SegmentConfig, vocal_segments


def spans_of(track: VoiceTrack, config: SegmentConfig, frames: int) -> list[Span]:
    """The segments of a track within so many frames."""
    return [span for span, _ in labelled_spans(track, config, frames)]


def labelled_spans(track: VoiceTrack, config: SegmentConfig, frames: int) -> list[tuple[Span, str]]:
    """Each segment's span with its label."""
    rows = vocal_segments(track, None, config)
    return [(span, str(row["label"])) for row in rows if (span := in_frames(row, frames)) is not None]


def in_frames(row: Mapping[str, Any], frames: int) -> Span | None:
    """A segment's frames [start, stop) within so many; None where it rounds to nothing."""
    start, stop = (min(frames, round(row[name] * FRAMES_PER_S)) for name in ("start_s", "end_s"))
    return (start, stop) if stop > start else None
