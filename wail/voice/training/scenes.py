"""Composes examples on waves, each source in a room of its own, and sends them through real codecs: what powers of
pictures cannot show. Slower than `mix`, so that a bank of them is made once and varied in level, tilt and noise."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from wail.voice.mel import log_power, mel_power
from wail.voice.network import MEL, OUTPUTS
from wail.voice.training.codecs import CHAINS, round_trip
from wail.voice.training.mix import EXAMPLE_ROWS, OCTAVE, Layer, by_step, finish, layers, level_of, mark, stretch_of
from wail.voice.training.rooms import through_channel
from wail.voice.training.sources import SPEEDS, Recording

HOP = MEL.hop_samples
Scene = tuple[NDArray[np.float16], NDArray[np.float32]]
"""Log-mel [500, 64] and labels [500, 5] on rows."""


def scenes(bank: Mapping[str, Sequence[Recording]], count: int, rng: np.random.Generator) -> list[Scene]:
    """`count` scenes of 8 s, shared among the chains of codecs; each chain's are encoded as one long recording."""
    out: list[Scene] = []
    for chain, n in zip(CHAINS, np.diff(np.linspace(0, count, len(CHAINS) + 1).astype(int)), strict=True):
        pairs = [compose(bank, rng) for _ in range(n)]
        wave = np.concatenate([wave for wave, _ in pairs]) if pairs else np.zeros(0, np.float32)
        for codec in chain if n else ():
            wave = round_trip(wave, codec)
        pieces = wave.reshape(n, EXAMPLE_ROWS * HOP)
        out += [(log_power(mel_power(piece, MEL)).astype(np.float16), label)
                for piece, (_, label) in zip(pieces, pairs, strict=True)]  # fmt: skip
    return out


def compose(bank: Mapping[str, Sequence[Recording]], rng: np.random.Generator
            ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # fmt: skip
    """One wave [128000] and its labels [500, 5], those of the dry sounds: a tail of reverberation is no voice."""
    wave = np.zeros(EXAMPLE_ROWS * HOP, np.float32)
    label = np.zeros((EXAMPLE_ROWS, len(OUTPUTS)), np.float32)
    for layer in layers([name for name in bank if bank[name]], rng):
        choice = bank[layer.name]
        _lay(wave, label, choice[int(rng.integers(len(choice)))], layer, rng)
    wave = through_channel(wave, rng, wet=0.15) + rng.standard_normal(len(wave)).astype(np.float32) * 1e-5
    return wave * np.float32(10 ** (rng.uniform(-35, 0) / 20) / max(float(np.abs(wave).max()), 1e-6)), label


def _lay(wave: NDArray[np.float32], label: NDArray[np.float32], recording: Recording, layer: Layer,
         rng: np.random.Generator) -> None:  # fmt: skip
    up, down = SPEEDS[int(rng.integers(len(SPEEDS)))]
    source = stretch_of(len(recording.label), int(np.ceil(layer.rows * down / up)) + 1, rng)
    padded = np.pad(recording.wave, (0, len(recording.label) * HOP - len(recording.wave))).reshape(-1, HOP)
    piece, marks = padded[source].reshape(-1), recording.label[source]
    if up != down:
        piece = resample_poly(piece, up, down).astype(np.float32)
        rows = np.minimum((np.arange(layer.rows) + 0.5) * down / up, len(marks) - 1).astype(int)
        marks = marks[rows]
    piece, marks = through_channel(piece[: layer.rows * HOP], rng, wet=0.4), marks[: layer.rows]
    power = level_of(np.square(piece).reshape(-1, HOP).mean(1), marks)
    gain = np.float32(np.sqrt(10 ** (layer.level_db / 10) / power))
    wave[layer.at * HOP : (layer.at + layer.rows) * HOP] += piece * gain
    mark(label, marks, layer.at)


def varied(scene: Scene, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A scene at another level, tilt and floor: log-mel [500, 64] and labels [250, 5]."""
    power = np.exp(scene[0].astype(np.float32)) * 10 ** (rng.normal(0, 1.5) * OCTAVE / 10)
    return finish(power.astype(np.float32), rng), by_step(scene[1])
