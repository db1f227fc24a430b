"""Mel spectrogram in numpy, in blocks, so that its memory does not grow with the recording's working arrays."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
BLOCK_FRAMES = 4096


@dataclass(frozen=True)
class MelConfig:
    """One row per hop; row k is centred at (k + 0.5) * hop samples, so that rows tile the recording."""

    window_samples: int = 512
    hop_samples: int = 256
    n_bands: int = 64
    low_hz: float = 60.0
    high_hz: float = 7800.0


@lru_cache(maxsize=8)
def mel_filters(config: MelConfig) -> NDArray[np.float32]:
    """Triangular filters of unit sum, equally spaced in HTK mel: [n_bands, window // 2 + 1]."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (config.low_hz, config.high_hz))
    edges_hz = 700.0 * (10.0 ** (np.linspace(low, high, config.n_bands + 2) / 2595.0) - 1.0)
    bins_hz = np.fft.rfftfreq(config.window_samples, 1.0 / RATE_HZ)
    rising = (bins_hz - edges_hz[:-2, None]) / (edges_hz[1:-1] - edges_hz[:-2])[:, None]
    falling = (edges_hz[2:, None] - bins_hz) / (edges_hz[2:] - edges_hz[1:-1])[:, None]
    weights = np.maximum(0.0, np.minimum(rising, falling))
    # A band narrower than a bin can fall between two bins: it then takes the nearest one.
    centre_bin = np.abs(bins_hz - edges_hz[1:-1, None]).argmin(1)
    weights[np.arange(config.n_bands), centre_bin] = np.maximum(
        weights[np.arange(config.n_bands), centre_bin], 1e-3)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def band_centres_hz(config: MelConfig) -> NDArray[np.float64]:
    """Centre frequency of each mel band [n_bands], Hz."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (config.low_hz, config.high_hz))
    mels = np.linspace(low, high, config.n_bands + 2)[1:-1]
    return np.asarray(700.0 * (10.0 ** (mels / 2595.0) - 1.0), np.float64)


def n_rows(n_samples: int, config: MelConfig) -> int:
    """Rows that tile `n_samples`: the last one may reach past the end."""
    return -(-n_samples // config.hop_samples)


def mel_power(wave: NDArray[np.float32], config: MelConfig) -> NDArray[np.float32]:
    """Mean power per mel band [rows, n_bands] of a mono 16 kHz wave; a full-scale sine gives about 0.1 in its band.

    Beyond both ends of the wave there is silence.
    """
    rows = n_rows(len(wave), config)
    out = np.empty((rows, config.n_bands), np.float32)
    for start, block in _blocks(wave, rows, config):
        out[start : start + len(block)] = block
    return out


def _blocks(wave: NDArray[np.float32], rows: int, config: MelConfig) -> Iterator[tuple[int, NDArray[np.float32]]]:
    hop, width = config.hop_samples, config.window_samples
    window = np.hanning(width + 1)[:-1].astype(np.float32)
    filters_t = mel_filters(config).T / np.float32((window**2).sum() * width / 2)
    lead = (width - hop) // 2
    for start in range(0, rows, BLOCK_FRAMES):
        stop = min(rows, start + BLOCK_FRAMES)
        first, last = start * hop - lead, (stop - 1) * hop - lead + width
        piece = wave[max(first, 0) : min(last, len(wave))]
        piece = np.pad(piece, (max(-first, 0), max(last - len(wave), 0)))
        frames = np.lib.stride_tricks.sliding_window_view(piece, width)[::hop]
        spectrum = np.fft.rfft(frames * window, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        yield start, power @ filters_t


def log_power(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Natural logarithm with a floor at about -100 dB of full scale."""
    return np.asarray(np.log(power + np.float32(1e-10)), np.float32)


def mean_and_variance(wave: NDArray[np.float32]) -> tuple[float, float]:
    """Of all samples, in float64 by stretches, so that a long wave needs no second copy; 0, 0 of an empty one."""
    count, total, squares = 0, 0.0, 0.0
    for row in np.atleast_2d(wave):
        for k in range(0, len(row), 1 << 20):
            piece = row[k : k + (1 << 20)].astype(np.float64)
            count, total, squares = count + len(piece), total + float(piece.sum()), squares + float(piece @ piece)
    mean = total / max(count, 1)
    return mean, max(squares / max(count, 1) - mean * mean, 0.0)
