"""Writing clips: pictures with their own times, sound that may start late, and a turn in the metadata."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import av.codec.context
import numpy as np
from numpy.typing import NDArray

TIME_BASE = Fraction(1, 90000)
CODECS = {".webm": ("libvpx", "libopus"), ".mkv": ("libx264", "flac")}
# x264 with its macroblock tree gave other bytes from run to run, on one thread too (7 of 8 runs); without it, the same.
X264_REPEATABLE = "rc-lookahead=0:sync-lookahead=0:mbtree=0"
QUALITY = {
    "libx264": {"crf": "18", "preset": "veryfast", "x264-params": X264_REPEATABLE},
    # Not "realtime", which picks its speed by the clock.
    "libvpx": {"crf": "10", "b": "4M", "deadline": "good", "cpu-used": "5"},
}
OPUS_RATES_HZ = (8000, 12000, 16000, 24000, 48000)
AUDIO_CHUNK = 1024
LAYOUTS = {1: "mono", 2: "stereo"}


def write_mp4(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    fps: float,
    wave: NDArray[np.float32] | None = None,
    rate_hz: int | None = None,
    audio_delay_s: float = 0.0,
    times_s: Sequence[float] | None = None,
    rotation_deg: int = 0,
    crf: int | None = None,
) -> None:
    """Write frames [h, w, 3] as they shall be seen, with a wave [n] or [channels, n] that starts at `audio_delay_s`.

    The suffix chooses the container: .mp4 and .mov (H.264, AAC), .mkv (H.264, FLAC), .webm (VP8, Opus). `times_s`
    gives each frame its own time (variable frame rate), else frame k is at k / fps. With `rotation_deg` (0, 90, 180,
    270) the pictures are stored turned back, and metadata tells the player to turn them clockwise by that much.
    `crf` is the encoder's constant rate factor, where another than QUALITY's is wanted: higher is coarser.
    An odd row or column at the edge is repeated once, as these codecs want even sizes. One thread, so that the
    bytes do not depend on the machine. Raises ValueError on no frames, or a wave without a rate.
    """
    if wave is not None and rate_hz is None:
        raise ValueError("write_mp4 needs rate_hz with a wave")
    sound = None if wave is None else np.atleast_2d(np.clip(wave, -1, 1).astype(np.float32, copy=False))
    video_codec, audio_codec = CODECS.get(path.suffix.lower(), ("libx264", "aac"))
    stored = (_even(np.rot90(frame, rotation_deg // 90)) for frame in frames)
    first = next(stored, None)
    if first is None:
        raise ValueError(f"{path.name}: there is no frame to write")
    options = {"max_interleave_delta": "0", "fflags": "bitexact"}
    with av.open(str(path), "w", options=options) as container:
        video = _add_video(container, video_codec, fps, first.shape, rotation_deg, crf)
        if sound is not None and rate_hz is not None:
            _mux_sound(container, audio_codec, sound, rate_hz, audio_delay_s)
        for k, rgb in enumerate(chain([first], stored)):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            time_s = k / fps if times_s is None else times_s[k]
            frame.pts, frame.time_base = round(time_s / TIME_BASE), TIME_BASE
            frame.duration = round(1 / fps / TIME_BASE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))


def _even(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    return np.ascontiguousarray(np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge"))


def _add_video(
    container: Any, codec: str, fps: float, shape: tuple[int, ...], rotation_deg: int, crf: int | None
) -> Any:
    options = QUALITY[codec] | ({} if crf is None else {"crf": str(crf)})
    stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options)
    stream.height, stream.width = shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = TIME_BASE
    stream.codec_context.thread_count = 1
    stream.codec_context.flags |= av.codec.context.Flags.bitexact
    if rotation_deg % 360:
        stream.set_display_rotation(-rotation_deg)
    return stream


def _mux_sound(container: Any, codec: str, sound: NDArray[np.float32], rate_hz: int, delay_s: float) -> None:
    stream = container.add_stream(codec, rate=_codec_rate_hz(codec, rate_hz), layout=LAYOUTS[sound.shape[0]])
    stream.codec_context.flags |= av.codec.context.Flags.bitexact
    for frame in _audio_frames(sound, rate_hz, delay_s, stream.codec_context):
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _codec_rate_hz(codec: str, rate_hz: int) -> int:
    if codec != "libopus":
        return rate_hz
    return next((rate for rate in OPUS_RATES_HZ if rate >= rate_hz), OPUS_RATES_HZ[-1])


def _audio_frames(sound: NDArray[np.float32], rate_hz: int, delay_s: float, codec: Any) -> Iterator[Any]:
    """The sound [channels, n] as frames in the encoder's own format and rate, the first at `delay_s`."""
    resampler = av.AudioResampler(format=codec.format.name, layout=codec.layout.name, rate=codec.rate)
    start = round(delay_s * rate_hz)
    for at in range(0, sound.shape[1], AUDIO_CHUNK):
        chunk = np.ascontiguousarray(sound[:, at : at + AUDIO_CHUNK])
        frame = av.AudioFrame.from_ndarray(chunk, format="fltp", layout=codec.layout.name)
        frame.sample_rate, frame.time_base, frame.pts = rate_hz, Fraction(1, rate_hz), start + at
        yield from resampler.resample(frame)
    yield from resampler.resample(None)
