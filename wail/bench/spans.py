"""Segments of a track as spans of frames of 10 ms: the one way from any detector's scores to what is judged."""

from wail.bench.scores import FRAMES_PER_S, Span
from wail.voice.detect import VoiceTrack
from wail.voice.segments import SegmentConfig, vocal_segments


def spans_of(track: VoiceTrack, config: SegmentConfig, frames: int, stem: VoiceTrack | None = None) -> list[Span]:
    """The segments of a track (and of a separated stem's) within so many frames."""
    return [span for span, _ in labelled_spans(track, config, frames, stem)]


def labelled_spans(track: VoiceTrack, config: SegmentConfig, frames: int, stem: VoiceTrack | None = None
                   ) -> list[tuple[Span, str]]:  # fmt: skip
    """Each segment's span with its label; one that rounds to nothing is left out."""
    rows = vocal_segments(track, stem, config)
    spans = [((round(row["start_s"] * FRAMES_PER_S), min(frames, round(row["end_s"] * FRAMES_PER_S))), row["label"])
             for row in rows]  # fmt: skip
    return [(span, str(label)) for span, label in spans if span[1] > span[0]]
