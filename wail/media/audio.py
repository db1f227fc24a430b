"""A clip's sound on its clock, and FLAC in and out."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from wail.errors import MediaError
from wail.media.opening import DEFAULT_LIMITS, MediaLimits, audio_stream, open_media
from wail.media.probe import probe
from wail.media.timeline import timed_frames

Wave = NDArray[np.float32]

GAP_S = 0.02
"""A sound packet this far from where the one before it ended starts anew at its own time; less is rounding."""
LOUDEST = np.float32(100.0)
"""40 dB above full scale. Only floating-point sound can be louder, by damage."""
LAYOUTS = {1: "mono", 2: "stereo"}


def read_audio(path: Path, rate_hz: int = 16000, channels: int = 1, limits: MediaLimits = DEFAULT_LIMITS) -> Wave:
    """The sound, float32 in -1..1, [n] when mono, else [2, n]; sample i is at i / rate_hz on the clip's clock.

    Sound that starts late, has gaps, or ends before the picture is filled with silence; sound that goes on after the
    picture is kept. What is before the picture's start is left out: `probe(path).audio_start_s` says how much that
    is. A clip without sound gives silence as long as its picture (its probe has `audio_codec` None).

    Raises MediaError as `probe` does.
    """
    facts = probe(path, limits)
    runs: list[tuple[float, Wave]] = []
    n_sound = n_picture = round(facts.duration_s * rate_hz)
    if facts.audio_start_s is not None and facts.audio_duration_s is not None:
        with open_media(path, limits) as container:
            runs = list(_runs(container, audio_stream(container), rate_hz, channels))
        zero_s = runs[0][0] - facts.audio_start_s
        runs = [(start_s - zero_s, wave) for start_s, wave in runs]
        n_sound = round((facts.audio_start_s + facts.audio_duration_s) * rate_hz)
    out = _assemble([(round(start_s * rate_hz), wave) for start_s, wave in runs], channels, max(n_picture, n_sound))
    return out[0] if channels == 1 else out


def read_sound(path: Path, rate_hz: int = 16000) -> Wave:
    """`read_audio` in mono, of a file that must have sound. Raises MediaError `unsupported` where it has none."""
    if probe(path).audio_codec is None:
        raise MediaError(f"{path.name} has no audio stream, so there is nothing to listen to; give a file with sound",
                         "unsupported")  # fmt: skip
    return read_audio(path, rate_hz)


def _runs(container: Any, stream: Any, rate_hz: int, channels: int) -> Iterator[tuple[float, Wave]]:
    """Unbroken runs of sound, resampled: start in the container's seconds, and the wave [channels, n]."""
    resampler, start_s, next_s = None, 0.0, 0.0
    chunks: list[Wave] = []
    for time_s, frame in timed_frames(container, stream):
        if resampler is None or abs(time_s - next_s) > GAP_S:
            if resampler is not None:
                yield start_s, _joined(chunks + _resampled(resampler, None), channels)
            layout = LAYOUTS[min(frame.layout.nb_channels, 2)]
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate_hz)
            start_s, next_s, chunks = time_s, time_s, []
        frame.pts = None
        chunks += _resampled(resampler, frame)
        next_s += frame.samples / frame.sample_rate
    if resampler is not None:
        yield start_s, _joined(chunks + _resampled(resampler, None), channels)


def _resampled(resampler: Any, frame: Any | None) -> list[Wave]:
    """As waves. Floating-point sound may hold anything: what is no number, or beyond any scale, is heard as silence."""
    chunks = [out.to_ndarray() for out in resampler.resample(frame)]
    return [np.where(np.abs(chunk) <= LOUDEST, chunk, np.float32(0)) for chunk in chunks]


def _joined(chunks: list[Wave], channels: int) -> Wave:
    """The chunks as one wave of so many channels. Mono is the mean: FFmpeg's own mix is 3 dB louder, and may clip."""
    wave = np.concatenate(chunks, axis=1) if chunks else np.zeros((1, 0), np.float32)
    return wave.mean(axis=0, keepdims=True) if channels == 1 else np.broadcast_to(wave, (channels, wave.shape[1]))


def _assemble(runs: list[tuple[int, Wave]], channels: int, n: int) -> Wave:
    """Lay runs (first sample, wave) on n samples from 0, silent between; where two overlap the later one wins.

    What a decoder gives beyond n is its own padding: n goes to the end of the last packet.
    """
    out = np.zeros((channels, n), np.float32)
    for start, wave in runs:
        begin, end = max(0, start), min(n, start + wave.shape[1])
        if end > begin:
            out[:, begin:end] = wave[:, begin - start : end - start]
    return out


def flac_bytes(wave: Wave, rate_hz: int) -> bytes:
    """FLAC, 16 bit, of a wave [n] or [channels, n] in -1..1; louder is clipped."""
    out = io.BytesIO()
    soundfile.write(out, np.clip(wave, -1, 1).T, rate_hz, format="FLAC", subtype="PCM_16")
    return out.getvalue()


def write_flac(path: Path, wave: Wave, rate_hz: int) -> None:
    path.write_bytes(flac_bytes(wave, rate_hz))


def read_flac(path: Path) -> tuple[Wave, int]:
    """The wave, [n] when mono, else [channels, n], and its rate in Hz."""
    wave, rate_hz = soundfile.read(path, dtype="float32")
    return np.ascontiguousarray(wave.T), int(rate_hz)
