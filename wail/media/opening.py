"""Opening an untrusted media file with PyAV: caps first, then files only, then formats that name no other file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import av
import av.error
import av.logging
from annotated_types import Ge, Gt

from wail.errors import MediaError
from wail.media.ffmpeg import INPUT_OPTIONS

av.logging.set_level(av.logging.PANIC)  # a broken file would otherwise fill the terminal; its error is raised anyway

AtLeastOne = Annotated[int, Ge(1)]


@dataclass(frozen=True)
class MediaLimits:
    """What a media file may be at most, before it is decoded."""

    max_bytes: AtLeastOne = 4 * 1024**3
    max_pixels: AtLeastOne = 7680 * 4320
    """Of one picture; 8K."""
    max_duration_s: Annotated[float, Gt(0)] = 3600.0
    max_streams: AtLeastOne = 32
    timeout_s: Annotated[float, Gt(0)] = 600.0
    """Wall clock, for what runs in a process of its own."""


DEFAULT_LIMITS = MediaLimits()


def file_url(path: Path) -> str:
    """The path as FFmpeg takes it literally: no other protocol, no leading dash."""
    return f"file:{path.resolve()}"


def check_file(path: Path, limits: MediaLimits) -> None:
    """Refuse what is no file, empty or too large. Raises MediaError."""
    if path.is_dir():
        raise MediaError(f"{path.name} is a folder: give a media file in it", "unsupported")
    if not path.is_file():
        raise MediaError(f"{path.name}: no such file; check the path", "gone")
    size = path.stat().st_size
    if size == 0:
        raise MediaError(f"{path.name} is empty (0 bytes): fetch or copy it again", "corrupt")
    if size > limits.max_bytes:
        raise MediaError(
            f"{path.name} has {size} bytes, more than the {limits.max_bytes} allowed: cut it or raise max_bytes",
            "too_large",
        )


@contextmanager
def open_media(path: Path, limits: MediaLimits) -> Iterator[Any]:
    """An open PyAV container within the limits. Raises MediaError; errors of FFmpeg while it is open become one too."""
    check_file(path, limits)
    try:
        options = INPUT_OPTIONS | {"max_pixels": str(limits.max_pixels), "pattern_type": "none"}
        with av.open(file_url(path), options=options, metadata_errors="replace") as container:
            _check_streams(path, container, limits)
            yield container
    except av.error.FFmpegError as error:
        raise MediaError(f"{path.name} cannot be read as media ({_reason(error)}): "
                         "check that it plays, and fetch or convert it again", _failure(error)) from error  # fmt: skip


def _reason(error: Exception) -> str:
    text = str(getattr(error, "strerror", None) or error)
    return "its format is none of those allowed" if isinstance(error, av.error.ArgumentError) else text.lower()


def _failure(error: Exception) -> str:
    unsupported = (av.error.ArgumentError, av.error.DecoderNotFoundError, av.error.PatchWelcomeError)
    return "unsupported" if isinstance(error, unsupported) else "corrupt"


def _check_streams(path: Path, container: Any, limits: MediaLimits) -> None:
    streams = container.streams
    if len(streams) > limits.max_streams:
        raise MediaError(f"{path.name} has {len(streams)} streams, more than the {limits.max_streams} allowed: "
                         "keep one of video and one of audio", "too_large")  # fmt: skip
    for stream in streams.video:
        check_pixels(path, stream.codec_context.width, stream.codec_context.height, limits)


def check_pixels(path: Path, width_px: int, height_px: int, limits: MediaLimits) -> None:
    if width_px * height_px > limits.max_pixels:
        raise too_many_pixels(path, width_px, height_px, limits)


def too_many_pixels(path: Path, width_px: int, height_px: int, limits: MediaLimits) -> MediaError:
    return MediaError(f"{path.name} has pictures of {width_px} x {height_px} pixels, more than the "
                      f"{limits.max_pixels} pixels allowed: scale it down", "too_large")  # fmt: skip


def video_stream(container: Any) -> Any | None:
    """The video to use: the best that is not a cover picture. None where there is none."""
    real = [s for s in container.streams.video if not s.disposition & s.disposition.__class__.attached_pic]
    best = container.streams.best("video")
    chosen = next((s for s in real if best is not None and s.index == best.index), None)
    return chosen or (real[0] if real else None)


def audio_stream(container: Any) -> Any | None:
    return container.streams.best("audio")


def is_picture(container: Any) -> bool:
    """Whether the file is a single picture rather than a video."""
    name: str = container.format.name
    return name == "image2" or name.endswith("_pipe")
