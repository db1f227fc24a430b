"""Composes mixtures for the infant separator from waves: infant recordings over talk, music, noise and their sums.

The target is the infant alone, as a room and a phone would have it: the recording within its active parts, silence
between them. Everything is decoded and resampled once (about 1.3 GB); an example of 4 s then costs some 10 ms.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import resample_poly

from wail.voice.training import sources
from wail.voice.training.corpus import Entry, read_wave

RATE_HZ = 16_000
Wave = NDArray[np.float32]
SPEEDS = ((20, 17), (1, 1), (20, 23))
"""resample_poly factors: 0.85, 1 and 1.15 times the speed, pitch with it."""
INFANT = ("cry", "coo_babble", "laugh")
SYNTHETIC = {**dict.fromkeys(("synthetic cry", "synthetic laugh", "synthetic babble"), "synthetic infant"),
             **dict.fromkeys(("synthetic adult", "motherese"), "synthetic talk")}  # fmt: skip
FADE_S, MARGIN_S = 0.1, 0.05
LEAST_CONTRAST_DB = 10.0
"""Recordings whose active parts rise less above the rest are too noisy to be a target."""
BACKGROUNDS = {"speech": 0.27, "tv": 0.17, "music": 0.11, "noise": 0.18, "speech+noise": 0.06, "synthetic talk": 0.04,
               "stranger": 0.14, "hiss": 0.03}  # fmt: skip
NO_INFANT, ALONE = 0.10, 0.04
SYNTHETIC_INFANT, SECOND_INFANT, UNGATED = 0.10, 0.08, 0.25
SNR_DB = (-8.0, 13.0)


@dataclass(frozen=True)
class Take:
    """A recording [n] and where an infant sounds in it: 0..1 with short fades [n]."""

    wave: Wave
    gate: NDArray[np.float16]


Bank = Mapping[str, Sequence[Take]]


def gate_of(entry: Entry, n: int) -> NDArray[np.float32]:
    """1 within the active parts, raised-cosine fades of 100 ms around them, 0 elsewhere: [n]."""
    gate = np.zeros(n, np.float32)
    for start_s, end_s, _ in entry.segments:
        gate[max(0, round((start_s - MARGIN_S) * RATE_HZ)) : max(0, round((end_s + MARGIN_S) * RATE_HZ))] = 1
    window = np.hanning(round(FADE_S * RATE_HZ) + 3).astype(np.float32)
    return np.asarray(np.convolve(gate, window / window.sum(), "same")[:n], np.float32)


def contrast_db(wave: Wave, gate: NDArray[np.float32]) -> float:
    """Level of the active parts over that of the rest; infinite where there is no rest."""
    active, rest = wave[gate > 0.5], wave[gate < 0.01]
    if len(active) < RATE_HZ // 10:
        return -np.inf
    if len(rest) < RATE_HZ // 10:
        return np.inf
    return float(10 * np.log10((np.mean(active**2) + 1e-12) / (np.mean(rest**2) + 1e-12)))


def real_takes(entries: Sequence[Entry], speeds: Sequence[tuple[int, int]] = SPEEDS) -> dict[str, list[Take]]:
    """Takes of each recording at each speed, under `infant` or the recording's label."""
    bank: dict[str, list[Take]] = defaultdict(list)
    for entry in entries:
        wave = read_wave(entry)
        wave = wave - wave.mean()
        if entry.label in INFANT:
            gate = gate_of(entry, len(wave))
            if contrast_db(wave, gate) < LEAST_CONTRAST_DB:
                continue
        else:
            gate = np.zeros(len(wave), np.float32)
        for up, down in speeds:
            moved, moved_gate = (x if up == down else resample_poly(x, up, down) for x in (wave, gate))
            name = "infant" if entry.label in INFANT else entry.label
            bank[name].append(Take(moved.astype(np.float32), np.clip(moved_gate, 0, 1).astype(np.float16)))
    return bank


