"""Source and filter (Fant 1960) for every synthetic voice here: harmonics of a moving F0 plus breath noise, shaped by
resonances that move, each piece laid onto a silent sheet."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

RATE_HZ = 16_000
TOP_HZ = 7800.0
CONTROL_SAMPLES = 80
"""Levels of harmonics are computed every 5 ms and joined by straight lines."""
Wave = NDArray[np.float32]
Track = NDArray[np.float64]


class Sound(NamedTuple):
    wave: Wave
    active: NDArray[np.bool_]
    """Per sample: whether the voice sounds (short inner gaps of a laugh or babble count as sounding)."""


class Voice(NamedTuple):
    """`path_hz` [points, resonances]: resonances pass through the points at equal distances of time."""

    path_hz: Track
    tilt_db_per_octave: float
    noise: float
    jitter: float
    bandwidth: float = 0.09
    """Of a resonance, as a share of its frequency, over 60 Hz."""


def infant_voice(rng: np.random.Generator, points: int = 1) -> Voice:
    """Resonances of a vocal tract of 7-9 cm: near 1.1, 3.2 and 5.2 kHz, moved by tongue and lips."""
    path = [rng.uniform(600, 1500, points), rng.uniform(1600, 3600, points), rng.uniform(3800, 6200, points)]
    return Voice(np.stack(path, 1), rng.uniform(-14, -4), 10 ** rng.uniform(-2.5, -0.6), 10 ** rng.uniform(-3, -1.5))


def adult_voice(rng: np.random.Generator, points: int = 1) -> Voice:
    """Resonances of a vocal tract of 14-18 cm."""
    path = [rng.uniform(280, 850, points), rng.uniform(850, 2400, points), rng.uniform(2300, 3400, points)]
    return Voice(np.stack(path, 1), rng.uniform(-14, -4), 10 ** rng.uniform(-2.5, -0.6), 10 ** rng.uniform(-3, -1.5))


class Sheet:
    """A silent stretch onto which pieces are laid."""

    def __init__(self, duration_s: float) -> None:
        self.wave = np.zeros(int(duration_s * RATE_HZ))
        self.active = np.zeros(len(self.wave), np.bool_)

    def add(self, at_s: float, piece: Track, active: bool = False) -> None:
        start = max(0, int(at_s * RATE_HZ))
        n = max(0, min(len(piece), len(self.wave) - start))
        self.wave[start : start + n] += piece[:n]
        self.active[start : start + n] |= active

    def mark(self, start_s: float, end_s: float) -> None:
        self.active[max(0, int(start_s * RATE_HZ)) : max(0, int(end_s * RATE_HZ))] = True

    def sound(self) -> Sound:
        return Sound((self.wave / (np.abs(self.wave).max() + 1e-9) * 0.5).astype(np.float32), self.active)


def ramp(length_s: float) -> Track:
    """0..1 over a piece of so many seconds, at least 16 samples."""
    return np.linspace(0, 1, max(int(length_s * RATE_HZ), 16))


def through(values: ArrayLike, u: Track) -> Track:
    """A smooth curve without overshoot (PCHIP) through equally spaced values, read at `u` (0..1)."""
    points = np.asarray(values, float)
    if len(points) < 2:
        return np.full(len(u), points[0])
    return np.asarray(PchipInterpolator(np.linspace(0, 1, len(points)), points)(u), np.float64)


def arch(u: Track, peak: float) -> Track:
    """Rises from 0 to 1 at `peak`, rounded there, falls to 0 at the end."""
    line = np.where(u < peak, u / peak, (1 - u) / (1 - peak))
    return np.asarray(line * (2 - line), np.float64)


def fade(u: Track, length_s: float, attack_s: float, release_s: float) -> Track:
    return np.clip(np.minimum(u * length_s / attack_s, (1 - u) * length_s / release_s), 0, 1)


def shake(rng: np.random.Generator, u: Track, length_s: float, hz: tuple[float, float], depth: tuple[float, float]
          ) -> Track:  # fmt: skip
    """1 + a sine of random rate, depth and phase: vibrato of an F0, or a bleat's tremor of a level."""
    angle = 2 * np.pi * rng.uniform(*hz) * u * length_s + rng.uniform(0, 6.3)
    return np.asarray(1 + rng.uniform(*depth) * np.sin(angle), np.float64)


def rough(rng: np.random.Generator, u: Track, length_s: float) -> Track:
    """Level of rough phonation: it beats at a fraction of F0, deep or not."""
    beat = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(25, 110) * u * length_s)
    return np.asarray(1 - rng.uniform(0.2, 0.8) * beat, np.float64)


def voiced(rng: np.random.Generator, f0_hz: Track, voice: Voice, partials: Sequence[int] | None = None) -> Track:
    """Harmonics of `f0_hz` [n] (all, or those of `partials`) through the voice's resonances, plus noise; peak of 1."""
    n = len(f0_hz)
    knots = np.arange(0, n + 400, 200)
    slow = np.interp(np.arange(n), knots, rng.standard_normal(len(knots)))
    f0_hz = np.maximum(f0_hz * (1 + voice.jitter * slow), 30.0)
    phase = 2 * np.pi * np.cumsum(f0_hz) / RATE_HZ + rng.uniform(0, 6)
    coarse = np.minimum(np.arange(0, n + CONTROL_SAMPLES, CONTROL_SAMPLES), n - 1)
    u = coarse / max(n - 1, 1)
    resonances = [through(column, u) for column in voice.path_hz.T]
    wave = np.zeros(n)
    for harmonic in partials or range(1, int(TOP_HZ / f0_hz.min()) + 1):
        hz = f0_hz[coarse] * harmonic
        gain = envelope(hz, resonances, voice) * rng.uniform(0.5, 1.4) * (hz < TOP_HZ)
        wave += np.interp(np.arange(n), coarse, gain) * np.sin(harmonic * phase)
    wave /= np.abs(wave).max() + 1e-9
    return np.asarray(wave + voice.noise * breath(rng, (n + 0.5) / RATE_HZ)[:n] * np.abs(wave), np.float64)


def envelope(hz: Track, resonances: Sequence[Track], voice: Voice) -> Track:
    """Level of a partial at `hz`: the source's tilt times the sum of the resonances' peaks."""
    tilt = 10 ** (voice.tilt_db_per_octave * np.log2(np.maximum(hz, 50) / 300) / 20)
    peaks = sum(1 / (1 + ((hz - f) / (60 + voice.bandwidth * f)) ** 2) for f in resonances)
    return np.asarray(tilt * (0.12 + peaks), np.float64)


def breath(rng: np.random.Generator, duration_s: float) -> Track:
    """Noise with a raised-cosine level, tilted by a one-pole smoothing of random strength."""
    n = max(int(duration_s * RATE_HZ), 2)
    noise = rng.standard_normal(n + 1)
    noise = noise[1:] - rng.uniform(-0.6, 0.9) * noise[:-1]
    return np.asarray(noise / 3 * np.sin(np.pi * np.linspace(0, 1, n)) ** 0.5, np.float64)


def saturate(wave: Track, drive: float) -> Track:
    """Soft clipping, as of a horn loudspeaker or a phone's amplifier: more harmonics, and differences of two tones."""
    return np.asarray(np.tanh(drive * wave) / np.tanh(drive), np.float64)
