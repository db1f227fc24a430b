"""What a media file holds, found by opening it, reading its packets' times and decoding its first frames."""

import math
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.documents import Probe
from wail.errors import MediaError
from wail.media.opening import (
    DEFAULT_LIMITS,
    MediaLimits,
    audio_stream,
    check_pixels,
    is_picture,
    open_media,
    too_many_pixels,
    video_stream,
)  # fmt: skip
from wail.media.picture import displayed_size, turn_of
from wail.media.timeline import Span, check_duration, decoder_says, first_frame, packet_spans

__all__ = ["GRID_FPS", "MediaLimits", "n_grid_frames", "probe"]

GRID_FPS = 30
STAMP_ROUNDING_S = 0.002
"""Containers round times to a millisecond or so: a frame this close to the end is not one more."""
BOXES = (b"moov", b"mdat", b"moof")
TRUNCATED_S = 0.5
"""A file that ends this much before the end its header declares (and 1 % of its length) is cut off."""


def probe(path: Path, limits: MediaLimits = DEFAULT_LIMITS) -> Probe:
    """Read a media file's facts, on the clip's clock (0 = the first frame of its video that can be shown).

    A single picture counts as a video of one frame and 1/30 s. A file without video has `video_codec` None, size 0
    and no grid frames; its clock starts with its sound. Sound that starts before the picture has a negative
    `audio_start_s`.

    Raises MediaError: `corrupt` (empty, truncated, no frame can be decoded), `unsupported` (no media, or a format that
    is not allowed), `too_large` (beyond `limits`).
    """
    with open_media(path, limits) as container:
        video, audio = video_stream(container), audio_stream(container)
        if video is None and audio is None:
            raise MediaError(f"{path.name} has neither video nor audio: give a media file", "unsupported")
        declared_s = container.duration / 1e6 if container.duration else 0.0
        check_duration(path, declared_s, limits)
        spans = packet_spans(path, container, limits)
        if container.format.name.startswith("mov"):
            _check_boxes(path)
        _check_timed(path, video, spans)
        _check_complete(path, container, declared_s, spans)
        start_s, video_facts = _video_facts(path, container, video, spans, limits)
        audio_start_s, audio_facts = _audio_facts(path, audio, spans, start_s, limits)
        if video is None and audio_start_s is None:
            raise MediaError(f"{path.name}: nothing of its sound can be decoded: fetch or convert it again", "corrupt")
        if video is None:
            video_facts["duration_s"] = audio_facts["audio_duration_s"]
        name = container.format.name.split(",")[0]
        return Probe(container=name, n_streams=len(container.streams), **video_facts, **audio_facts)


def n_grid_frames(duration_s: float) -> int:
    """Frames k of the 30 fps grid with k / 30 < duration_s, but for a container's rounding; at least one."""
    return max(1, math.ceil((duration_s - STAMP_ROUNDING_S) * GRID_FPS))


def _check_timed(path: Path, video: Any | None, spans: dict[int, Span]) -> None:
    """Raw H.264 has no times, nor have some broken containers."""
    if video is not None and spans[video.index].n_untimed and not spans[video.index].starts_s:
        raise MediaError(f"{path.name}: its pictures carry no times, so sound cannot be set against them: convert it "
                         "with ffmpeg to .mp4 with a known frame rate", "unsupported")  # fmt: skip


def _check_complete(path: Path, container: Any, declared_s: float, spans: dict[int, Span]) -> None:
    filled = [span for span in spans.values() if span.starts_s]
    if not filled:
        raise MediaError(f"{path.name} has a header but no media in it: fetch or copy it again", "corrupt")
    first_s = min(span.starts_s[0] for span in filled)
    start_s = first_s if container.start_time is None else container.start_time / 1e6
    end_s = max(span.end_s for span in filled)
    # Matroska's duration is when the file ends, by a clock that need not start at 0.
    had_s = max(end_s, end_s - start_s)
    if declared_s - had_s > TRUNCATED_S + 0.01 * declared_s:
        raise MediaError(f"{path.name} ends after {had_s:.1f} s of the {declared_s:.1f} s that its header declares "
                         "(truncated): fetch or copy it again", "corrupt")  # fmt: skip


