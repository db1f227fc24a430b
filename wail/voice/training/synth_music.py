"""Tunes and song: struck, plucked, blown and bowed notes, and singers of any size. All synthetic, none an infant."""

import numpy as np

from wail.voice.training.source_filter import (
    RATE_HZ,
    Sheet,
    Sound,
    Track,
    Voice,
    adult_voice,
    breath,
    fade,
    ramp,
    shake,
    voiced,
)


def tune(rng: np.random.Generator, duration_s: float) -> Sound:
    """Struck and plucked notes of a random scale, 1-9 a second, one or two voices, in the range of infants' F0 too."""
    sheet = Sheet(duration_s)
    scale = _scale(rng)
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
            sheet.add(at, np.sum(partials, 0) * shape)
    return sheet.sound()


def _scale(rng: np.random.Generator) -> Track:
    return np.sort(rng.choice(12, int(rng.integers(4, 8)), replace=False)).astype(np.float64)


def _melody(rng: np.random.Generator, duration_s: float, base_hz: float) -> list[tuple[float, float, Track]]:
    """Start, length and F0 of sustained notes: by steps of a scale, slurred into each other at times, with vibrato."""
    scale, at, last, notes = _scale(rng), rng.uniform(0, 0.8), 0.0, []
    beat_s, slur, vibrato = 10 ** rng.uniform(-0.8, 0.1), rng.random(), rng.uniform(0, 0.035) * (rng.random() < 0.7)
    while at < duration_s - 0.1:
        length = beat_s * float(rng.choice([0.5, 1, 1, 2, 3]))
        u = ramp(length)
        now = float(rng.choice(scale)) / 12
        glide = np.exp(-u * length / rng.uniform(0.01, 0.12)) * (rng.random() < slur)
        f0 = base_hz * 2 ** (now + (last - now) * glide) * shake(rng, u, length, (4.5, 7), (0, vibrato + 1e-6))
        notes.append((at, length, f0))
        last = now
        at += length + (0 if rng.random() < slur else rng.uniform(0.02, 0.5))
        if rng.random() < 0.15:
            at += rng.uniform(0.2, 1.0)
    return notes


def blown(rng: np.random.Generator, duration_s: float) -> Sound:
    """Recorders, trumpets, violins, accordions, theremins: a melody of sustained notes, at times in two parts."""
    sheet = Sheet(duration_s)
    for _ in range(1 + int(rng.random() < 0.3)):
        base_hz, kind = 10 ** rng.uniform(2.2, 3.0), rng.random()
        peaks = rng.uniform(400, 5000, (1, int(rng.integers(1, 5))))
        voice = Voice(peaks, rng.uniform(-24, -2), 10 ** rng.uniform(-3, -0.7), 10 ** rng.uniform(-4, -2.2), 0.3)
        partials = (1, 3, 5) if kind < 0.2 else (1, 2, 3) if kind < 0.4 else None
        attack_s, release_s = 10 ** rng.uniform(-2, -0.8), 10 ** rng.uniform(-1.7, -0.6)
        for at, length, f0 in _melody(rng, duration_s, base_hz):
            sheet.add(at, voiced(rng, f0, voice, partials) * fade(ramp(length), length, attack_s, release_s))
    return sheet.sound()


def song(rng: np.random.Generator, duration_s: float) -> Sound:
    """A singer, 110-800 Hz, vowels of a grown (or a schoolchild's) tract, vibrato, portamento, consonants."""
    sheet, base_hz, size = Sheet(duration_s), 110 * 2 ** rng.uniform(0, 2.3), rng.uniform(0.9, 1.25)
    singer = adult_voice(rng)
    for at, length, f0 in _melody(rng, duration_s, base_hz):
        u, vowel = ramp(length), adult_voice(rng, 2).path_hz * size
        vowel[:, 2] = singer.path_hz[0, 2] * size  # the singer's formant is the singer's own
        level = fade(u, length, rng.uniform(0.02, 0.1), rng.uniform(0.03, 0.2))
        sheet.add(at, voiced(rng, f0, singer._replace(path_hz=vowel)) * level)
        if rng.random() < 0.4:
            sheet.add(at - 0.06, breath(rng, rng.uniform(0.03, 0.12)) * rng.uniform(0.05, 0.3))
    return sheet.sound()
