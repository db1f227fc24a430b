"""Cutting a span out of a local file, exactly, by re-encoding it.

A cut without re-encoding starts at the key frame before, or hides the surplus behind an edit list that many readers
ignore; so the span is decoded and encoded anew.
"""

import subprocess
from pathlib import Path
from typing import Any

import ffmpeg

from wail.errors import MediaError
from wail.media.encode import X264_REPEATABLE
from wail.media.ffmpeg import INPUT_OPTIONS, ffmpeg_exe
from wail.media.opening import DEFAULT_LIMITS, MediaLimits, audio_stream, file_url, open_media, video_stream
from wail.media.probe import probe
from wail.media.timeline import clock_start_s, first_frame

VIDEO = {"c:v": "libx264", "crf": 16, "preset": "veryfast", "x264-params": X264_REPEATABLE, "threads": 1,
         "flags:v": "+bitexact", "fps_mode": "passthrough", "enc_time_base": "1/90000",
         "video_track_timescale": 90000}  # fmt: skip
AUDIO = {"c:a": "aac", "b:a": "192k", "flags:a": "+bitexact"}
EVEN = {"width": "ceil(iw/2)*2", "height": "ceil(ih/2)*2"}
WHOLE = {"mode": "send_frame", "deint": "interlaced"}
"""Interlaced pictures are made whole here: written as progressive ones, they would never be known again."""


def cut_span(
    source: Path, out: Path, start_s: float | None, end_s: float | None, limits: MediaLimits = DEFAULT_LIMITS
) -> tuple[float, float]:
    """Write the span [start_s, end_s) of a local file to `out` (.mp4, H.264 and AAC); times on the source's clock.

    Every frame keeps its own time; display rotation is applied. Returns the span that was had: from the first frame
    at or after `start_s` to the end of the last, so less than was asked where the source ends before.

    Raises MediaError where the source cannot be read, the span lies outside it, or ffmpeg fails or takes longer than
    `limits.timeout_s`.
    """
    facts = probe(source, limits)
    begin_s, stop_s = start_s or 0.0, min(facts.duration_s, facts.duration_s if end_s is None else end_s)
    if begin_s >= facts.duration_s or stop_s <= begin_s:
        raise MediaError(f"{source.name} lasts {facts.duration_s:.1f} s, the span asked for starts at {begin_s:g} s: "
                         "ask for a span inside it", "gone")  # fmt: skip
    _run(_command(source, out, begin_s, stop_s - begin_s, limits), source.name, limits.timeout_s)
    zero_s = begin_s + clock_start_s(out, limits)
    return zero_s, zero_s + probe(out, limits).duration_s


def _command(source: Path, out: Path, start_s: float, length_s: float, limits: MediaLimits) -> list[str]:
    """ffmpeg seeks by the container's clock, which starts with whatever comes first, sound or picture."""
    with open_media(source, limits) as container:
        video, audio = (None if s is None else str(s.index) for s in (video_stream(container), audio_stream(container)))
        origin_s = (container.start_time or 0) / 1e6
    first = None if video is None else first_frame(source, int(video), limits)
    seek_s = start_s + (first[0] if first else clock_start_s(source, limits)) - origin_s
    pipe = ffmpeg.input(file_url(source), ss=f"{seek_s:.6f}", t=f"{length_s:.6f}", **INPUT_OPTIONS)
    tracks: list[Any] = []
    options: dict[str, Any] = {"map_metadata": -1, "map_chapters": -1, "fflags": "+bitexact", "f": "mp4"}
    if video is not None:
        shown = pipe[video].filter("bwdif", **WHOLE) if first and first[1].interlaced_frame else pipe[video]
        tracks.append(shown.filter("pad", **EVEN).filter("format", "yuv420p"))
        options |= VIDEO
    if audio is not None:
        tracks.append(pipe[audio])
        options |= AUDIO
    node = ffmpeg.output(*tracks, file_url(out), **options).global_args("-nostdin", "-v", "error", "-y")
    return [str(part) for part in node.compile(cmd=ffmpeg_exe())]


def _run(command: list[str], name: str, timeout_s: float) -> None:
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise MediaError(f"cutting {name} took more than {timeout_s:g} s: ask for a shorter span or raise timeout_s",
                         "too_large") from error  # fmt: skip
    if done.returncode == 0:
        return
    said = done.stderr.decode(errors="replace").strip()
    if "No space left on device" in said:
        raise MediaError(f"the disk was full before the span of {name} was written: free some space and run again",
                         "transient")  # fmt: skip
    last = said.splitlines()[-1:] or ["no message"]
    raise MediaError(f"ffmpeg could not cut {name} ({last[0][:200]}): check that it plays, and fetch it again",
                     "corrupt")  # fmt: skip
