"""What rooms and phones do to a mixture: reverberation, and a round trip through a lossy codec, both on the clock."""

import io

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate, fftconvolve, resample_poly

from wail.voice.mel import RATE_HZ

CODECS = {"amr_nb": ("amr", 8000, 12_200), "aac": ("adts", 16_000, 24_000), "libopus": ("ogg", 16_000, 16_000)}
"""Encoder: container, sampling rate (Hz), bits per second."""
MAX_DELAY = RATE_HZ // 4


def reverberate(wave: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The wave [n] in a room: the direct sound first, then a noise tail dying over 0.2-0.8 s, 0-10 dB below it."""
    rt60_s, direct_db = rng.uniform(0.2, 0.8), rng.uniform(0, 10)
    time_s = np.arange(int(rt60_s * RATE_HZ)) / RATE_HZ
    # The first reflection comes 3 ms after the direct sound; 60 dB of decay in rt60.
    tail = rng.standard_normal(len(time_s)) * 10 ** (-3 * time_s / rt60_s) * (time_s > 0.003)
    tail *= 10 ** (-direct_db / 20) / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    wet = fftconvolve(wave.astype(np.float64), tail)[: len(wave)]
    return np.asarray(wet * (np.abs(wave).max() / max(np.abs(wet).max(), 1e-9)), np.float32)


def through_codec(wave: NDArray[np.float32], codec: str) -> NDArray[np.float32]:
    """The wave [n] as a codec of `CODECS` gives it back, as long as it was and without the codec's delay."""
    container, rate_hz, _ = CODECS[codec]
    sent = wave if rate_hz == RATE_HZ else resample_poly(wave, rate_hz, RATE_HZ)
    heard = decoded(encoded(np.asarray(sent, np.float32), codec), container)
    return without_delay(heard, wave)


def encoded(wave: NDArray[np.float32], codec: str) -> bytes:
    container, rate_hz, bit_rate = CODECS[codec]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz, layout="mono")
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray((np.clip(wave, -1, 1) * 32767).astype(np.int16)[None], "s16", "mono")
        frame.sample_rate = rate_hz
        to_codec = av.AudioResampler(stream.format, "mono", rate_hz, frame_size=stream.frame_size or 160)
        for piece in [*to_codec.resample(frame), *to_codec.resample(None), None]:
            output.mux(stream.encode(piece))
    return file.getvalue()


def decoded(content: bytes, container: str) -> NDArray[np.float32]:
    with av.open(io.BytesIO(content), format=container) as source:
        to_ours = av.AudioResampler("flt", "mono", RATE_HZ)
        pieces = [piece.to_ndarray() for frame in source.decode(audio=0) for piece in to_ours.resample(frame)]
        pieces += [piece.to_ndarray() for piece in to_ours.resample(None)]
    return np.asarray(np.concatenate([piece.reshape(-1) for piece in pieces]), np.float32)


def without_delay(heard: NDArray[np.float32], sent: NDArray[np.float32]) -> NDArray[np.float32]:
    """`heard` shifted to where it resembles `sent` most, cut or padded to its length: encoders add a start-up delay."""
    match = correlate(heard.astype(np.float64), sent.astype(np.float64), "full", "fft")
    middle = len(sent) - 1
    near = np.abs(match[max(0, middle - MAX_DELAY) : middle + MAX_DELAY + 1])
    delay = int(near.argmax()) - min(middle, MAX_DELAY)
    out = np.zeros(len(sent), np.float32)
    moved = heard[delay:] if delay >= 0 else np.concatenate([out[:-delay], heard])
    out[: len(moved)] = moved[: len(sent)]
    return out
