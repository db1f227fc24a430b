"""Random infant voices and adult talk that widen the training set; other files hold what is no infant.

The parameters are drawn wide on purpose; what the sample clips use is not copied here, so that they stay a test.
"""

from collections.abc import Callable

import numpy as np

from wail.voice.training.source_filter import (
    RATE_HZ,
    Sheet,
    Sound,
    Track,
    Voice,
    Wave,
    adult_voice,
    arch,
    breath,
    fade,
    infant_voice,
    ramp,
    rough,
    shake,
    through,
    voiced,
)
from wail.voice.training.synth_alarms import siren
from wail.voice.training.synth_music import tune

__all__ = ["RATE_HZ", "Sound", "Wave", "adult_talk", "babble", "cry", "laugh", "siren", "tune"]
VoiceOf = Callable[[np.random.Generator], Voice]


def cry(rng: np.random.Generator, duration_s: float) -> Sound:
    """Expirations of 0.3-1.8 s with a rising-falling F0 of 280-700 Hz, breaths between."""
    return _cry(rng, duration_s, rng.uniform(300, 620), infant_voice)


def imitation_cry(rng: np.random.Generator, duration_s: float) -> Sound:
    """An adult who imitates a cry: the same melody from a vocal tract twice as long. Nobody's infant."""
    sound = _cry(rng, duration_s, rng.uniform(220, 520), adult_voice)
    return Sound(sound.wave, np.zeros_like(sound.active))


def _cry(rng: np.random.Generator, duration_s: float, base_hz: float, voice_of: VoiceOf) -> Sound:
    sheet = Sheet(duration_s)
    steady = voice_of(rng)
    at = rng.uniform(0, 0.3)
    while at < duration_s - 0.3:
        length = rng.uniform(0.3, 1.8)
        u = ramp(length)
        f0 = base_hz * (1 + rng.uniform(0.0, 0.35) * arch(u, rng.uniform(0.15, 0.7)) - rng.uniform(0.0, 0.12) * u)
        f0 = f0 * rng.uniform(0.9, 1.1) * shake(rng, u, length, (4, 9), (0, 0.03))
        level = fade(u, length, rng.uniform(0.02, 0.15), rng.uniform(0.05, 0.3))
        if rng.random() < 0.3:
            level = level * rough(rng, u, length)
        moved = steady._replace(path_hz=steady.path_hz * rng.uniform(0.88, 1.12, (3, steady.path_hz.shape[1])))
        sheet.add(at, voiced(rng, f0, moved) * level, active=True)
        at += length
        gap = rng.uniform(0.12, 0.7)
        if rng.random() < 0.6:
            sheet.add(at + 0.02, breath(rng, min(gap, 0.3) * 0.8) * rng.uniform(0.02, 0.2))
        at += gap
    return sheet.sound()


def laugh(rng: np.random.Generator, duration_s: float) -> Sound:
    """Bouts of 3-12 "ha" at 3.5-7 Hz, voiced or breathed, dying away, F0 240-650 Hz with jumps; inhaling between."""
    return _laugh(rng, duration_s, rng.uniform(250, 560), infant_voice)


def adult_laugh(rng: np.random.Generator, duration_s: float) -> Sound:
    """The same from a grown vocal tract, F0 120-380 Hz. Nobody's infant."""
    sound = _laugh(rng, duration_s, rng.uniform(120, 330), adult_voice)
    return Sound(sound.wave, np.zeros_like(sound.active))


def _laugh(rng: np.random.Generator, duration_s: float, base_hz: float, voice_of: VoiceOf) -> Sound:
    sheet = Sheet(duration_s)
    voice, unvoiced_share = voice_of(rng), rng.choice([0.0, 0.15, 0.4])
    at = rng.uniform(0, 0.4)
    while at < duration_s - 0.8:
        rate, n_pulses = rng.uniform(3.5, 7.0), int(rng.integers(3, 13))
        start, bout_hz = at, base_hz * rng.uniform(0.85, 1.3)
        for pulse in range(n_pulses):
            length = rng.uniform(0.35, 0.65) / rate
            u = ramp(length)
            dying = 1 - rng.uniform(0, 0.6) * pulse / n_pulses
            f0 = bout_hz * (1 - 0.02 * pulse * rng.uniform(0, 1)) * (1 + rng.uniform(-0.05, 0.2) * np.sin(np.pi * u))
            f0 = f0 * (rng.uniform(1.2, 1.7) if rng.random() < 0.08 else 1.0)
            level = np.sin(np.pi * u) ** rng.uniform(0.4, 1.2) * dying
            if rng.random() >= unvoiced_share:
                sheet.add(at, voiced(rng, f0, voice) * level)
            # The "h" before the vowel.
            sheet.add(at - 0.25 * length, breath(rng, length) * rng.uniform(0.02, 0.25) * dying)
            at += (1 + rng.uniform(-0.12, 0.12)) / rate
        sheet.mark(start, at - 0.3 / rate)
        gap = rng.uniform(0.3, 1.2)
        if rng.random() < 0.6:
            sheet.add(at, _inhaled(rng, min(gap, rng.uniform(0.15, 0.5)), base_hz, voice))
        at += gap
    return sheet.sound()


