"""What else is heard in a room: adult speech-like sound, music, household noise, and the room's own echo.

Same conventions as sound.py: mono float64 at RATE_HZ, seeds make everything repeatable.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import fftconvolve, lfilter

from wail.samples.sound import CONTROL_HZ, F64, RATE_HZ, harmonics, resonate, smooth_noise, to_samples

VOWELS_HZ = (
    (730.0, 1090.0, 2440.0), (270.0, 2290.0, 3010.0), (300.0, 870.0, 2240.0), (530.0, 1840.0, 2480.0),
    (570.0, 840.0, 2410.0), (660.0, 1720.0, 2410.0), (490.0, 1350.0, 1690.0),
)  # fmt: skip
"""First three formants of American English vowels, men (Peterson and Barney 1952)."""


@dataclass(frozen=True)
class AdultVoice:
    """Speech-like sound with the spans in which it sounds, and how far the mouth is open (0-1 at CONTROL_HZ)."""

    wave: F64
    spans_s: tuple[tuple[float, float], ...]
    mouth_open: F64


def adult_speech(
    plan: Sequence[tuple[float, float]], duration_s: float, seed: int, f0_hz: float = 120.0, tract: float = 1.0
) -> AdultVoice:
    """Speech-like sound in the planned spans: syllables of vowels and fricatives with a declining intonation.

    It is no language; it has a voice's fundamental (100-220 Hz), formant movement and syllable rhythm (4-5 a second).
    """
    rng = np.random.default_rng(seed)
    n = round(duration_s * CONTROL_HZ)
    pitch, level, hiss = np.full(n, f0_hz), np.zeros(n), np.zeros(n)
    formants = [np.full(n, hz) for hz in (*VOWELS_HZ[0], 3400.0)]
    spans = []
    for start_s, end_s in plan:
        spans += _phrases(start_s, end_s, f0_hz, rng, pitch, level, hiss, formants)
    smooth = [tract * _glide(track, 0.025) for track in formants]
    pitch = _glide(pitch, 0.03) * (1 + 0.012 * smooth_noise(rng, n, 20, CONTROL_HZ))
    voiced = harmonics(pitch, _glide(level, 0.012), smooth, (70.0, 100.0, 140.0, 250.0), tilt=1.3)
    scale = float(np.std(voiced)) or 1.0
    noise = resonate(rng.standard_normal(len(voiced)), (4200.0, 6000.0), (1500.0, 2500.0))
    wave = voiced + 0.5 * scale * to_samples(_glide(hiss, 0.01)) * noise
    return AdultVoice(0.5 * wave / (float(np.abs(wave).max()) or 1.0), tuple(spans), _glide(level, 0.04))


def _phrases(
    start_s: float, end_s: float, f0_hz: float, rng: np.random.Generator,
    pitch: F64, level: F64, hiss: F64, formants: list[F64],
) -> list[tuple[float, float]]:  # fmt: skip
    """Write phrases of 4-8 syllables with short pauses into the tracks; returns their spans."""
    spans, at = [], start_s
    while at < end_s - 0.5:
        first, count = at, int(rng.integers(4, 9))
        for syllable in range(count):
            length = float(rng.uniform(0.15, 0.26))
            if at + length > end_s:
                break
            onset = float(rng.uniform(0.2, 0.35)) * length
            a, b, c = (round(t * CONTROL_HZ) for t in (at, at + onset, at + length))
            hiss[a:b] = rng.uniform(0.3, 1.0) * (rng.random() < 0.6)
            level[a:b] = 0.15
            level[b:c] = rng.uniform(0.6, 1.0)
            pitch[a:c] = f0_hz * (1.2 - 0.3 * syllable / count + float(rng.normal(0, 0.05)))
            for track, hz in zip(formants, VOWELS_HZ[int(rng.integers(len(VOWELS_HZ)))], strict=False):
                track[a:c] = hz
            at += length
        spans.append((first, at))
        at += float(rng.uniform(0.15, 0.3))
    return spans


def _glide(track: F64, seconds: float) -> F64:
    """Symmetric smoothing by a raised-cosine window."""
    window = np.hanning(2 * max(round(seconds * CONTROL_HZ), 1) + 1)
    padded = np.pad(track, len(window) // 2, mode="edge")
    return np.asarray(np.convolve(padded, window / window.sum(), mode="valid"))


def music(duration_s: float, seed: int) -> F64:
    """A music box over slow chords: decaying harmonics on a scale, four notes a second."""
    rng = np.random.default_rng(seed)
    out = np.zeros(round(duration_s * RATE_HZ))
    scale = 2.0 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16]) / 12)
    for beat in np.arange(0, duration_s, 0.27):
        _pluck(out, float(beat), 523.25 * float(rng.choice(scale)), 0.5, (1, 0.4, 0.25, 0.12), 0.35)
    for bar in np.arange(0, duration_s, 2.16):
        root = 130.81 * float(rng.choice([1.0, 1.125, 0.75, 0.8409]))
        for ratio in (1.0, 1.2599, 1.4983):
            _pluck(out, float(bar), root * ratio, 0.35, (1, 0.5, 0.3, 0.2, 0.1), 1.6)
    return np.asarray(0.5 * out / float(np.abs(out).max()))


def _pluck(out: F64, at_s: float, hz: float, level: float, partials: Sequence[float], decay_s: float) -> None:
    first = round(at_s * RATE_HZ)
    t = np.arange(min(round(4 * decay_s * RATE_HZ), len(out) - first)) / RATE_HZ
    tone = sum(p * np.sin(2 * np.pi * hz * (k + 1) * t) for k, p in enumerate(partials))
    out[first : first + len(t)] += level * tone * np.exp(-t / decay_s) * np.clip(t / 0.005, 0, 1)


def household(duration_s: float, seed: int) -> F64:
    """A fan and a hum, with dishes now and then."""
    rng = np.random.default_rng(seed)
    n = round(duration_s * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    fan = 2 * smooth_noise(rng, n, 400, RATE_HZ) + 0.25 * rng.standard_normal(n)
    fan *= 1 + 0.15 * np.sin(2 * np.pi * 0.4 * t)
    hum = sum(np.sin(2 * np.pi * 50 * k * t) / k for k in (1, 2, 3, 5))
    out = fan + 0.8 * hum
    for at in rng.uniform(0, max(duration_s - 0.3, 0.1), int(duration_s * 0.8)):
        _pluck(out, float(at), float(rng.uniform(1800, 3600)), 4.0, (1, 0.0, 0.7, 0.0, 0.5), 0.04)
    return np.asarray(0.5 * out / float(np.abs(out).max()))


def hiss(duration_s: float, seed: int) -> F64:
    """The noise floor of a phone's microphone, unit RMS, falling towards high frequencies."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(round(duration_s * RATE_HZ))
    out = np.asarray(lfilter([0.2], [1, -0.8], noise))
    return np.asarray(out / float(np.std(out)))


