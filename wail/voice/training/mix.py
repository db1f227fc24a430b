"""Composes training examples from pictures: powers of independent sounds add, so mixing, tilt, bandwidth, reverberation
and level are done on the mel picture itself, a hundred times cheaper than on waves (`scenes` does it on waves)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from wail.voice.mel import band_centres_hz, log_power
from wail.voice.network import MEL, OUTPUTS, ROWS_PER_STEP
from wail.voice.training.sources import Picture

EXAMPLE_ROWS = 500
INFANTS = {"cry": 0.48, "varied cry": 0.14, "synthetic cry": 0.07, "synthetic laugh": 0.12, "coo_babble": 0.1,
           "synthetic babble": 0.11}  # fmt: skip
STRANGERS = {"cat": 0.16, "dog": 0.06, "bird": 0.07, "farm": 0.05, "animal": 0.2, "siren": 0.13, "car horn": 0.04,
             "squeak": 0.06, "whine": 0.03, "telephone": 0.03, "tune": 0.04, "blown": 0.06, "song": 0.06,
             "bent music": 0.05, "raised voice": 0.08, "motherese": 0.03, "imitation cry": 0.02, "adult laugh": 0.05,
             "slow cry": 0.02}  # fmt: skip
BACKGROUNDS = {"adult_speech": 0.36, "music": 0.16, "noise": 0.3, "synthetic adult": 0.05, "raised voice": 0.05,
               "tune": 0.04, "song": 0.04}  # fmt: skip
OCTAVE = np.log2(band_centres_hz(MEL) / 1000.0).astype(np.float32)


class Layer(NamedTuple):
    """A stretch of one sound, `rows` long from row `at` on, its loud part at `level_db` of the background's."""

    name: str
    level_db: float
    rows: int
    at: int


