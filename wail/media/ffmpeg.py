"""Which ffmpeg to run, and the options that keep an untrusted input to itself."""

import shutil

from wail.errors import ConfigError

DEMUXERS = (
    "mov", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "ogg", "gif", "mjpeg", "h264",
    "hevc",
    "wav", "flac", "mp3", "aac", "aiff", "caf", "amr",
    "image2", "png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe",
)  # fmt: skip
"""Formats that hold their media themselves. Playlists and scripts (hls, dash, concat, sdp, ...) are left out, since
they name other files and hosts to open."""

INPUT_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": ",".join(DEMUXERS)}
"""For PyAV's `options` and, with a dash, for ffmpeg before `-i`."""


def ffmpeg_exe() -> str:
    """Path of ffmpeg: the one on the PATH, else the imageio-ffmpeg wheel's, which has no ffprobe beside it."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise ConfigError(
            "no ffmpeg on the PATH and none in the imageio-ffmpeg wheel: pip install imageio-ffmpeg"
        ) from error