def reverberate(wave: F64, seed: int, decay_s: float = 0.12, wet: float = 0.25) -> F64:
    """A small room: a decaying noise tail after the direct sound, which stays where it is in time."""
    rng = np.random.default_rng(seed)
    n = round(4 * decay_s * RATE_HZ)
    tail = rng.standard_normal(n) * np.exp(-np.arange(n) / (decay_s * RATE_HZ))
    tail[: round(0.004 * RATE_HZ)] = 0
    tail *= wet / float(np.sqrt(np.sum(tail**2)))
    return np.asarray(wave + fftconvolve(wave, tail)[: len(wave)])


def mix_at(infant: F64, other: F64, snr_db: float, where: Sequence[tuple[float, float]]) -> F64:
    """`other` scaled so that the infant is `snr_db` louder than it over the spans where the infant sounds."""
    voiced = np.zeros(len(infant), bool)
    for start_s, end_s in where:
        voiced[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)] = True
    signal = float(np.sqrt(np.mean(infant[voiced] ** 2))) if voiced.any() else 0.1
    active = np.abs(other) > 0.02 * float(np.abs(other).max() or 1.0)
    noise = float(np.sqrt(np.mean(other[active] ** 2))) if active.any() else 1.0
    return np.asarray(other * (signal / noise) * 10 ** (-snr_db / 20))