def _check_boxes(path: Path) -> None:
    """An MP4's outermost boxes say how long they are; the last one reaches beyond the end of a truncated file, which
    may lose a whole track without a word."""
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at + 16 <= size:
            file.seek(at)
            length, kind, long_length = struct.unpack(">I4sQ", file.read(16))
            length = long_length if length == 1 else length
            if kind in BOXES and at + length > size:
                raise MediaError(f"{path.name} has {size} bytes, its {kind.decode()} box needs {at + length} "
                                 "(truncated): fetch or copy it again", "corrupt")  # fmt: skip
            if length < 8:
                return
            at += length


def _video_facts(
    path: Path, container: Any, video: Any | None, spans: dict[int, Span], limits: MediaLimits
) -> tuple[float | None, dict[str, Any]]:
    """When the clock starts in the container's seconds (None without video), and the video's part of Probe."""
    if video is None:
        return None, {"video_codec": None, "width_px": 0, "height_px": 0, "rotation_deg": 0, "average_fps": 0.0,
                      "variable_fps": False, "n_grid_frames": 0}  # fmt: skip
    codec = video.codec_context.name
    first = first_frame(path, video.index, limits)
    if first is None:
        raise _undecodable(path, video.index, codec, limits)
    start_s, frame = first
    width_px, height_px = displayed_size(frame, video.sample_aspect_ratio)
    check_pixels(path, width_px, height_px, limits)
    starts_s = np.asarray(spans[video.index].starts_s)
    shown = starts_s[starts_s >= start_s - STAMP_ROUNDING_S]
    duration_s = 1 / GRID_FPS if is_picture(container) else _duration_s(spans[video.index], start_s)
    check_duration(path, duration_s, limits)
    return start_s, {
        "video_codec": codec, "width_px": width_px, "height_px": height_px,
        "rotation_deg": turn_of(frame).clockwise_deg, "average_fps": max(len(shown), 1) / duration_s,
        "variable_fps": _is_variable(shown), "duration_s": duration_s, "n_grid_frames": n_grid_frames(duration_s),
    }  # fmt: skip


def _undecodable(path: Path, stream_index: int, codec: str, limits: MediaLimits) -> MediaError:
    said = decoder_says(path, stream_index, limits)
    size = re.search(r"(\d+)x(\d+) exceeds specified max pixel", said)
    if size:
        return too_many_pixels(path, int(size[1]), int(size[2]), limits)
    return MediaError(f"{path.name}: no frame of its {codec} video can be decoded ({said or 'no reason given'}): "
                      "fetch or convert it again", "corrupt")  # fmt: skip


def _duration_s(span: Span, start_s: float) -> float:
    """From the first shown frame to the end of the last; where the last has no length, as long as they usually are."""
    last_s = span.starts_s[-1]
    if span.end_s > last_s:
        return span.end_s - start_s
    gaps_s = np.diff(span.starts_s)
    return last_s - start_s + (float(np.median(gaps_s)) if len(gaps_s) else 1 / GRID_FPS)


def _is_variable(starts_s: NDArray[np.float64]) -> bool:
    """Whether more than one gap in a hundred differs from the usual one by more than rounding."""
    gaps_s = np.diff(starts_s)
    if not len(gaps_s):
        return False
    usual = np.median(gaps_s)
    odd = np.count_nonzero(np.abs(gaps_s - usual) > STAMP_ROUNDING_S + 0.05 * usual)
    return bool(odd > len(gaps_s) / 100)


def _audio_facts(
    path: Path, audio: Any | None, spans: dict[int, Span], start_s: float | None, limits: MediaLimits
) -> tuple[float | None, dict[str, Any]]:
    first = None if audio is None else first_frame(path, audio.index, limits)
    if audio is None or first is None:
        return None, {"audio_codec": None, "audio_start_s": None, "audio_duration_s": None, "audio_rate_hz": None,
                      "audio_channels": None}  # fmt: skip
    first_s, frame = first
    return first_s, {
        "audio_codec": audio.codec_context.name, "audio_start_s": first_s - (first_s if start_s is None else start_s),
        "audio_duration_s": max(spans[audio.index].end_s - first_s, frame.samples / frame.sample_rate),
        "audio_rate_hz": frame.sample_rate, "audio_channels": frame.layout.nb_channels,
    }  # fmt: skip
