"""A spectrogram for the eye: log-spaced bands over time, no wider than a picture, of a recording of any length."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wail.voice.mel import RATE_HZ, MelConfig, log_power, mel_power

MAX_COLUMNS = 2400
"""More are more than a picture has pixels."""
WINDOW = 1024
"""64 ms: the harmonics of a cry stand apart."""
HOPS = (64, 128, 256, 512)


@dataclass(frozen=True)
class Spectrum:
    """`db` [bands, columns], the loudest of the time each column stands for; column k begins at `k * column_s`."""

    db: NDArray[np.float32]
    column_s: float
    bands: MelConfig


class SpectrumMaker:
    """Takes a recording of `n` samples in blocks, and holds its picture only."""

    def __init__(self, n: int) -> None:
        hop = next((hop for hop in HOPS if n <= hop * MAX_COLUMNS), HOPS[-1])
        self._bands = MelConfig(window_samples=WINDOW, hop_samples=hop, n_bands=144, low_hz=80.0, high_hz=7900.0)
        self._per_column = max(1, -(-n // (hop * MAX_COLUMNS)))
        self._size = hop * self._per_column
        self._columns: list[NDArray[np.float32]] = []
        self._rest = np.zeros(0, np.float32)

    def add(self, block: NDArray[np.float32]) -> None:
        """The next samples [m]."""
        wave = np.concatenate([self._rest, block])
        whole = len(wave) - len(wave) % self._size
        self._rest = wave[whole:]
        if whole:
            self._columns.append(self._reduced(wave[:whole]))

    def _reduced(self, wave: NDArray[np.float32]) -> NDArray[np.float32]:
        power = mel_power(wave, self._bands)
        return np.maximum.reduceat(power, np.arange(0, len(power), self._per_column), axis=0)

    def done(self) -> Spectrum:
        columns = [*self._columns, self._reduced(self._rest)] if len(self._rest) else self._columns
        power = np.concatenate(columns) if columns else np.zeros((0, self._bands.n_bands), np.float32)
        return Spectrum(log_power(power).T * np.float32(10 / np.log(10)), self._size / RATE_HZ, self._bands)