def _inhaled(rng: np.random.Generator, length_s: float, base_hz: float, voice: Voice) -> Track:
    """Air drawn in after a bout: noise, or a hoarse rising tone."""
    air = breath(rng, length_s) * rng.uniform(0.05, 0.3)
    if rng.random() < 0.4:
        u = ramp(length_s)
        tone = voiced(rng, base_hz * through(rng.uniform(1.0, 1.8, 2), u), voice._replace(noise=0.5))
        air = air + np.resize(tone * np.sin(np.pi * u), len(air)) * rng.uniform(0.1, 0.5)
    return np.asarray(air, np.float64)


def babble(rng: np.random.Generator, duration_s: float) -> Sound:
    """Strings of syllables at 2-5 Hz with closures and gliding resonances, or one long coo; F0 230-480 Hz."""
    return _syllables(rng, duration_s, f0_hz=(240, 470), rate_hz=(2.0, 5.0), infant=True, coo=0.35)


def adult_talk(rng: np.random.Generator, duration_s: float) -> Sound:
    """Speech-like syllables at 3.5-7 Hz, F0 80-240 Hz, with fricative noise."""
    return _syllables(rng, duration_s, f0_hz=(80, 235), rate_hz=(3.5, 7.0), infant=False, coo=0.0)


def motherese(rng: np.random.Generator, duration_s: float) -> Sound:
    """Talk to an infant: slower, F0 200-450 Hz with wide swings, from a grown vocal tract."""
    return _syllables(rng, duration_s, f0_hz=(200, 400), rate_hz=(2.0, 5.0), infant=False, coo=0.1, swing=0.35)


def _syllables(rng: np.random.Generator, duration_s: float, f0_hz: tuple[float, float], rate_hz: tuple[float, float],
               infant: bool, coo: float, swing: float = 0.15) -> Sound:  # fmt: skip
    sheet = Sheet(duration_s)
    base, voice_of = rng.uniform(*f0_hz), infant_voice if infant else adult_voice
    voice = voice_of(rng)
    at = rng.uniform(0, 0.5)
    while at < duration_s - 0.5:
        start, rate, single = at, rng.uniform(*rate_hz), rng.random() < coo
        repeated = voice_of(rng, 2).path_hz if rng.random() < 0.4 else None  # canonical babble: "bababa"
        for _ in range(1 if single else int(rng.integers(2, 10))):
            length = rng.uniform(0.4, 1.2) if single else rng.uniform(0.5, 0.95) / rate
            u = ramp(length)
            glide = 1 + rng.uniform(-swing, swing) * u + rng.uniform(0, 0.1) * np.sin(np.pi * u)
            path = voice_of(rng, 2).path_hz if repeated is None else repeated
            # The first two resonances move, the third is the speaker's own.
            path = np.c_[path[:, :2], np.repeat(voice.path_hz[:, 2:], 2, 0)]
            level = fade(u, length, 0.03, 0.06) * rng.uniform(0.5, 1)
            sheet.add(at, voiced(rng, base * rng.uniform(0.85, 1.2) * glide, voice._replace(path_hz=path)) * level)
            if rng.random() < 0.4:
                sheet.add(at - 0.08, breath(rng, rng.uniform(0.04, 0.14)) * rng.uniform(0.05, 0.3))
            at += length if single else (1 + rng.uniform(-0.1, 0.2)) / rate
        sheet.mark(start, at)
        at += rng.uniform(0.2, 1.0)
    return sheet.sound()
