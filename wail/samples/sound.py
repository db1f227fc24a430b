"""Infant voices by source and filter: cries, laughs and babble, each with its own truth.

The source is a sum of harmonics of a gliding fundamental, with jitter, tremor and a rough (amplitude-modulated)
stretch; the filter is a set of formants of a short vocal tract that opens with loudness; breath noise goes through the
same formants. Ranges follow what is published of infant cries: expirations of 0.5-1.5 s with a rising-falling melody of
about 350-600 Hz, a short ingressive breath between them, roughness of 30-80 Hz; laughter at 4-5 notes a second.
All waves are mono float64 in -1..1 at `RATE_HZ`; times are seconds on the clip's clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

F64 = NDArray[np.float64]

RATE_HZ = 32000
CONTROL_HZ = 400
"""Rate of the gliding parameters; a divisor of RATE_HZ."""
MAX_HARMONIC_HZ = 9000.0

INFANT_FORMANTS_HZ = (1050.0, 3000.0, 5200.0, 7600.0)
"""A tube of about 8 cm, closed at one end; the first rises as the mouth opens."""


@dataclass(frozen=True)
class Utterance:
    """One breath group of the infant: one expiration of a cry, one bout of laughter, one phrase of babble."""

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True)
class InfantVoice:
    """What the infant does in a clip: the clean wave, its utterances, and the fundamental (Hz, 0 where unvoiced).

    `wave` has n samples at RATE_HZ, `f0_hz` one value per CONTROL_HZ tick.
    """

    wave: F64
    f0_hz: F64
    utterances: tuple[Utterance, ...]


@dataclass(frozen=True)
class VoiceStyle:
    """What makes one infant's voice its own."""

    pitch: float = 1.0
    """Factor on every fundamental."""
    tract: float = 1.0
    """Factor on every formant: above 1 for a shorter vocal tract."""
    rough: float = 0.5
    """Share of roughness in loud crying, 0-1."""
    breath: float = 0.05
    """Breath noise beside the harmonics, 0-1."""


def to_samples(control: F64) -> F64:
    """Interpolate a track at CONTROL_HZ to RATE_HZ."""
    step = RATE_HZ // CONTROL_HZ
    at = np.arange(len(control) * step) / step
    return np.interp(at, np.arange(len(control)), control)


def formant_gain(freq_hz: F64, formants_hz: Sequence[F64 | float], bandwidth_hz: Sequence[float]) -> F64:
    """Magnitude of a cascade of two-pole resonators (Klatt 1980) at `freq_hz`, 1 at 0 Hz."""
    gain = np.ones(np.broadcast_shapes(freq_hz.shape, np.shape(formants_hz[0])))
    for centre, width in zip(formants_hz, bandwidth_hz, strict=True):
        f2, b2 = np.square(centre), width * width
        gain = gain * (f2 + b2 / 4) / np.sqrt((f2 - freq_hz**2 + b2 / 4) ** 2 + b2 * freq_hz**2)
    return gain


def harmonics(f0_hz: F64, level: F64, formants_hz: Sequence[F64], bandwidth_hz: Sequence[float], tilt: float) -> F64:
    """Sum of harmonics of a gliding fundamental, shaped by gliding formants.

    All tracks at CONTROL_HZ; `tilt` is the source's slope as the power of the harmonic number (1 is 6 dB an octave).
    The sines come from sin(k p) = 2 cos(p) sin((k-1) p) - sin((k-2) p).
    """
    phase = 2 * np.pi * np.cumsum(to_samples(f0_hz)) / RATE_HZ
    twice_cos, before, sine = 2 * np.cos(phase), np.zeros_like(phase), np.sin(phase)
    out = np.zeros_like(phase)
    voiced = f0_hz[level > 0]
    top = int(MAX_HARMONIC_HZ / max(float(voiced.min()), 60.0)) if len(voiced) else 0
    for k in range(1, top + 1):
        freq = k * f0_hz
        fade = np.clip((MAX_HARMONIC_HZ - freq) / 1000, 0, 1)
        out += to_samples(level * fade * formant_gain(freq, formants_hz, bandwidth_hz) / k**tilt) * sine
        sine, before = twice_cos * sine - before, sine
    return out


def resonate(noise: F64, formants_hz: Sequence[float], bandwidth_hz: Sequence[float]) -> F64:
    """Noise through fixed resonators in parallel (for breath), unit RMS."""
    out = np.zeros_like(noise)
    for index, (centre, width) in enumerate(zip(formants_hz, bandwidth_hz, strict=True)):
        radius = np.exp(-np.pi * width / RATE_HZ)
        poles = [1.0, -2 * radius * np.cos(2 * np.pi * centre / RATE_HZ), radius**2]
        band = lfilter([1 - radius, 0, -(1 - radius)], poles, noise)
        out += band / (1 + index)
    return out / (float(np.std(out)) + 1e-12)