def other_takes(entries: Sequence[Entry], rng: np.random.Generator, count: int) -> dict[str, list[Take]]:
    """Synthetic infants and talk, and strangers: cats, alarms, songs, imitated cries (`count` of each, as the detector
    hears them in training) and what is made of recordings, such as speech raised in pitch."""
    made = sources.synthetic(rng, count)
    bank: dict[str, list[Take]] = defaultdict(list)
    for name, recordings in {**made, **sources.strangers_of(entries, rng)}.items():
        if name == "slow cry":
            continue  # A cry all the same, if of a giant: neither target nor background.
        place = SYNTHETIC.get(name, "stranger")
        # Synthetic sound has no noise of a room: all of it is the target.
        bank[place] += [Take(r.wave, np.full(len(r.wave), place == "synthetic infant", np.float16)) for r in recordings]
    return bank


def example(bank: Bank, rng: np.random.Generator, n: int) -> tuple[Wave, Wave]:
    """One training example: mix and target, [n] each, at a random level; the target is silent in one of ten."""
    chance = rng.random()
    target = np.zeros(n, np.float32) if chance < NO_INFANT else None
    heard = target
    if target is None or heard is None:
        heard, target = _infant(bank, rng, n)
    behind = np.zeros(n, np.float32) if chance > 1 - ALONE else background(bank, rng, n)
    snr_db = rng.uniform(*SNR_DB)
    behind *= np.float32(active_rms(target) / max(active_rms(behind), 1e-6) * 10 ** (-snr_db / 20)
                         if target.any() else 1.0)  # fmt: skip
    mix = heard + behind
    if rng.random() < 0.2:
        response = _tilt_and_band(rng, _fft_size(n), 0.0, 1.0)
        mix, target = (_filtered(x, response, _fft_size(n)) for x in (mix, target))
    mix += np.float32(10 ** (rng.uniform(-75, -45) / 20) * active_rms(mix)) * rng.standard_normal(n, np.float32)
    level = np.float32(10 ** (rng.uniform(-40, -14) / 20) / max(float(np.sqrt(np.mean(mix**2))), 1e-6))
    return mix * level, target * level


def background(bank: Bank, rng: np.random.Generator, n: int) -> Wave:
    """Everything but the infant, [n], at any level: talk, music, TV (talk and music), noise and made sounds."""
    names = [name for name in BACKGROUNDS if all(bank.get(part) for part in _parts_of(name))]
    weight = np.array([BACKGROUNDS[name] for name in names])
    name = str(rng.choice(names, p=weight / weight.sum()))
    out = np.zeros(n, np.float32)
    parts = _parts_of(name)
    if parts == ("adult_speech",) and rng.random() < 0.25:
        parts = ("adult_speech", "adult_speech")
    for k, part in enumerate(parts):
        take = bank[part][int(rng.integers(len(bank[part])))]
        piece = _room(stretch(take.wave, rng, n), rng, n)
        out += piece * np.float32(10 ** ((rng.uniform(-12, 4) if k else 0.0) / 20) / max(active_rms(piece), 1e-6))
    return _hiss(rng, n) if name == "hiss" else out


