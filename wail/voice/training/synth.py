"""Random source-filter sounds that widen the training set: infant cries, laughs, babble, adult talk, sirens,
struck notes.

Source: harmonics of a gliding F0 with jitter, plus breath noise; filter: three resonances and a tilt (Fant 1960). The
parameters are drawn wide on purpose; what the sample clips use is not copied here, so that they stay a test.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
Wave = NDArray[np.float32]


class Sound(NamedTuple):
    wave: Wave
    active: NDArray[np.bool_]
    """Per sample: whether the voice sounds (short inner gaps of a laugh or babble count as sounding)."""


def cry(rng: np.random.Generator, duration_s: float) -> Sound:
    """Expirations of 0.3-1.8 s with a rising-falling F0 of 280-700 Hz, breaths between."""
    sheet = _Sheet(duration_s)
    base_hz, style = rng.uniform(300, 620), _style(rng, infant=True)
    at = rng.uniform(0, 0.3)
    while at < duration_s - 0.3:
        length = rng.uniform(0.3, 1.8)
        u = np.linspace(0, 1, int(length * RATE_HZ))
        peak = rng.uniform(0.15, 0.7)
        arch = np.where(u < peak, u / peak, (1 - u) / (1 - peak))
        f0 = base_hz * (1 + rng.uniform(0.0, 0.35) * arch - rng.uniform(0.0, 0.12) * u) * rng.uniform(0.9, 1.1)
        f0 = f0 * (1 + rng.uniform(0, 0.03) * np.sin(2 * np.pi * rng.uniform(4, 9) * u * length))
        attack, release = u * length / rng.uniform(0.02, 0.15), (1 - u) * length / rng.uniform(0.05, 0.3)
        level = np.clip(np.minimum(attack, release), 0, 1)
        if rng.random() < 0.3:
            # Rough phonation: the level beats at a fraction of F0.
            beat = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(25, 110) * u * length)
            level = level * (1 - rng.uniform(0.2, 0.8) * beat)
        sheet.add(at, _voiced(rng, f0, style) * level, arch >= 0)
        at += length
        gap = rng.uniform(0.12, 0.7)
        if rng.random() < 0.6:
            sheet.add(at + 0.02, _breath(rng, min(gap, 0.3) * 0.8) * rng.uniform(0.02, 0.2), None)
        at += gap
    return sheet.sound()


def laugh(rng: np.random.Generator, duration_s: float) -> Sound:
    """Bouts of short voiced pulses at 3.5-7 Hz, dying away, F0 240-650 Hz."""
    sheet = _Sheet(duration_s)
    base_hz, style = rng.uniform(250, 560), _style(rng, infant=True)
    at = rng.uniform(0, 0.4)
    while at < duration_s - 0.8:
        rate, n_pulses = rng.uniform(3.5, 7.0), int(rng.integers(3, 13))
        start, bout_hz = at, base_hz * rng.uniform(0.85, 1.3)
        for pulse in range(n_pulses):
            length = rng.uniform(0.35, 0.65) / rate
            u = np.linspace(0, 1, int(length * RATE_HZ))
            f0 = bout_hz * (1 - 0.02 * pulse * rng.uniform(0, 1)) * (1 + rng.uniform(-0.05, 0.2) * np.sin(np.pi * u))
            level = np.sin(np.pi * u) ** rng.uniform(0.4, 1.2) * (1 - rng.uniform(0, 0.6) * pulse / n_pulses)
            sheet.add(at, _voiced(rng, f0, style) * level, None)
            sheet.add(at + length * 0.7, _breath(rng, 0.4 / rate) * rng.uniform(0.0, 0.08), None)
            at += (1 + rng.uniform(-0.12, 0.12)) / rate
        sheet.mark(start, at - 0.3 / rate)
        at += rng.uniform(0.3, 1.2)
    return sheet.sound()


def babble(rng: np.random.Generator, duration_s: float) -> Sound:
    """Strings of syllables at 2-5 Hz with closures and gliding resonances, or one long coo; F0 230-480 Hz."""
    return _syllables(rng, duration_s, f0_hz=(240, 470), rate_hz=(2.0, 5.0), infant=True, coo=0.35)


def adult_talk(rng: np.random.Generator, duration_s: float) -> Sound:
    """Speech-like syllables at 3.5-7 Hz, F0 80-240 Hz, with fricative noise."""
    return _syllables(rng, duration_s, f0_hz=(80, 235), rate_hz=(3.5, 7.0), infant=False, coo=0.0)


def siren(rng: np.random.Generator, duration_s: float) -> Sound:
    """Regular tonal alarms, whistles and chords: what a detector of high harmonic sound takes for a cry."""
    time_s = np.arange(int(duration_s * RATE_HZ)) / RATE_HZ
    kind, low = rng.integers(3), rng.uniform(350, 1200)
    span, rate = rng.uniform(1.1, 2.2), 10 ** rng.uniform(-0.9, 0.7)
    turn = np.sin(2 * np.pi * rate * time_s + rng.uniform(0, 6))
    if kind == 0:
        f0 = low * span ** (0.5 + 0.5 * turn)
    elif kind == 1:
        f0 = low * np.where(turn > 0, span, 1.0)
    else:
        f0 = low * 2 ** (rng.integers(0, 12, int(duration_s * rate) + 2)[(time_s * rate).astype(int)] / 12)
    wave = np.zeros_like(time_s)
    phase = 2 * np.pi * np.cumsum(f0) / RATE_HZ
    decay = rng.uniform(0.2, 0.9)
    for harmonic in range(1, int(rng.integers(2, 9))):
        wave += decay ** (harmonic - 1) * np.sin(harmonic * phase) * (f0 * harmonic < 7600)
    if rng.random() < 0.3:
        wave *= turn > rng.uniform(-0.5, 0.5)
    return Sound((wave / (np.abs(wave).max() + 1e-9) * 0.5).astype(np.float32), np.zeros(len(time_s), np.bool_))


def tune(rng: np.random.Generator, duration_s: float) -> Sound:
    """Struck and plucked notes of a random scale, 1-9 a second, one or two voices, in the range of infants' F0 too."""
    sheet = _Sheet(duration_s)
    scale = np.sort(rng.choice(12, int(rng.integers(4, 8)), replace=False))
    for _ in range(int(rng.integers(1, 3))):
        base_hz, rate = 110 * 2 ** rng.uniform(0, 3.2), 10 ** rng.uniform(0.0, 0.95)
        decay_s = 10 ** rng.uniform(-1.2, 0.2)
        strength = rng.uniform(0.2, 0.9) ** np.arange(1, 10)
        attack_s, level = 10 ** rng.uniform(-2.7, -1.0), rng.uniform(0.2, 1.0)
        for at in np.arange(rng.uniform(0, 0.5), duration_s, 1 / rate):
            if rng.random() < 0.2:
                continue
            hz = base_hz * 2 ** ((rng.choice(scale) + 12 * rng.integers(0, 2)) / 12)
            time_s = np.arange(int(min(4 * decay_s, 2.0) * RATE_HZ)) / RATE_HZ
            partials = [s * np.sin(2 * np.pi * hz * k * time_s) for k, s in enumerate(strength, 1) if hz * k < 7600]
            shape = level * np.exp(-time_s / decay_s) * np.clip(time_s / attack_s, 0, 1)
            sheet.add(at, np.sum(partials, 0) * shape, None)
    return sheet.sound()