def smooth_noise(rng: np.random.Generator, n: int, cutoff_hz: float, rate_hz: float) -> F64:
    """Unit-variance noise with a one-pole low-pass at `cutoff_hz`."""
    a = float(np.exp(-2 * np.pi * cutoff_hz / rate_hz))
    warm = int(4 / (1 - a)) + 1
    return np.asarray(lfilter([np.sqrt(1 - a * a)], [1, -a], rng.standard_normal(n + warm))[warm:])


class _Tracks:
    """Gliding parameters of one clip at CONTROL_HZ, filled utterance by utterance."""

    def __init__(self, duration_s: float) -> None:
        n = round(duration_s * CONTROL_HZ)
        self.n = n
        self.f0_hz = np.full(n, 400.0)
        self.level = np.zeros(n)
        self.breath = np.zeros(n)
        self.rough = np.zeros(n)
        self.open = np.zeros(n)
        self.voiced = np.zeros(n, bool)

    def span(self, start_s: float, duration_s: float) -> tuple[slice, F64]:
        """The ticks of a span and their place 0-1 in it."""
        first, last = round(start_s * CONTROL_HZ), min(round((start_s + duration_s) * CONTROL_HZ), self.n)
        return slice(first, last), np.linspace(0, 1, max(last - first, 0))


def _edge(x: F64, attack: float, release: float) -> F64:
    """A raised-cosine envelope over x in 0-1 with the given shares of rise and fall."""
    rise = np.clip(x / attack, 0, 1)
    fall = np.clip((1 - x) / release, 0, 1)
    return np.asarray(0.25 * (1 - np.cos(np.pi * rise)) * (1 - np.cos(np.pi * fall)))


def _cry(tracks: _Tracks, start_s: float, end_s: float, rng: np.random.Generator) -> list[Utterance]:
    """Expirations with a melody, each followed by an ingressive breath."""
    done, at = [], start_s
    while at < end_s - 0.5:
        length = min(float(rng.uniform(0.65, 1.35)), end_s - at)
        strength = float(rng.uniform(0.35, 1.0))
        span, x = tracks.span(at, length)
        peak_at, low = float(rng.uniform(0.2, 0.5)), float(rng.uniform(350, 400))
        rise = low + (60 + 130 * strength) * float(rng.uniform(0.7, 1.1))
        melody = np.where(x < peak_at, low + (rise - low) * np.sin(np.pi / 2 * x / peak_at),
                          rise - (rise - low * 0.97) * np.clip((x - peak_at) / (1 - peak_at), 0, 1) ** 1.6)
        tremor = 0.02 * np.sin(2 * np.pi * float(rng.uniform(5, 8)) * x * length) * (x > 0.3)
        envelope = _edge(x, 0.07 / length, 0.22 / length)
        swell = 1 + 0.25 * np.sin(2 * np.pi * (float(rng.uniform(0.7, 2.2)) * x + float(rng.uniform())))
        tracks.f0_hz[span] = melody * (1 + tremor)
        tracks.level[span] = strength * envelope * swell
        tracks.open[span] = np.clip(strength * envelope * swell, 0, 1)
        tracks.breath[span] = strength * envelope
        tracks.rough[span] = np.clip(strength - 0.4, 0, 1) * _edge(np.clip((x - 0.25) / 0.5, 0, 1), 0.3, 0.3)
        tracks.voiced[span] = envelope > 0.02
        done.append(Utterance(at, at + length, "cry"))
        at += length + float(rng.uniform(0.1, 0.16))
        if at + 0.5 < end_s:
            at = _inspire(tracks, at, rng)
    return done


def _inspire(tracks: _Tracks, at: float, rng: np.random.Generator) -> float:
    """A quick, weak, noisy breath in; returns when the next expiration may begin."""
    length = float(rng.uniform(0.14, 0.24))
    span, x = tracks.span(at, length)
    tracks.breath[span] = np.maximum(tracks.breath[span], 0.35 * _edge(x, 0.3, 0.4))
    return at + length + float(rng.uniform(0.08, 0.3))


def _laugh(tracks: _Tracks, start_s: float, end_s: float, rng: np.random.Generator) -> list[Utterance]:
    """Bouts of aspirated notes, four to five a second, falling in pitch and loudness within the bout."""
    done, at = [], start_s
    while at < end_s - 0.6:
        period, strength = float(rng.uniform(0.2, 0.25)), float(rng.uniform(0.55, 1.0))
        notes = min(int(rng.integers(4, 8)), int((end_s - at) / period))
        top = float(rng.uniform(430, 560))
        for note in range(notes):
            span, x = tracks.span(at + note * period, period)
            decay = 1 - 0.5 * note / max(notes - 1, 1)
            beat = _edge(np.clip((x - 0.28) / 0.66, 0, 1), 0.25, 0.45) * (x > 0.28)
            tracks.f0_hz[span] = top * (1 - 0.18 * note / max(notes - 1, 1)) * (1.04 - 0.14 * x)
            tracks.level[span] = strength * decay * beat
            tracks.open[span] = np.clip(strength * decay * (0.35 + 0.65 * beat), 0, 1)
            tracks.breath[span] = strength * decay * (0.5 + 0.8 * (x < 0.3))
            tracks.voiced[span] = beat > 0.05
        done.append(Utterance(at, at + notes * period, "laugh"))
        at = _inspire(tracks, at + notes * period + 0.05, rng) + float(rng.uniform(0.1, 0.5))
    return done