def layers(names: Sequence[str], rng: np.random.Generator) -> list[Layer]:
    """What sounds in an example: backgrounds at 0 dB, infants and strangers at -8..20 dB, each at its place.

    Only sounds of those names are drawn; a table of which there is none is passed over.
    """
    n_beds = int(rng.choice(3, p=[0.22, 0.58, 0.2]))
    if rng.random() < 0.1:  # strangers alone, as infants come alone too: nothing but the sound itself tells them apart
        alone = _picks(names, STRANGERS, 1 + n_beds // 2, rng)
        return [_layer(name, rng.uniform(-8, 8), rng, whole=0.6) for name in alone]
    out = [_layer(name, 0.0, rng, whole=0.7) for name in _picks(names, BACKGROUNDS, n_beds, rng)]
    if rng.random() < 0.8:
        for name in _picks(names, INFANTS, int(rng.choice([1, 2], p=[0.7, 0.3])), rng):
            out.append(_layer(name, rng.uniform(-8, 20), rng, whole=0.25))
    if rng.random() < 0.3:
        out += [_layer(name, rng.uniform(-5, 20), rng, whole=0.4) for name in _picks(names, STRANGERS, 1, rng)]
    return out


def _picks(names: Sequence[str], chances: Mapping[str, float], count: int, rng: np.random.Generator) -> list[str]:
    present = [name for name in chances if name in names]
    weight = np.array([chances[name] for name in present])
    return [str(name) for name in rng.choice(present, count, p=weight / weight.sum())] if present else []


def _layer(name: str, level_db: float, rng: np.random.Generator, whole: float) -> Layer:
    rows = EXAMPLE_ROWS if rng.random() < whole else int(rng.integers(90, 420))
    return Layer(name, level_db, rows, int(rng.integers(EXAMPLE_ROWS - rows + 1)))


def example(bank: Mapping[str, Sequence[Picture]], rng: np.random.Generator
            ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # fmt: skip
    """One example: log-mel [500, 64] and labels [250, 5] (NaN: unknown, no loss)."""
    power = np.zeros((EXAMPLE_ROWS, MEL.n_bands), np.float32)
    label = np.zeros((EXAMPLE_ROWS, len(OUTPUTS)), np.float32)
    for layer in layers([name for name in bank if bank[name]], rng):
        pictures = bank[layer.name]
        _lay(power, label, pictures[int(rng.integers(len(pictures)))], layer, rng)
    return finish(_channel(power, rng), rng), by_step(label)


def by_step(label: NDArray[np.float32]) -> NDArray[np.float32]:
    """Labels [2 * steps, 5] of rows -> [steps, 5]: 1 wins, then unknown."""
    pairs = label.reshape(-1, ROWS_PER_STEP, len(OUTPUTS))
    return np.asarray(np.where((pairs == 1).any(1), 1.0, pairs.sum(1)), np.float32)


def finish(power: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Log-mel of a picture of power at a random level (-45..-14 dB) over a random floor of noise; a stripe may go."""
    level = 10 ** (rng.uniform(-45, -14) / 10)
    power = power * np.float32(level / max(float(power.sum(1).max()), 1e-9) * 10)
    if rng.random() < 0.25:
        low = int(rng.integers(MEL.n_bands - 8))
        power[:, low : low + int(rng.integers(2, 9))] *= 1e-3
    floor_db = rng.uniform(-95, -58)
    floor = 10 ** ((floor_db + rng.uniform(-4, 2) * OCTAVE) / 10)
    power += floor * rng.standard_gamma(4.0, power.shape, np.float32) / 4
    return log_power(power.astype(np.float32))


def _lay(power: NDArray[np.float32], label: NDArray[np.float32], picture: Picture, layer: Layer,
         rng: np.random.Generator) -> None:  # fmt: skip
    source = stretch_of(len(picture.power), layer.rows, rng)
    piece, marks = picture.power[source], picture.label[source]
    piece = _channel(piece, rng)
    power[layer.at : layer.at + layer.rows] += piece * (10 ** (layer.level_db / 10) / level_of(piece.sum(1), marks))
    mark(label, marks, layer.at)


def stretch_of(length: int, rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of a recording of `length` rows from a random one on; they repeat when the recording is the shorter."""
    return (int(rng.integers(length)) + np.arange(rows)) % length


def level_of(total: NDArray[np.float32], marks: NDArray[np.float32]) -> float:
    """Mean power of the rows where an infant sounds, or of the loudest third where none is marked."""
    known = marks[:, :4].max(1) == 1
    loud = total[known] if known.any() else np.sort(total)[-max(1, len(total) // 3):]
    return max(float(loud.mean()), 1e-9)


def mark(label: NDArray[np.float32], marks: NDArray[np.float32], at: int) -> None:
    """Joins a layer's labels in place: 1 wins over unknown, unknown over 0."""
    here = label[at : at + len(marks)]
    label[at : at + len(marks)] = np.where((here == 1) | (marks == 1), 1.0, here + marks)


def _channel(power: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Spectral tilt, random low-pass and high-pass, and reverberation as an exponential tail."""
    gain_db = rng.normal(0, 2.0) * OCTAVE
    if rng.random() < 0.35:
        gain_db = gain_db - 24 * np.maximum(0, (OCTAVE - np.log2(rng.uniform(3.0, 6.5))) * 4)
    if rng.random() < 0.2:
        gain_db = gain_db - 12 * np.maximum(0, np.log2(rng.uniform(0.1, 0.35)) - OCTAVE)
    power = power * (10 ** (np.maximum(gain_db, -90) / 10)).astype(np.float32)
    if rng.random() < 0.3:
        power = _reverberate(power, rng.uniform(0.1, 0.8), 10 ** rng.uniform(-2.0, -0.4))
    return power.astype(np.float32)


def _reverberate(power: NDArray[np.float32], rt60_s: float, wet: float) -> NDArray[np.float32]:
    """One pole per band: a tail that falls by 60 dB in `rt60_s` and holds `wet` of the energy."""
    keep = 10 ** (-6.0 * MEL.hop_samples / 16_000 / rt60_s)
    tail = lfilter([0.0, wet * (1 - keep)], [1.0, -keep], power, axis=0)
    return np.asarray(power + tail, np.float32)