class _Sheet:
    """A silent stretch onto which pieces are laid."""

    def __init__(self, duration_s: float) -> None:
        self.wave = np.zeros(int(duration_s * RATE_HZ))
        self.active = np.zeros(len(self.wave), np.bool_)

    def add(self, at_s: float, piece: NDArray[np.float64], active: NDArray[np.bool_] | None) -> None:
        start = max(0, int(at_s * RATE_HZ))
        n = max(0, min(len(piece), len(self.wave) - start))
        self.wave[start : start + n] += piece[:n]
        if active is not None:
            self.active[start : start + n] |= active[:n]

    def mark(self, start_s: float, end_s: float) -> None:
        self.active[int(start_s * RATE_HZ) : int(end_s * RATE_HZ)] = True

    def sound(self) -> Sound:
        return Sound((self.wave / (np.abs(self.wave).max() + 1e-9) * 0.5).astype(np.float32), self.active)


class _Style(NamedTuple):
    formants_hz: tuple[float, float, float]
    tilt_db_per_octave: float
    noise: float
    jitter: float


def _style(rng: np.random.Generator, infant: bool) -> _Style:
    if infant:
        formants = (rng.uniform(600, 1500), rng.uniform(1600, 3600), rng.uniform(3800, 6200))
    else:
        formants = (rng.uniform(280, 850), rng.uniform(850, 2400), rng.uniform(2300, 3400))
    return _Style(formants, rng.uniform(-14, -4), 10 ** rng.uniform(-2.5, -0.6), 10 ** rng.uniform(-3, -1.5))