def active_rms(wave: Wave) -> float:
    """Root mean square over the 20 ms frames within 30 dB of the loudest one: pauses do not count. 0 of silence."""
    frame = RATE_HZ // 50
    if len(wave) < frame:
        return float(np.sqrt(np.mean(wave**2))) if len(wave) else 0.0
    power = np.mean(wave[: len(wave) // frame * frame].reshape(-1, frame) ** 2, 1)
    return float(np.sqrt(power[power >= power.max() * 1e-3].mean()))


def _parts_of(name: str) -> tuple[str, ...]:
    return {"speech": ("adult_speech",), "tv": ("adult_speech", "music"), "speech+noise": ("adult_speech", "noise"),
            "hiss": ()}.get(name, (name,))  # fmt: skip


def _infant(bank: Bank, rng: np.random.Generator, n: int) -> tuple[Wave, Wave]:
    """An infant as heard, with or without what else its recording holds, and as target."""
    name = "synthetic infant" if bank.get("synthetic infant") and rng.random() < SYNTHETIC_INFANT else "infant"
    heard, target = _one_infant(bank[name], rng, n)
    if rng.random() < SECOND_INFANT:
        more_heard, more = _one_infant(bank[name], rng, n)
        gain = np.float32(10 ** (rng.uniform(-8, 3) / 20) * active_rms(target) / max(active_rms(more), 1e-6))
        heard, target = heard + gain * more_heard, target + gain * more
    return heard, target


def _one_infant(takes: Sequence[Take], rng: np.random.Generator, n: int) -> tuple[Wave, Wave]:
    take = takes[int(rng.integers(len(takes)))]
    active = np.flatnonzero(take.gate > 0.5)
    # An active moment lies somewhere inside the window; beyond the recording's ends there is silence.
    start = int(active[rng.integers(len(active))]) - int(rng.uniform(0.1, 0.9) * n)
    wave, gate = window(take.wave, start, n), window(take.gate.astype(np.float32), start, n)
    size = _fft_size(n)
    response = _tilt_and_band(rng, size, 2.0, 0.3)
    if rng.random() < 0.4:
        response = response * _reverb(rng, size)
    target = _filtered(wave * gate, response, size)
    return (_filtered(wave, response, size) if rng.random() < UNGATED else target.copy()), target


def _room(wave: Wave, rng: np.random.Generator, n: int) -> Wave:
    size = _fft_size(n)
    response = _tilt_and_band(rng, size, 2.0, 0.35)
    if rng.random() < 0.4:
        response = response * _reverb(rng, size)
    return _filtered(wave, response, size)


def stretch(wave: Wave, rng: np.random.Generator, n: int) -> Wave:
    """A window of the recording, which repeats where it is too short."""
    start = int(rng.integers(max(len(wave) - n, 0) + 1))
    if len(wave) >= n:
        return wave[start : start + n]
    return np.resize(np.roll(wave, int(rng.integers(len(wave)))), n)


def window(wave: Wave, start: int, n: int) -> Wave:
    out = np.zeros(n, np.float32)
    low, high = max(start, 0), min(start + n, len(wave))
    out[low - start : high - start] = wave[low:high]
    return out


def _fft_size(n: int) -> int:
    return int(next_fast_len(n + RATE_HZ // 2, real=True))


def _filtered(wave: Wave, response: NDArray[np.complex64], size: int) -> Wave:
    return np.asarray(irfft(rfft(wave, size) * response, size)[: len(wave)], np.float32)


def _tilt_and_band(rng: np.random.Generator, size: int, tilt_db: float, low_pass: float) -> NDArray[np.complex64]:
    """Random spectral tilt (dB per octave, deviation `tilt_db`), and with the chance `low_pass` the band of a phone."""
    octave = np.log2(np.maximum(np.fft.rfftfreq(size, 1 / RATE_HZ), 40.0) / 1000.0)
    gain_db = np.clip(rng.normal(0, 1) * tilt_db * octave, -24, 24)
    if rng.random() < low_pass:
        gain_db -= np.maximum(0, octave - np.log2(rng.uniform(3.0, 7.0))) * 160
    if rng.random() < 0.3:
        gain_db -= np.maximum(0, np.log2(rng.uniform(0.06, 0.35)) - octave) * 18
    return np.asarray(10 ** (np.maximum(gain_db, -90) / 20), np.complex64)


def _reverb(rng: np.random.Generator, size: int) -> NDArray[np.complex64]:
    """Direct sound and an exponentially dying tail of noise (Moorer 1979), RT60 0.1-0.8 s."""
    rt60_s, wet = rng.uniform(0.1, 0.8), 10 ** rng.uniform(-1.2, 0.0)
    n = int(min(rt60_s, 0.5) * RATE_HZ)
    tail = rng.standard_normal(n, np.float32) * np.exp(-6.9 / rt60_s / RATE_HZ * np.arange(n, dtype=np.float32))
    tail[: int(rng.uniform(0.001, 0.01) * RATE_HZ)] = 0
    tail *= np.float32(wet / np.sqrt((tail**2).sum() + 1e-9))
    tail[0] = 1
    return np.asarray(rfft(tail, size), np.complex64)


def _hiss(rng: np.random.Generator, n: int) -> Wave:
    """Noise of random tilt whose level wanders: fans, rustle, rain."""
    level = np.interp(np.arange(n), np.linspace(0, n, 12), 10 ** (rng.normal(0, rng.uniform(0, 6), 12) / 20))
    coloured = _filtered(rng.standard_normal(n, np.float32), _tilt_and_band(rng, _fft_size(n), 5.0, 0.3), _fft_size(n))
    return np.asarray(coloured * level / max(active_rms(coloured), 1e-6), np.float32)
