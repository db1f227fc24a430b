"""Channels of a source: a synthetic room, a tilt and the band limits of telephones and cheap microphones, on waves."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

RATE_HZ = 16_000


def impulse_response(rng: np.random.Generator) -> NDArray[np.float64]:
    """A room: the direct sound at sample 0, early reflections within 40 ms, a decaying tail; unit direct level.

    The tail is Gaussian noise under an exponential (Moorer 1979), its high part dying twice as fast as its low part.
    """
    rt60_s, tail_energy = 10 ** rng.uniform(-0.9, 0.0), 10 ** rng.uniform(-2.0, 0.0)
    n = int(rt60_s * RATE_HZ)
    decay = 10 ** (-3.0 * np.arange(n) / n)
    noise = rng.standard_normal(n)
    low = np.convolve(noise, np.ones(8) / 8**0.5, "same")
    tail = low * decay + noise * decay**2 * rng.uniform(0.3, 1.0)
    tail *= np.clip(np.arange(n) / RATE_HZ / 0.02, 0, 1)
    response = tail * np.sqrt(tail_energy / (np.sum(tail**2) + 1e-12))
    delays = rng.integers(30, 640, int(rng.integers(3, 12)))
    response[delays] += rng.uniform(-0.5, 0.5, len(delays)) * tail_energy**0.25 * 30 / delays**0.8
    response[0] = 1.0
    return np.asarray(response, np.float64)


def channel_gain(rng: np.random.Generator, hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Amplitude at `hz`: a tilt per octave, at times a low-pass at 3-6.5 kHz and a high-pass at 100-400 Hz."""
    octave = np.log2(np.maximum(hz, 20) / 1000)
    gain_db = rng.normal(0, 2.0) * octave
    if rng.random() < 0.35:
        gain_db = gain_db - 96 * np.maximum(0, octave - np.log2(rng.uniform(3.0, 6.5)))
    if rng.random() < 0.25:
        gain_db = gain_db - 18 * np.maximum(0, np.log2(rng.uniform(0.1, 0.4)) - octave)
    return np.asarray(10 ** (np.maximum(gain_db, -90) / 20), np.float64)


def through_channel(wave: NDArray[np.float32], rng: np.random.Generator, wet: float = 0.5) -> NDArray[np.float32]:
    """The wave [n] through a random channel, with the chance `wet` of a room; as long, the direct sound in place."""
    response = impulse_response(rng) if rng.random() < wet else np.ones(1)
    size = fft.next_fast_len(len(wave) + len(response), real=True)
    gain = channel_gain(rng, np.fft.rfftfreq(size, 1 / RATE_HZ)).astype(np.float32)
    spectrum = fft.rfft(wave.astype(np.float32), size) * gain
    if len(response) > 1:
        spectrum = spectrum * fft.rfft(response.astype(np.float32), size)
    return np.asarray(fft.irfft(spectrum, size)[: len(wave)], np.float32)