def _voiced(rng: np.random.Generator, f0_hz: NDArray[np.float64], style: _Style) -> NDArray[np.float64]:
    """Harmonics of `f0_hz` [n] shaped by the style's resonances, each wandering in level, plus noise."""
    n = len(f0_hz)
    slow = np.interp(np.arange(n), np.arange(0, n + 400, 200), rng.standard_normal(len(np.arange(0, n + 400, 200))))
    f0_hz = f0_hz * (1 + style.jitter * slow)
    phase = 2 * np.pi * np.cumsum(f0_hz) / RATE_HZ + rng.uniform(0, 6)
    wave = np.zeros(n)
    for harmonic in range(1, int(7800 / max(f0_hz.min(), 60)) + 1):
        hz = f0_hz * harmonic
        if hz.min() > 7800:
            break
        gain = _envelope(hz, style) * rng.uniform(0.5, 1.4) * (hz < 7800)
        wave += gain * np.sin(harmonic * phase)
    wave /= np.abs(wave).max() + 1e-9
    return np.asarray(wave + style.noise * _breath(rng, (n + 0.5) / RATE_HZ) * np.abs(wave), np.float64)


def _envelope(hz: NDArray[np.float64], style: _Style) -> NDArray[np.float64]:
    tilt = 10 ** (style.tilt_db_per_octave * np.log2(np.maximum(hz, 50) / 300) / 20)
    peaks = sum(1 / (1 + ((hz - f) / (60 + 0.09 * f)) ** 2) for f in style.formants_hz)
    return np.asarray(tilt * (0.12 + peaks), np.float64)


def _breath(rng: np.random.Generator, duration_s: float) -> NDArray[np.float64]:
    """Noise with a raised-cosine level, tilted by a one-pole smoothing of random strength."""
    n = max(int(duration_s * RATE_HZ), 2)
    noise = rng.standard_normal(n + 1)
    noise = noise[1:] - rng.uniform(-0.6, 0.9) * noise[:-1]
    return np.asarray(noise / 3 * np.sin(np.pi * np.linspace(0, 1, n)) ** 0.5, np.float64)


def _syllables(rng: np.random.Generator, duration_s: float, f0_hz: tuple[float, float], rate_hz: tuple[float, float],
               infant: bool, coo: float) -> Sound:  # fmt: skip
    sheet = _Sheet(duration_s)
    base = rng.uniform(*f0_hz)
    voice = _style(rng, infant)
    at = rng.uniform(0, 0.5)
    while at < duration_s - 0.5:
        start, rate, single = at, rng.uniform(*rate_hz), rng.random() < coo
        n_syllables = 1 if single else int(rng.integers(2, 10))
        for _ in range(n_syllables):
            length = rng.uniform(0.4, 1.2) if single else rng.uniform(0.5, 0.95) / rate
            u = np.linspace(0, 1, max(int(length * RATE_HZ), 16))
            glide = 1 + rng.uniform(-0.15, 0.15) * u + rng.uniform(0, 0.1) * np.sin(np.pi * u)
            f0 = base * rng.uniform(0.85, 1.2) * glide
            low, high = _style(rng, infant), _style(rng, infant)
            first = _voiced(rng, f0, voice._replace(formants_hz=low.formants_hz))
            second = _voiced(rng, f0, voice._replace(formants_hz=high.formants_hz))
            level = np.clip(np.minimum(u * length / 0.03, (1 - u) * length / 0.06), 0, 1) * rng.uniform(0.5, 1)
            sheet.add(at, (first * (1 - u) + second * u) * level, None)
            if rng.random() < 0.4:
                sheet.add(at - 0.08, _breath(rng, rng.uniform(0.04, 0.14)) * rng.uniform(0.05, 0.3), None)
            at += length if single else (1 + rng.uniform(-0.1, 0.2)) / rate
        sheet.mark(start, at)
        at += rng.uniform(0.2, 1.0)
    return sheet.sound()