def _babble(tracks: _Tracks, start_s: float, end_s: float, rng: np.random.Generator) -> list[Utterance]:
    """Phrases of consonant-vowel syllables: the sound stops where the lips close."""
    done, at = [], start_s
    while at < end_s - 0.6:
        period = float(rng.uniform(0.24, 0.32))
        count = min(int(rng.integers(3, 6)), int((end_s - at) / period))
        base = float(rng.uniform(350, 400))
        for syllable in range(count):
            span, x = tracks.span(at + syllable * period, period)
            beat = _edge(np.clip((x - 0.2) / 0.75, 0, 1), 0.25, 0.3) * (x > 0.2)
            tracks.f0_hz[span] = base * (1 + 0.1 * np.sin(np.pi * x) - 0.03 * syllable)
            tracks.level[span] = 0.45 * beat
            tracks.open[span] = 0.7 * beat
            tracks.breath[span] = 0.2 * beat
            tracks.voiced[span] = beat > 0.05
        done.append(Utterance(at, at + count * period, "babble"))
        at += count * period + float(rng.uniform(0.4, 0.7))
    return done


PARTS = {"cry": _cry, "laugh": _laugh, "babble": _babble}


def infant_voice(
    plan: Sequence[tuple[float, float, str]], duration_s: float, style: VoiceStyle, seed: int
) -> InfantVoice:
    """The infant's voice over a clip: `plan` lists (start_s, end_s, cry | laugh | babble), silent elsewhere."""
    rng = np.random.default_rng(seed)
    tracks = _Tracks(duration_s)
    utterances: list[Utterance] = []
    for start_s, end_s, label in plan:
        utterances += PARTS[label](tracks, start_s, end_s, rng)
    jitter = 1 + 0.006 * smooth_noise(rng, tracks.n, 30, CONTROL_HZ)
    f0_hz = tracks.f0_hz * style.pitch * jitter
    wave = _sing(tracks, f0_hz, style, rng)
    loudest = float(np.abs(wave).max()) or 1.0
    return InfantVoice(0.7 * wave / loudest, np.where(tracks.voiced, f0_hz, 0.0), tuple(utterances))


def _sing(tracks: _Tracks, f0_hz: F64, style: VoiceStyle, rng: np.random.Generator) -> F64:
    first = style.tract * (750 + 550 * tracks.open)
    rest = [np.full(tracks.n, style.tract * hz) for hz in INFANT_FORMANTS_HZ[1:]]
    widths = (140.0, 220.0, 320.0, 450.0)
    voiced = harmonics(f0_hz, tracks.level, [first, *rest], widths, tilt=1.15)
    rough_hz = 45 + 12 * smooth_noise(rng, tracks.n, 3, CONTROL_HZ)
    beat = np.sin(2 * np.pi * np.cumsum(to_samples(rough_hz)) / RATE_HZ)
    voiced *= 1 - to_samples(style.rough * tracks.rough) * 0.5 * (1 + beat)
    shimmer = 1 + 0.05 * smooth_noise(rng, len(voiced), 40, RATE_HZ)
    centres = [style.tract * hz for hz in INFANT_FORMANTS_HZ]
    breath = resonate(rng.standard_normal(len(voiced)), centres, (400.0, 600.0, 800.0, 1000.0))
    scale = float(np.std(voiced[voiced != 0])) if np.any(voiced) else 1.0
    return np.asarray(voiced * shimmer + style.breath * scale * to_samples(tracks.breath) * breath)


def loudness_db(wave: F64, n_frames: int, fps: float = 30.0, window_s: float = 0.06) -> F64:
    """RMS in dB of full scale in a window centred on every frame of a grid, floor -90."""
    power = np.concatenate([[0.0], np.cumsum(wave**2)])
    centre = np.arange(n_frames) / fps * RATE_HZ
    half = window_s * RATE_HZ / 2
    low = np.clip(np.round(centre - half).astype(int), 0, len(wave))
    high = np.clip(np.round(centre + half).astype(int), 0, len(wave))
    mean = (power[high] - power[low]) / np.maximum(high - low, 1)
    return np.asarray(10 * np.log10(mean + 1e-9))
