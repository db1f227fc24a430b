"""Composes training examples from pictures: powers of independent sounds add, so mixing, tilt, bandwidth, reverberation
and level are done on the mel picture itself, a hundred times cheaper than on waves."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wail.voice.mel import band_centres_hz, log_power
from wail.voice.network import MEL, OUTPUTS, ROWS_PER_STEP
from wail.voice.training.corpus import Picture

EXAMPLE_ROWS = 500
EVENTS = {"cry": 0.42, "synthetic cry": 0.14, "laugh": 0.12, "synthetic laugh": 0.12, "coo_babble": 0.08,
          "synthetic babble": 0.12}  # fmt: skip
BACKGROUNDS = {"adult_speech": 0.34, "music": 0.14, "noise": 0.24, "synthetic adult": 0.1, "synthetic siren": 0.1,
               "synthetic tune": 0.08}  # fmt: skip
OCTAVE = np.log2(band_centres_hz(MEL) / 1000.0).astype(np.float32)


def example(bank: Mapping[str, Sequence[Picture]], rng: np.random.Generator
            ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # fmt: skip
    """One example: log-mel [500, 64] and labels [250, 5] (NaN: unknown, no loss)."""
    power = np.zeros((EXAMPLE_ROWS, MEL.n_bands), np.float32)
    label = np.zeros((EXAMPLE_ROWS, len(OUTPUTS)), np.float32)
    for _ in range(rng.choice(3, p=[0.1, 0.7, 0.2])):
        _lay(power, label, _pick(bank, BACKGROUNDS, rng), 0.0, rng, whole=rng.random() < 0.7)
    if rng.random() < 0.75:
        for _ in range(rng.choice([1, 2], p=[0.7, 0.3])):
            _lay(power, label, _pick(bank, EVENTS, rng), rng.uniform(-8, 20), rng, whole=rng.random() < 0.25)
    power = _channel(power, rng)
    power *= 10 ** (rng.uniform(-45, -14) / 10) / max(float(power.sum(1).max()), 1e-9) * 10
    floor_db = rng.uniform(-95, -58)
    power += 10 ** ((floor_db + rng.uniform(-4, 2) * OCTAVE) / 10) * rng.gamma(4.0, 0.25, power.shape)
    pairs = label.reshape(-1, ROWS_PER_STEP, len(OUTPUTS))
    return log_power(power.astype(np.float32)), pairs.max(1)


def _pick(bank: Mapping[str, Sequence[Picture]], chances: Mapping[str, float], rng: np.random.Generator) -> Picture:
    names = [name for name in chances if bank.get(name)]
    weight = np.array([chances[name] for name in names])
    pictures = bank[str(rng.choice(names, p=weight / weight.sum()))]
    return pictures[int(rng.integers(len(pictures)))]


def _lay(power: NDArray[np.float32], label: NDArray[np.float32], picture: Picture, level_db: float,
         rng: np.random.Generator, whole: bool) -> None:  # fmt: skip
    """Adds a stretch of the picture at `level_db` (its loud rows at that mean power), in place."""
    rows = EXAMPLE_ROWS if whole else int(rng.integers(90, 420))
    tiled = np.resize(np.arange(len(picture.power)), rows + len(picture.power))
    # Rows repeat when the recording is shorter than the stretch.
    source = tiled[(offset := int(rng.integers(len(picture.power)))) : offset + rows]
    piece, marks = picture.power[source], picture.label[source]
    total = piece.sum(1)
    known = marks[:, :4].max(1) == 1
    loud = total[known] if known.any() else np.sort(total)[-max(1, rows // 3):]
    gain = 10 ** (level_db / 10) / max(float(loud.mean()), 1e-9)
    piece = _channel(piece, rng) * gain
    at = int(rng.integers(EXAMPLE_ROWS - rows + 1))
    power[at : at + rows] += piece
    # 1 wins over unknown, unknown over 0.
    here = label[at : at + rows]
    label[at : at + rows] = np.where((here == 1) | (marks == 1), 1.0, here + marks)


def _channel(power: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Spectral tilt, random low-pass and high-pass, and reverberation as an exponential tail."""
    gain_db = rng.normal(0, 2.0) * OCTAVE
    if rng.random() < 0.35:
        gain_db = gain_db - 24 * np.maximum(0, (OCTAVE - np.log2(rng.uniform(3.0, 6.5))) * 4)
    if rng.random() < 0.2:
        gain_db = gain_db - 12 * np.maximum(0, np.log2(rng.uniform(0.1, 0.35)) - OCTAVE)
    power = power * (10 ** (np.maximum(gain_db, -90) / 10)).astype(np.float32)
    if rng.random() < 0.4:
        power = _reverberate(power, rng.uniform(0.1, 0.8), 10 ** rng.uniform(-2.0, -0.4))
    return power.astype(np.float32)


def _reverberate(power: NDArray[np.float32], rt60_s: float, wet: float) -> NDArray[np.float32]:
    keep = 10 ** (-6.0 * MEL.hop_samples / 16_000 / rt60_s)
    n_tail = min(len(power), int(rt60_s * 16_000 / MEL.hop_samples))
    tail = keep ** np.arange(1, n_tail + 1)
    tail *= wet / tail.sum()
    size = len(power) + n_tail
    spread = np.fft.irfft(np.fft.rfft(power, size, axis=0) * np.fft.rfft(np.r_[0.0, tail], size)[:, None], size, axis=0)
    return np.asarray(power + np.maximum(spread[: len(power)], 0), np.float32)
